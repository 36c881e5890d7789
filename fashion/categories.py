"""The 13 categories of DeepFashion2 and their 294 landmarks.

Every garment category has its own landmarks; the 294-vector holds them one category after the
other. Indices inside a `Category` are local to it and 0-based. The numbers live in
`landmarks.json`, with their sources.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, eq=False)
class Category:
    """One kind of garment and its landmarks.

    Attributes:
        id: 1 to 13; 0 is background everywhere in the project.
        name: As DeepFashion2's annotation files spell it, "short sleeve top".
        start: Where the category's landmarks begin in the 294-vector.
        count: How many landmarks it has.
        flip: [count] int. In a mirrored picture landmark i is what was landmark flip[i].
        flip_published: [count] int. The published pairs. They differ from `flip` for short sleeve
            outwear only, where they contradict the official sigmas; see `landmarks.json`.
        sigmas: [count] float. OKS sigmas; the variance is (2 * sigma)^2.
        template: [count, (x, y)] float. y runs down from 0 to 1; x is 0 on the axis of symmetry.
        front_outline: Closed polygons of local indices that the masks follow.
        edges: Pairs of local indices to draw as a skeleton.
    """

    id: int
    name: str
    start: int
    count: int
    flip: np.ndarray
    flip_published: np.ndarray
    sigmas: np.ndarray
    template: np.ndarray
    front_outline: tuple
    edges: tuple

    @property
    def landmarks(self):
        """Slice of the category's landmarks in the 294-vector."""
        return slice(self.start, self.start + self.count)


def _constant(values, dtype):
    array = np.array(values, dtype)
    array.setflags(write=False)
    return array


def _category(record):
    return Category(
        id=record["id"],
        name=record["name"],
        start=record["start"],
        count=record["count"],
        flip=_constant(record["flip"], np.int64),
        flip_published=_constant(record.get("flip_published", record["flip"]), np.int64),
        sigmas=_constant(record["sigmas"], np.float32),
        template=_constant(record["template"], np.float32),
        front_outline=tuple(tuple(ring) for ring in record["front_outline"]),
        edges=tuple(tuple(edge) for edge in record["edges"]),
    )


def _load():
    text = (Path(__file__).parent / "landmarks.json").read_text(encoding="utf-8")
    return tuple(_category(record) for record in json.loads(text)["categories"])


CATEGORIES = _load()
NAMES = tuple(category.name for category in CATEGORIES)
NUM_LANDMARKS = sum(category.count for category in CATEGORIES)


def by_id(category_id):
    """The category with DeepFashion2's id 1 to 13.

    Raises:
        ValueError: There is no such category.
    """
    if category_id not in range(1, len(CATEGORIES) + 1):
        raise ValueError(f"Category id {category_id!r}: expected 1 to {len(CATEGORIES)}.")
    return CATEGORIES[category_id - 1]


def own_landmarks(keypoints, class_id):
    """Of keypoints [294, 3] those of a category; other keypoints, and None, as they are."""
    if keypoints is not None and len(keypoints) == NUM_LANDMARKS:
        return keypoints[by_id(int(class_id)).landmarks]
    return keypoints
