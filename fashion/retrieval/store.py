"""What an index needs of the place where its vectors are searched."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

KINDS = ("flat", "hnsw", "ivf")


@dataclass(frozen=True, eq=False)
class Change:
    """From one version of a table of garments to the next.

    Attributes:
        ids: [N] int64, ascending, of all garments of the new version. An id is never given twice.
        class_ids: [N] int32.
        kept: the first so many garments are in the old version too, with the same vectors.
        is_smaller: garments of the old version are missing in the new one.
        vectors: [n, D] float32 of the rows of a slice, `Space.gallery`.
    """

    ids: np.ndarray
    class_ids: np.ndarray
    kept: int
    is_smaller: bool
    vectors: Callable[[slice], np.ndarray]


class Store(Protocol):
    """Finds vectors: with the largest products if flat, else the nearest (see `Space`)."""

    def write(self, change: Change, old: Path, new: Path) -> None:
        """Makes what `open` reads of the folder `new`; the version in `old` stays as it is."""

    def tidy(self, removed: np.ndarray | None) -> None:
        """Drops vectors that only the old version needed, by their ids; all if None."""

    def open(self, folder: Path, ids: np.ndarray, class_ids: np.ndarray) -> None:
        """Prepares for searching a version: its folder, and the table's columns [N]."""

    def search(self, queries: np.ndarray, k: int,
               class_id: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Searches for vectors [q, D], among all or among one category's.

        Returns:
            rows of the table [q, k] int64, best first, -1 where there are fewer; [q, k] float32,
            products, or squared distances below zero.
        """

    def close(self) -> None:
        """Lets go of files and connections."""
