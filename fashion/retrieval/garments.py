"""Garments that were found on photos: where, of what category, and their vectors."""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from mrcnn.files import atomic_path


@dataclass(frozen=True, eq=False)
class Garments:
    """A table of N garments, one array per column.

    Attributes:
        photos: [N] str, the photo of each; any sequence of strings is taken.
        boxes_px: [N, (y1, x1, y2, x2)] float32, px of the photo.
        class_ids: [N] int32.
        scores: [N] float32, the detector's, 0 to 1.
        embeddings: [N, E] float32, the match head's vectors.
    """

    photos: np.ndarray
    boxes_px: np.ndarray
    class_ids: np.ndarray
    scores: np.ndarray
    embeddings: np.ndarray

    def __post_init__(self):
        kinds = {"photos": np.str_, "boxes_px": np.float32, "class_ids": np.int32,
                 "scores": np.float32, "embeddings": np.float32}
        for name, kind in kinds.items():
            object.__setattr__(self, name, np.asarray(getattr(self, name), kind))
        shapes = {name: getattr(self, name).shape for name in kinds}
        count = len(self.photos)
        expected = {"photos": (count,), "boxes_px": (count, 4), "class_ids": (count,),
                    "scores": (count,), "embeddings": (count, *self.embeddings.shape[-1:])}
        if shapes != expected:
            raise ValueError(f"Columns of garments must have one row per garment, {expected}, "
                             f"got {shapes}.")

    def __len__(self) -> int:
        return len(self.photos)

    def take(self, rows: np.ndarray) -> "Garments":
        """The garments of some rows: numbers [n], a mask [N] bool, or a slice."""
        return Garments(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def concatenate(cls, parts: Sequence["Garments"]) -> "Garments":
        """One table of several, in their order.

        Raises:
            ValueError: no part, since the length of a vector would be unknown, or vectors of
                different lengths.
        """
        lengths = {part.embeddings.shape[1] for part in parts}
        if len(lengths) != 1:
            raise ValueError(f"Expected garments whose vectors are of one length, got "
                             f"{len(parts)} tables with lengths {sorted(lengths)}. Compute all "
                             "with the same weights.")
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts])
                     for field in fields(cls)))

    @classmethod
    def none(cls, size: int) -> "Garments":
        """A table without a row, for vectors of `size` numbers."""
        return cls(np.zeros(0, np.str_), np.zeros((0, 4)), np.zeros(0), np.zeros(0),
                   np.zeros((0, size)))

    def save(self, path: Path | str) -> None:
        """Writes an .npz; the file is whole or not there."""
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path | str, advice: str) -> "Garments":
        """Reads what `save` wrote.

        Args:
            path: of the file.
            advice: what to do where it is damaged, a sentence.

        Raises:
            FileNotFoundError: no such file.
            ValueError: a file that is cut short or is something else.
        """
        try:
            with np.load(path, allow_pickle=False) as columns:
                return cls(**{field.name: columns[field.name] for field in fields(cls)})
        except FileNotFoundError:
            raise
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, KeyError,
                ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is not a whole table of garments ({error}). {advice}"
                             ) from error
