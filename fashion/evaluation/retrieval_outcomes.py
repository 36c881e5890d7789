"""What became of the queries of a search, and the numbers that follow from it."""

from dataclasses import dataclass

import numpy as np

from fashion.evaluation import retrieval_rules
from fashion.evaluation.subsets import Subsets

RANKS = (1, 5, 10, 15, 20)
NAMES = tuple(f"top{k}" for k in RANKS)
# Places of queries without a right garment among the first 20, and without a detection.
NEVER, MISSED = max(RANKS), max(RANKS) + 1
# The paper's retrieval (its table 5) asks only for garments that shops show more often than this.
OFTEN = 5


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Q queries.

    Attributes:
        image_ids: [Q] users' photos.
        garments: [Q] places among the photos' annotated garments.
        rows: [Q] which of all that was found on users' photos stands for it, -1: missed.
        places: [Q] of the first right garment, from 0; `NEVER` and `MISSED`.
        right: [Q] how many right ones the gallery has; 0 for missed ones.
        sold: [Q] how many annotated garments of shops are the same.
    """

    image_ids: np.ndarray
    garments: np.ndarray
    rows: np.ndarray
    places: np.ndarray
    right: np.ndarray
    sold: np.ndarray

    def __len__(self) -> int:
        return len(self.places)

    def take(self, chosen: np.ndarray) -> "Outcomes":
        """Only some queries, [Q] bool or indices."""
        return Outcomes(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def numbers(self) -> dict[str, float | int | None]:
        """A dict of "top1" to "top20", 0 to 1, None without queries, and of "queries"."""
        tops = {f"top{k}": float((self.places < k).mean()) if len(self) else None for k in RANKS}
        return {**tops, "queries": len(self)}

    def chances(self, gallery: int) -> dict[str, float]:
        """The same as "chance_top1", ...: expected of so large a gallery in random order."""
        return {f"chance_top{k}": retrieval_rules.chance(self.right, gallery, k) for k in RANKS}

    def by_subset(self, subsets: Subsets) -> dict:
        """{"subsets": `numbers` by division and part}; empty without subsets."""
        keys = list(zip(self.image_ids.tolist(), self.garments.tolist(), strict=True))
        parts = {division: {name: self.take(np.array([key in garments for key in keys], bool))
                            for name, garments in own.items()}
                 for division, own in subsets.items()}
        return {"subsets": {division: {name: part.numbers() for name, part in own.items()}
                            for division, own in parts.items()}} if subsets else {}

    def often_sold(self) -> "Outcomes":
        """The queries that the paper asks."""
        return self.take(self.sold > OFTEN)


@dataclass(frozen=True, eq=False)
class Answer:
    """One query, and what was found for it. Boxes are [..., (x1, y1, x2, y2)] px.

    Attributes:
        image_id: a user's photo.
        garment: place among its annotated garments.
        class_id: annotated.
        box: [4] of the detection that stands for it; None: missed.
        place: see `Outcomes`.
        images: [R] ids of the photos of what was found, best first, 20 of a large gallery.
        boxes: [R, 4].
        class_ids: [R].
        right: [R] bool, which are right.
    """

    image_id: int
    garment: int
    class_id: int
    box: np.ndarray | None
    place: int
    images: np.ndarray
    boxes: np.ndarray
    class_ids: np.ndarray
    right: np.ndarray
