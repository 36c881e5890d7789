"""What a network found on every photo, kept on disk: a changed table costs seconds, not hours.

A folder holds what belongs to one network, one set of photos and one set of thresholds: its name
ends in a digest of all three, so results of others are never taken for them and stay where they
are. Photos are kept in shards of a hundred; a run that is killed has lost at most one of them.

    results-1a2b3c4d/recipe.json        what they are results of
                     shard-00000.npz    boxes, classes, scores, masks as run-length codes, ...
                     facts.json         what else is known of the network, once it has run

Letters: I photos of a shard, N garments found on a photo, M true ones, K keypoints, E numbers of a
vector.
"""

import contextlib
import hashlib
import json
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrcnn.detection import Raw
from mrcnn.files import atomic_path

SHARD_IMAGES = 100
# Shards held at a time by who asks for single photos.
_HELD = 8
_FORMAT = 2
_ARRAYS = ("keypoints", "embeddings")  # of `Raw`, kept without their rows of zeros


@dataclass(frozen=True)
class ImageResult:
    """One photo.

    Attributes:
        image_id: the data set's.
        found: `Raw` without `mask_probs`.
        masks: N COCO run-length codes of the whole photo; None for a network without a mask head.
        true_embeddings: [M, E] of its first true garments; None where they were not described.
    """

    image_id: int
    found: Raw
    masks: list[dict] | None = None
    true_embeddings: np.ndarray | None = None


class Results:
    """Results of one recipe in a folder.

    Args:
        folder: around the folder of the results.
        recipe: JSON-able dict of everything that the results depend on.
        image_ids: of the photos, rising.

    Attributes:
        folder: of the results.
        asked: [I] ids of the photos, also of those that cannot be read.
    """

    def __init__(self, folder: str | Path, recipe: dict, image_ids):
        self.recipe = {"format": _FORMAT, **recipe}
        self.folder = Path(folder) / f"results-{digest(self.recipe)}"
        self.asked = np.asarray(image_ids, int)
        self._shards: OrderedDict[int, list[ImageResult]] = OrderedDict()

    def others(self) -> list[str]:
        """Names of the folders beside this one that hold results of other recipes."""
        return sorted(path.name for path in self.folder.parent.glob("results-????????")
                      if path != self.folder)

    def missing(self) -> list[int]:
        """Numbers of the shards that are not there yet."""
        return [number for number in range(-(-len(self.asked) // SHARD_IMAGES))
                if not self._path(number).is_file()]

    def ids_of(self, shard: int) -> np.ndarray:
        """Ids of the photos of a shard."""
        return self.asked[shard * SHARD_IMAGES:(shard + 1) * SHARD_IMAGES]

    def write(self, shard: int, images: list[ImageResult], seconds: float) -> None:
        """Keeps a shard.

        Args:
            shard: its number.
            images: those of its photos that could be read.
            seconds: that it took.
        """
        if not (self.folder / "recipe.json").is_file():
            self._write_json("recipe.json", self.recipe)
        with atomic_path(self._path(shard)) as path, path.open("wb") as file:
            np.savez(file, seconds=seconds, **_to_arrays(images))

    def write_facts(self, facts: dict) -> None:
        """Keeps a JSON-able dict beside the shards."""
        self._write_json("facts.json", facts)

    def facts(self) -> dict | None:
        """What `write_facts` kept; None if it did not."""
        path = self.folder / "facts.json"
        try:
            return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        except ValueError as error:
            raise ValueError(f"{path} is damaged ({error}). Delete it: what the network costs is "
                             "then measured again.") from error

    def seconds(self) -> float:
        """How long the network took, in all runs together."""
        total = 0.0
        for shard in self._numbers():
            with self._open(shard) as arrays:
                total += float(arrays["seconds"])
        return total

    def __iter__(self):
        """Yields `ImageResult`, photo by photo, in order."""
        for shard in self._numbers():
            yield from self._read(shard)

    def __getitem__(self, image_id: int) -> ImageResult:
        """One photo's; those beside it are kept at hand.

        Raises:
            KeyError: it could not be read, or was not asked for.
        """
        place = int(np.searchsorted(self.asked, image_id))
        shard = place // SHARD_IMAGES
        if shard not in self._shards:
            if place >= len(self.asked):
                raise KeyError(image_id)
            self._shards[shard] = self._read(shard)
            while len(self._shards) > _HELD:
                self._shards.popitem(last=False)
        for image in self._shards[shard]:
            if image.image_id == image_id:
                return image
        raise KeyError(image_id)

    def _numbers(self):
        missing = self.missing()
        if missing:
            raise ValueError(f"{self.folder}: {len(missing)} shards are missing, the first is "
                             f"{self._path(missing[0]).name}. Run the network over them first.")
        return range(-(-len(self.asked) // SHARD_IMAGES))

    def _read(self, shard) -> list[ImageResult]:
        with self._open(shard) as arrays:
            return list(_from_arrays(dict(arrays)))

    @contextlib.contextmanager
    def _open(self, shard):
        """A shard's arrays, each read when it is asked for."""
        try:
            with np.load(self._path(shard), allow_pickle=False) as arrays:
                yield arrays
        except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise ValueError(f"{self._path(shard)} is damaged ({error}). Delete it: the network "
                             "then runs over its photos again.") from error

    def _path(self, shard) -> Path:
        return self.folder / f"shard-{shard:05d}.npz"

    def _write_json(self, name, content) -> None:
        with atomic_path(self.folder / name) as path:
            path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def digest(content: dict) -> str:
    """Eight letters that tell one JSON-able dict from another."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:8]


def _to_arrays(images: list[ImageResult]) -> dict[str, np.ndarray]:
    """The photos of a shard, one after the other in each array."""
    found = [image.found for image in images]
    arrays = {
        "image_ids": np.array([image.image_id for image in images], int),
        "shapes": np.array([each.shape for each in found], np.int32).reshape(-1, 2),
        "counts": np.array([len(each.scores) for each in found], int),
        "boxes_px": _joined([each.boxes_px for each in found], np.float32, (4,)),
        "class_ids": _joined([each.class_ids for each in found], np.int32),
        "scores": _joined([each.scores for each in found], np.float32)}
    for name in _ARRAYS:
        if images and getattr(found[0], name) is not None:
            arrays |= _pack(name, np.concatenate([getattr(each, name) for each in found]))
    if images and images[0].masks is not None:
        codes = [code["counts"] for image in images for code in image.masks]
        arrays["code_lengths"] = np.array([len(code) for code in codes], int)
        arrays["codes"] = np.frombuffer(b"".join(codes), np.uint8)
    true = [image.true_embeddings for image in images]
    if any(vectors is not None for vectors in true):
        arrays["true_counts"] = np.array([-1 if each is None else len(each) for each in true])
        arrays["true_embeddings"] = np.concatenate([each for each in true if each is not None])
    return arrays


def _joined(parts, dtype, shape=()):
    return np.concatenate([np.zeros((0, *shape), dtype), *parts]).astype(dtype, copy=False)


def _pack(name, values):
    """Rows [..., V] without those of zeros, and their places."""
    rows = values.reshape(-1, values.shape[-1])
    places = np.flatnonzero(rows.any(axis=1))
    return {f"{name}_shape": np.array(values.shape), f"{name}_places": places, name: rows[places]}


def _unpack(arrays, name):
    if name not in arrays:
        return None
    shape = tuple(arrays[f"{name}_shape"])
    rows = np.zeros((int(np.prod(shape[:-1])), shape[-1]), arrays[name].dtype)
    rows[arrays[f"{name}_places"]] = arrays[name]
    return rows.reshape(shape)


def _from_arrays(arrays):
    """Yields `ImageResult`: undoes `_to_arrays`."""
    ends = np.cumsum(arrays["counts"])
    parts = [arrays[name] for name in ("boxes_px", "class_ids", "scores")]
    parts += [_unpack(arrays, name) for name in _ARRAYS]
    codes, true = _codes(arrays), _true_embeddings(arrays)
    for i, (image_id, shape) in enumerate(zip(arrays["image_ids"], arrays["shapes"], strict=True)):
        rows = slice(ends[i] - arrays["counts"][i], ends[i])
        size = [int(side) for side in shape]
        boxes_px, class_ids, scores, keypoints, embeddings = (
            None if part is None else part[rows] for part in parts)
        found = Raw(tuple(size), boxes_px, class_ids, scores, None, keypoints, embeddings)
        masks = None if codes is None else [
            {"size": size, "counts": code} for code in codes[rows]]
        yield ImageResult(int(image_id), found, masks, true[i])


def _codes(arrays):
    if "codes" not in arrays:
        return None
    data, ends = arrays["codes"].tobytes(), np.cumsum(arrays["code_lengths"])
    return [data[end - length:end]
            for end, length in zip(ends, arrays["code_lengths"], strict=True)]


def _true_embeddings(arrays):
    """Of each photo [M, E], or None."""
    if "true_counts" not in arrays:
        return [None] * len(arrays["image_ids"])
    counts = arrays["true_counts"]
    parts = np.split(arrays["true_embeddings"], np.cumsum(counts[counts >= 0])[:-1])
    parts = iter(parts)
    return [None if count < 0 else next(parts) for count in counts]
