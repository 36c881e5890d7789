"""Goes through a data set in DeepFashion2's layout before a week is spent on it."""

import os

import numpy as np
from tqdm import tqdm

from fashion.categories import NAMES
from fashion.datasets.annotations import ATTRIBUTES, SOURCES
from fashion.datasets.columns import Columns
from fashion.datasets.deepfashion2_cache import open_columns
from fashion.datasets.locate import SubsetFolders, find_subset
from fashion.datasets.problems import Problems
from fashion.datasets.read_ahead import read_ahead
from mrcnn import boxes
from mrcnn.data.images import ImageError, read_image

# Images and items as released; the paper's training set is twice as large, but never came out.
PUBLISHED = {"train": (191_961, 312_186), "validation": (32_153, 52_490), "test": (62_629, 101_351)}

BROKEN_IMAGE = "image cannot be decoded: training leaves it out"
OTHER_PLACE = "polygons and bounding_box lie in different places (IoU below 0.5): both are used"
OVERHANG = "bounding_box reaches more than 1 px beyond the picture: it is cut there"
LANDMARK_BEYOND = "landmark lies beyond the picture: absent in training, measured as annotated"
OUTSIDE = "bounding_box lies outside the picture: training leaves the item out"


def inspect_subset(root: str | os.PathLike, subset: str, decode: bool = True) -> dict:
    """Counts what a subset holds and looks for what is odd, with progress bars.

    Args:
        root: folder of the data set.
        subset: "train", "validation" or "test".
        decode: open and decode every image too, which takes minutes for 100,000 images and core.

    Returns:
        A dict that JSON can hold: "images" and "items" that can be used, "published" (the same
        two), "broken_images", "sources", "categories", "attributes" (name -> value -> items, 0 for
        unknown), "with_landmarks", "identities", "pairs" and "problems" (reason -> places).
    """
    folders = find_subset(root, subset)
    columns, problems = open_columns(folders)
    _find_misplaced(columns, problems)
    if decode:
        sizes = _decode_images(columns, folders, problems)
        _find_beyond_picture(columns, sizes, problems)
    identities, pairs = _count_pairs(columns)
    return {
        "images": columns.num_images, "items": columns.num_items, "published": PUBLISHED[subset],
        "broken_images": len(problems.places(BROKEN_IMAGE)),
        "sources": _counts(columns.sources, SOURCES),
        "categories": _counts(columns.categories - 1, NAMES),
        "attributes": {name: _counts(columns.attributes[:, i], range(highest + 1))
                       for i, (name, highest) in enumerate(ATTRIBUTES.items())},
        "with_landmarks": int((np.diff(columns.landmark_offsets) > 0).sum()),
        "identities": identities, "pairs": pairs, "problems": problems.to_dict()}


def _find_misplaced(columns: Columns, problems: Problems) -> None:
    if not columns.num_items:
        return
    polygon_low = np.minimum.reduceat(columns.vertices, columns.vertex_offsets[:-1])
    polygon_high = np.maximum.reduceat(columns.vertices, columns.vertex_offsets[:-1])
    low = np.minimum.reduceat(polygon_low, columns.polygon_offsets[:-1])
    high = np.maximum.reduceat(polygon_high, columns.polygon_offsets[:-1])
    extents = np.hstack([low[:, ::-1], high[:, ::-1]])  # (x, y) to (y1, x1, y2, x2)
    overlap = boxes.iou(extents[:, None], columns.boxes[:, None])[:, 0, 0]
    _note_items(columns, problems, OTHER_PLACE, overlap < 0.5)


def _decode_images(columns: Columns, folders: SubsetFolders, problems: Problems) -> np.ndarray:
    """[images, (height, width)] px; zeros for an image that cannot be decoded."""

    def size(name):
        try:
            return read_image(folders.images / name).shape[:2]
        except ImageError:
            return 0, 0

    names = [columns.image_name(i) for i in range(columns.num_images)]
    decoded = tqdm(read_ahead(size, names, threads=os.cpu_count() or 1),
                   f"Decoding {folders.images}", len(names), unit=" images", disable=None)
    sizes = np.array(list(decoded), np.float32).reshape(-1, 2)
    for image in np.flatnonzero(sizes[:, 0] == 0):
        problems.add(BROKEN_IMAGE, names[image])
    return sizes


def _find_beyond_picture(columns: Columns, sizes: np.ndarray, problems: Problems) -> None:
    low, high = columns.boxes[:, :2], columns.boxes[:, 2:]
    size = sizes[columns.item_images()]
    is_known = size[:, 0] > 0
    outside = ((low >= size) | (high <= 0)).any(axis=1) & is_known
    overhang = ((low < -1) | (high > size + 1)).any(axis=1) & is_known & ~outside
    _note_items(columns, problems, OUTSIDE, outside)
    _note_items(columns, problems, OVERHANG, overhang)
    _note_items(columns, problems, LANDMARK_BEYOND, _has_landmark_beyond(columns, size) & is_known)


def _has_landmark_beyond(columns: Columns, size: np.ndarray) -> np.ndarray:
    """[items] bool: whether one of its landmarks, seen or covered, lies beyond (height, width)."""
    owners = np.repeat(np.arange(columns.num_items), np.diff(columns.landmark_offsets))
    x, y, visibility = columns.landmarks.T
    beyond = (x < 0) | (y < 0) | (y > size[owners, 0]) | (x > size[owners, 1])
    return np.bincount(owners, beyond & (visibility > 0), columns.num_items) > 0


def _note_items(columns: Columns, problems: Problems, reason: str, chosen: np.ndarray) -> None:
    images = columns.item_images()
    for item in np.flatnonzero(chosen):
        stem = os.path.splitext(columns.image_name(images[item]))[0]
        problems.add(reason, f"{stem}.json item{columns.item_numbers[item]}")


def _count_pairs(columns: Columns) -> tuple[int, int]:
    """How many identities there are, and how many pairs of a consumer's and a shop's garment."""
    identities = columns.identities()
    sources = columns.sources[columns.item_images()]
    by_user, by_shop = (np.bincount(identities[sources == SOURCES.index(name)],
                                    minlength=identities.max(initial=0) + 1)[1:].astype(np.int64)
                        for name in ("user", "shop"))
    return len(by_user), int((by_user * by_shop).sum())


def _counts(values: np.ndarray, names) -> dict:
    return dict(zip(names, np.bincount(values, minlength=len(names)).tolist(), strict=True))
