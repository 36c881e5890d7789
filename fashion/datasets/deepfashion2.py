"""DeepFashion2 as a data set: 13 kinds of garments with masks, boxes, landmarks and identities.

Ge et al., "DeepFashion2: A Versatile Benchmark for Detection, Pose Estimation, Segmentation and
Re-Identification of Clothing Images", CVPR 2019, https://arxiv.org/abs/1901.07973.

    dataset = DeepFashion2Dataset()
    dataset.load("datasets/deepfashion2", "train", where="occlusion <= 2")
    dataset.prepare()
"""

import logging
import os
from collections.abc import Sequence

import numpy as np

from fashion.categories import CATEGORIES, NUM_LANDMARKS, by_id
from fashion.datasets.annotations import ATTRIBUTES, SOURCES
from fashion.datasets.columns import Columns
from fashion.datasets.deepfashion2_cache import open_columns
from fashion.datasets.locate import SubsetFolders, find_subset
from fashion.datasets.problems import Problems
from fashion.datasets.selection import select_images, spread, spread_groups
from mrcnn.data.dataset import Dataset

logger = logging.getLogger(__name__)

SOURCE = "deepfashion2"


class DeepFashion2Dataset(Dataset):
    """One subset of DeepFashion2, or of any data set in its layout.

    Class ids are DeepFashion2's category ids, 1 to 13; 0 is background. Overlapping garments stay
    separate objects. Labels come from memory-mapped columns (`deepfashion2_cache`), so a copy for
    a worker process is small.

    Args:
        published_flips: mirror short sleeve outwear by the published landmark pairs instead of the
            symmetric ones, see `landmarks.json`.

    Attributes:
        problems: what was odd in the annotation files, and what was done about it.
    """

    num_keypoints = NUM_LANDMARKS

    def __init__(self, published_flips: bool = False):
        super().__init__()
        self.published_flips = published_flips
        self.problems = Problems()
        self._columns: Columns | None = None

    def load(self, root: str | os.PathLike, subset: str, where: str | None = None,
             limit: int | None = None, whole_pairs: bool = False) -> None:
        """Reads one subset; once per data set object.

        Args:
            root: folder around the subsets, see `locate`.
            subset: "train", "validation" or "test" (which has images only).
            where: keeps the images of which at least one garment answers this condition, with all
                their garments, see `selection`.
            limit: keeps so many images, spread evenly: DeepFashion2's validation set begins with
                a third of consumers' photos, so its first images would not stand for it.
            whole_pairs: of `limit` images at most, but all or none of each pair_id.

        Raises:
            ValueError: the subset is not there, is empty, or `where` leaves nothing of it.
        """
        if self._columns is not None:
            raise ValueError("This data set is loaded already; make another for another subset.")
        folders = find_subset(root, subset)
        columns, problems = open_columns(folders)
        if problems:
            logger.warning("Odd annotations in %s: %d\n%s", folders.annotations, len(problems),
                           problems.summary())
        if not columns.num_images:
            raise ValueError(f"No usable image in {folders.images} with annotations in "
                             f"{folders.annotations}: expected 000001.jpg, ... and 000001.json, "
                             f"... {problems.summary()}")
        self.image_info = _ImageInfo(columns, _choose_images(columns, where, limit, whole_pairs),
                                     folders)
        self.problems = problems
        self._columns = columns
        self._identities = columns.identities()
        for category in CATEGORIES:
            self.add_class(SOURCE, category.id, category.name)

    def _items(self, image_id: int) -> slice:
        return self._columns.items(self.image_info.rows[image_id])

    def image_class_ids(self, image_id: int) -> np.ndarray:
        """[N] int32, without opening a file."""
        return self._columns.categories[self._items(image_id)].astype(np.int32)

    def load_boxes(self, image_id: int) -> np.ndarray:
        """Annotated boxes: [N, (y1, x1, y2, x2)] float32 px."""
        return self._columns.boxes[self._items(image_id)].copy()

    def load_polygons(self, image_id: int) -> list[list[np.ndarray]]:
        """Per garment a list of polygons [vertices, (x, y)] float32 px; may leave the picture."""
        items = self._items(image_id)
        return [self._columns.polygons(item) for item in range(items.start, items.stop)]

    def load_keypoints(self, image_id: int) -> np.ndarray:
        """Landmarks: [N, 294, (x, y, v)] float32 px, each garment's in its category's slice.

        v is 2 for visible, 1 for covered; 0 for absent, and for all other categories' landmarks.
        """
        items = self._items(image_id)
        keypoints = np.zeros((items.stop - items.start, NUM_LANDMARKS, 3), np.float32)
        for row, item in enumerate(range(items.start, items.stop)):
            landmarks = self._columns.item_landmarks(item)
            if len(landmarks):
                category = by_id(self._columns.categories[item])
                keypoints[row, category.landmarks] = landmarks
        return keypoints

    def load_identities(self, image_id: int) -> np.ndarray:
        """[N] int32: the same number for the same pair_id and style, 0 for a garment without pair.

        Garments match when both are equal and style is above 0. The numbers do not depend on
        `where` and `limit`.
        """
        return self._identities[self._items(image_id)]

    def image_domain(self, image_id: int) -> int:
        """1 for a user's photo, 2 for a shop's, 0 where the annotation does not say."""
        return int(self._columns.sources[self.image_info.rows[image_id]])

    def keypoint_flip(self, class_id: int) -> np.ndarray:
        """[294] int: in a mirrored picture landmark i is what was landmark flip[i]."""
        category = by_id(class_id)
        flip = np.arange(NUM_LANDMARKS)
        local = category.flip_published if self.published_flips else category.flip
        flip[category.landmarks] = category.start + local
        return flip


class _ImageInfo(Sequence):
    """Matterport's `image_info`: reads as a list of dicts, each made when it is asked for.

    A dict has "id" ("000001"), "source", "path", "annotation" (path of the JSON file or None),
    "domain" ("user", "shop" or "unknown"), "pair_id" and "items", a list of dicts with "item",
    "category_id", "style" and the four attributes (0: unknown).
    """

    def __init__(self, columns: Columns, rows: np.ndarray, folders: SubsetFolders):
        self.rows = rows
        self._columns = columns
        self._images = str(folders.images)
        self._annotations = folders.annotations and str(folders.annotations)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self._info(row) for row in self.rows[index]]
        return self._info(self.rows[index])

    def _info(self, row: int) -> dict:
        columns = self._columns
        name = columns.image_name(row)
        stem = os.path.splitext(name)[0]
        return {"id": stem, "source": SOURCE, "path": os.path.join(self._images, name),
                "annotation": self._annotations and os.path.join(self._annotations, stem + ".json"),
                "domain": SOURCES[columns.sources[row]], "pair_id": int(columns.pair_ids[row]),
                "items": [self._item(item) for item in columns.item_range(row)]}

    def _item(self, item: int) -> dict:
        columns = self._columns
        return {"item": int(columns.item_numbers[item]),
                "category_id": int(columns.categories[item]), "style": int(columns.styles[item]),
                **dict(zip(ATTRIBUTES, columns.attributes[item].tolist(), strict=True))}


def _choose_images(columns: Columns, where: str | None, limit: int | None,
                   whole_pairs: bool) -> np.ndarray:
    """[images] rows of the columns that `where` and `limit` leave."""
    rows = np.arange(columns.num_images) if where is None else select_images(columns, where)
    if not len(rows):
        raise ValueError(f"--where {where!r}: none of {columns.num_images} images has such a "
                         "garment.")
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1 image, got {limit}.")
    if limit is None or not whole_pairs:
        return spread(rows, limit)
    return rows[spread_groups(columns.pair_ids[rows], limit)]
