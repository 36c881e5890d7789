"""Any Keras image model as a second stage: cut-outs become vectors without a match head."""

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import cv2
import keras
import numpy as np

from fashion.retrieval.cutout_files import listed, read_cutouts
from fashion.retrieval.garments import Garments
from fashion.retrieval.similarity import Similarity

PREFIX = "keras:"
BATCH = 16
_SIDE = 224  # px of the picture for models that take any size
# Log-odds of "the same" are 10 (cos - 0.8). A scale to read hits by, not learned: what "the same"
# means to a model that never saw pairs is open. The order of hits is that of the cosine.
_COSINE_OF_SAME, _STEEPNESS = 0.8, 10.0


class ImageModel:
    """A Keras model that turns a picture into a vector, normalised to length 1.

    Args:
        source: "keras:NAME" for one of `keras.applications` with its ImageNet weights, as
            "keras:MobileNetV3Small", or the path of a .keras file whose model takes RGB pictures
            [N, side, side, 3] of 0 to 255 and gives [N, E].
        class_names: of the cut-outs, by class id, background first.

    Attributes:
        source: as given, a path made absolute.
        config: None, for there is no network that finds garments.
        class_names: as given.
        similarity: `Similarity` of two vectors: their cosine.
        fingerprint: short digest of the weights.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no model of that name, or one of other inputs or outputs, or no classes.
        OSError: the weights cannot be fetched.
    """

    def __init__(self, source: str, class_names: Sequence[str]):
        if len(class_names) < 2:
            raise ValueError(f"{source} finds no garments on photos, it describes cut-outs. Make "
                             "some first: python fashion/fashion.py extract --output=DIR ...")
        self.config, self.class_names = None, class_names
        if source.startswith(PREFIX):
            self.source = source
            self._model, self._prepare = _application(source.removeprefix(PREFIX))
        else:
            self.source = os.path.abspath(source)
            self._model, self._prepare = _saved(Path(source)), lambda pictures: pictures
        _check(source, self._model)
        self._side = self._model.input_shape[1] or _SIDE
        size = self._model.output_shape[-1]
        # |u - v|^2 = 2 - 2 cos for vectors of length 1.
        self.similarity = Similarity(np.full(size, -_STEEPNESS / 2),
                                     _STEEPNESS * (1 - _COSINE_OF_SAME))
        self.fingerprint = _digest(self._model)

    def embed(self, paths: list[Path], failed: dict) -> Iterator[tuple[Path, Garments]]:
        """Describes cut-outs.

        Args:
            paths: of them.
            failed: dict that gets {path: error} of what cannot be read or is no cut-out: this
                model finds no garments on photos.

        Yields:
            (path, its garment) of the others, in order.
        """
        files = listed(paths)
        failed |= {path: ValueError(f"{path}: no cut-out that extract has made, and {self.source} "
                                    "finds no garments on photos.")
                   for path in paths if path not in files}
        cutouts = read_cutouts(list(files.values()), self.class_names, failed)
        while batch := list(islice(cutouts, BATCH)):
            vectors = self.vectors([picture for _, _, picture in batch])
            for (file, class_id, _), vector in zip(batch, vectors, strict=True):
                yield file.path, Garments([str(file.path)], [file.box_px], [class_id], [1.0],
                                          [vector])

    def vectors(self, pictures: list[np.ndarray]) -> np.ndarray:
        """Vectors of length 1.

        Args:
            pictures: N of [H, W, 3] uint8, of any sizes.

        Returns:
            [N, E] float32.
        """
        squares = np.stack([_on_white(picture, self._side) for picture in pictures])
        vectors = np.asarray(self._model.predict_on_batch(self._prepare(squares)), np.float64)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32)


def _application(name):
    """A model of `keras.applications`, and the function that prepares its pictures."""
    make = getattr(keras.applications, name, None)
    if not name[:1].isupper() or make is None:
        known = [known for known in dir(keras.applications) if known[0].isupper()]
        raise ValueError(f"{PREFIX}{name}: keras.applications has no such model, only "
                         f"{', '.join(known)}.")
    try:
        model = make(include_top=False, weights="imagenet", pooling="avg")
    except Exception as error:  # Keras raises nothing narrower where a file cannot be fetched
        raise OSError(f"{PREFIX}{name}: its ImageNet weights cannot be fetched: {error} Without a "
                      "network give the path of a .keras file.") from error
    return model, sys.modules[make.__module__].preprocess_input


def _saved(path):
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. Give a .keras file, or "
                                f"{PREFIX}NAME, such as {PREFIX}MobileNetV3Small.")
    return keras.models.load_model(path, compile=False)


def _check(source, model):
    shapes = model.input_shape, model.output_shape
    if not all(isinstance(shape, tuple) for shape in shapes) or (
            len(shapes[0]), shapes[0][-1], len(shapes[1])) != (4, 3, 2) or (
            shapes[0][1] != shapes[0][2]):
        raise ValueError(f"{source}: expected a model that takes one square RGB picture, "
                         f"[N, side, side, 3], and gives a vector, [N, E]; got {shapes[0]} and "
                         f"{shapes[1]}.")


def _digest(model):
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(repr(weight.shape).encode())
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def _on_white(picture, side):
    """A picture [H, W, 3] in the middle of a white square [side, side, 3], float32 of 0 to 255."""
    scale = side / max(picture.shape[:2])
    height, width = (max(1, round(scale * length)) for length in picture.shape[:2])
    square = np.full((side, side, 3), 255, np.float32)
    top, left = (side - height) // 2, (side - width) // 2
    square[top:top + height, left:left + width] = cv2.resize(
        picture, (width, height),
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return square
