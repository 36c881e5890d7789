"""Fetches published weights: with progress, resumable, never half a file under its real name."""

import hashlib
import http.client
import logging
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import h5py
from tqdm import tqdm

logger = logging.getLogger(__name__)

_CHUNK = 1 << 20  # bytes
_TIMEOUT = 30  # seconds without a byte


@dataclass(frozen=True)
class Published:
    """A weights file that others published.

    Attributes:
        url: where it is.
        backbone: `Config.BACKBONE` that it holds.
        md5: checksum its publishers give.
        holds: what is in it, in a few words.
    """

    url: str
    backbone: str
    md5: str
    holds: str

    @property
    def filename(self):
        return self.url.rsplit("/", 1)[1]


PUBLISHED = {
    "coco": Published(
        "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5",
        "resnet101", "e98aaff6f99e307b5e2a8a3ff741a518",
        "Matterport's Mask R-CNN (ResNet-101 FPN), trained on COCO"),
    "imagenet": Published(
        "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/"
        "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "resnet50", "a268eb855778b3df3c7506639542a6af",
        "Keras' ResNet-50 without its top layer, trained on ImageNet"),
}


def published_weights(name, folder):
    """Path of a published weights file in `folder`, fetched if it is not there.

    Args:
        name: "coco" or "imagenet".
        folder: where weights are kept.

    Raises:
        OSError: it cannot be fetched; the message says which file to put where.
        ValueError: what was fetched is not the published file.
    """
    source = PUBLISHED[name]
    path = Path(folder) / source.filename
    if not path.exists():
        logger.info("Fetching %s: %s.", name, source.holds)
        fetch(source.url, path, source.md5)
    return path


def fetch(url, path, md5=None):
    """Downloads an HDF5 file to `path`; what an interrupted download left is continued.

    Bytes gather in `path` + ".part", which gets its real name only once it is complete.

    Raises:
        OSError: the network failed, or the folder cannot be written.
        ValueError: the finished file has another checksum or is no HDF5; it is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        _receive(url, part)
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError,
            TimeoutError) as error:
        reason = getattr(error, "reason", error)
        raise ConnectionError(
            f"Could not download {url} ({reason}). Run again to go on where it stopped, or fetch "
            f"that file on another machine and put it at {path}."
        ) from error
    _verify(part, url, md5)
    os.replace(part, path)
    return path


def _receive(url, part):
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
                unit_scale=True) as bar:
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


def _verify(part, url, md5):
    """Removes and refuses a finished file that is not what it should be."""
    problem = None
    if md5 and _md5(part) != md5:
        problem = f"its MD5 is {_md5(part)}, published is {md5}"
    elif not h5py.is_hdf5(part):
        problem = "it is no HDF5 file"
    else:
        try:
            h5py.File(part, "r").close()
        except OSError as error:  # HDF5 records its own length, so a cut file is noticed
            problem = str(error)
    if problem:
        part.unlink()
        raise ValueError(f"What came from {url} is not the published file: {problem}. It was "
                         "removed; try again.")


def _md5(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
