"""Fetches published weights: with progress, resumable, never half a file under its real name."""

import hashlib
import http.client
import logging
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from mrcnn import weights_file

logger = logging.getLogger(__name__)

_CHUNK = 1 << 20  # bytes
_TIMEOUT = 30  # seconds without a byte


@dataclass(frozen=True)
class Published:
    """A weights file that others published.

    Attributes:
        url: where it is.
        backbone: `Config.BACKBONE` that it holds.
        md5: checksum, as NVIDIA's samples and Keras give it; None if there is none.
        holds: what is in it, in a few words.
        tensors: shapes by (layer, weight) that tell it from other weights.
    """

    url: str
    backbone: str
    md5: str | None
    holds: str
    tensors: dict

    @property
    def filename(self):
        return self.url.rsplit("/", 1)[1]


PUBLISHED = {
    "coco": Published(
        "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5",
        "resnet101", "e98aaff6f99e307b5e2a8a3ff741a518",
        "Matterport's Mask R-CNN (ResNet-101 FPN), trained on COCO",
        {("conv1", "kernel"): (7, 7, 3, 64), ("res4w_branch2c", "kernel"): (1, 1, 256, 1024),
         ("rpn_conv_shared", "kernel"): (3, 3, 256, 512),
         ("mrcnn_class_logits", "kernel"): (1024, 81), ("mrcnn_mask", "bias"): (81,)}),
    "imagenet": Published(
        "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/"
        "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "resnet50", "a268eb855778b3df3c7506639542a6af",
        "Keras' ResNet-50 without its top layer, trained on ImageNet",
        {("conv1", "kernel"): (7, 7, 3, 64), ("bn_conv1", "moving_variance"): (64,),
         ("res4f_branch2c", "kernel"): (1, 1, 256, 1024),
         ("res5c_branch2c", "kernel"): (1, 1, 512, 2048)}),
}


def published_weights(name, folder, progress=True):
    """Path of a published weights file in `folder`, fetched if it is not there.

    Args:
        name: "coco" or "imagenet".
        folder: where weights are kept.
        progress: whether to draw a bar.

    Raises:
        OSError: it cannot be fetched; the message says which file to put where.
        ValueError: what was fetched is not the published file.
    """
    source = PUBLISHED[name]
    path = Path(folder) / source.filename
    if not path.exists():
        logger.info("Fetching %s: %s.", name, source.holds)
        fetch(source, path, progress)
    return path


def fetch(source, path, progress=True):
    """Downloads a published file to `path`; what an interrupted download left is continued.

    Bytes gather in `path` + ".part", which gets its real name only once it is complete and has
    the layers it should have.

    Args:
        source: `Published`.
        path: of the file to make; its folder is made if need be.
        progress: whether to draw a bar.

    Returns:
        `path` as a `Path`.

    Raises:
        OSError: the network failed, or the folder cannot be written.
        ValueError: the finished file is truncated, no weights, or others; it is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        _receive(source.url, part, progress)
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError,
            TimeoutError) as error:
        reason = getattr(error, "reason", error)
        raise ConnectionError(
            f"Could not download {source.url} ({reason}). Run again to go on where it stopped, or "
            f"fetch that file on another machine and put it at {path}."
        ) from error
    _verify(part, source)
    os.replace(part, path)
    return path


def _receive(url, part, progress):
    start = part.stat().st_size if part.exists() else 0
    try:
        response = _open(url, start)
    except urllib.error.HTTPError as error:
        if not start or error.code != 416:  # 416: there is nothing after `start`
            raise
        return
    with response:
        is_continued = response.status == 206
        start = start if is_continued else 0
        expected = start + int(response.headers.get("Content-Length") or 0)
        with part.open("ab" if is_continued else "wb") as file, tqdm(
                desc=part.stem, total=expected or None, initial=start, unit="B",
                unit_scale=True, disable=not progress) as bar:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
    if part.stat().st_size < expected:
        raise ConnectionError(f"the connection ended after {part.stat().st_size} of {expected} "
                              "bytes")


def _open(url, start):
    headers = {"User-Agent": "mask-rcnn-clothes"}
    if start:
        headers["Range"] = f"bytes={start}-"
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT)


def _verify(part, source):
    """Removes and refuses a finished file that is not what it should be."""
    problem = _problem(part, source)
    if problem:
        part.unlink()
        raise ValueError(f"What came from {source.url} is not the published file: {problem} It "
                         "was removed; try again.")


def _problem(part, source):
    """What is wrong with a finished file, None if it is the published one."""
    try:
        with weights_file.reading(part) as file:
            shapes = {key: dataset.shape for key, dataset in weights_file.tensors(file, {}).items()}
    except weights_file.WeightsError as error:
        return str(error)
    for key, shape in source.tensors.items():
        if shapes.get(key) != shape:
            return f"{'/'.join(key)} should be {shape} and is {shapes.get(key, 'not there')}."
    if source.md5 and _md5(part) != source.md5:
        return f"its layers are right but its MD5 is {_md5(part)}, published is {source.md5}."
    return None


def _md5(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
