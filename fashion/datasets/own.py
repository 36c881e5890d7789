"""A data set of one's own: any annotations as a `Dataset` to train on and to measure with.

    dataset = OwnDataset()
    dataset.load("photos", "train")
    dataset.prepare()
"""

import logging
import os
from collections.abc import Sequence

import numpy as np

from fashion.datasets.problems import Problems
from fashion.datasets.regions import Annotations, Photo
from fashion.datasets.selection import spread
from fashion.datasets.subsets import read_subsets
from mrcnn.data.dataset import Dataset
from mrcnn.data.images import read_image

logger = logging.getLogger(__name__)

SOURCE = "own"
UNKNOWN_CLASS = "class that the weights do not know: left out"


class OwnDataset(Dataset):
    """One subset of a data set of one's own.

    Class ids count from 1 in the order of the annotations' classes, or of those asked for.

    Attributes:
        problems: what was odd in the files, and what was done about it.
    """

    def __init__(self):
        super().__init__()
        self.problems = Problems()
        self._photos: Sequence[Photo] = ()
        self._flip = None

    def load(self, root: str | os.PathLike, subset: str, limit: int | None = None,
             class_names: Sequence[str] | None = None,
             class_attribute: str | None = None) -> None:
        """Reads one subset; once per data set object.

        Args:
            root: file or folder, see `subsets`.
            subset: "train" or "validation".
            limit: keeps so many photos, spread evenly.
            class_names: names of the classes, without the background, in the order of their ids,
                where weights have fixed them. None takes those that the annotations have.
            class_attribute: see `formats.read`.

        Raises:
            ValueError: nothing usable there, no such subset, or no class of those asked for.
        """
        found = read_subsets(root, class_attribute)
        if subset not in found:
            raise ValueError(f"{root} has no subset {subset!r}, only {', '.join(found)}.")
        self.add(found[subset], class_names, limit)
        if self.problems:
            logger.warning("Odd annotations in %s: %d\n%s", root, len(self.problems),
                           self.problems.summary())

    def add(self, annotations: Annotations, class_names: Sequence[str] | None = None,
            limit: int | None = None) -> None:
        """Takes annotations that are read already; arguments and errors as those of `load`."""
        if self._photos:
            raise ValueError("This data set is loaded already; make another for another subset.")
        self.problems = annotations.problems
        names = list(annotations.class_names if class_names is None else class_names)
        self._photos = [annotations.photos[i] for i in spread(
            np.arange(len(annotations.photos)), limit)]
        self._require(annotations, names)
        for class_id, name in enumerate(names, start=1):
            self.add_class(SOURCE, class_id, name)
        self._add_photos({name: class_id for class_id, name in enumerate(names, start=1)})
        self.num_keypoints = len(annotations.keypoint_names)
        self._flip = _flip(annotations.keypoint_names)

    def _require(self, annotations: Annotations, names: list[str]) -> None:
        """Leaves out what has no id, and raises ValueError where nothing is left."""
        if not self._photos:
            raise ValueError("No usable photo: " + annotations.problems.summary())
        if not annotations.class_names:
            raise ValueError("No photo has a region that can be used; draw some with an annotation "
                             f"tool, or see what was left out:\n{annotations.problems.summary()}")
        if not set(names) & set(annotations.class_names):
            raise ValueError(f"Expected garments of the classes {', '.join(names)}, but the data "
                             f"set has {', '.join(annotations.class_names) or 'no classes'}.")

    def _add_photos(self, class_ids: dict[str, int]) -> None:
        for number, photo in enumerate(self._photos):
            known = [region for region in photo.regions if region.class_name in class_ids]
            for region in photo.regions:
                if region.class_name not in class_ids:
                    self.problems.add(UNKNOWN_CLASS, f"{region.place} {region.class_name!r}")
            self._photos[number] = Photo(photo.path, photo.width, photo.height, known,
                                         photo.upright)
            ids = [class_ids[region.class_name] * (-1 if region.crowd else 1) for region in known]
            self.add_image(SOURCE, photo.path.stem, str(photo.path), width=photo.width,
                           height=photo.height, class_ids=np.array(ids, np.int32))

    def load_image(self, image_id: int) -> np.ndarray:
        """The photo in the frame of its annotations, [height, width, 3] uint8."""
        photo = self._photos[image_id]
        return read_image(photo.path, exif=photo.upright)

    def load_polygons(self, image_id: int) -> list[list[np.ndarray]] | None:
        """Outlines of the regions; None where any of them is a mask."""
        outlines = self.load_outlines(image_id)
        return None if any(parts is None for parts in outlines) else outlines

    def load_outlines(self, image_id: int) -> list[list[np.ndarray] | None]:
        """Outlines of the regions; of one that is a mask None."""
        return [region.polygons for region in self._photos[image_id].regions]

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """Bitmaps [height, width, N] bool and class ids [N], negative for crowds."""
        photo = self._photos[image_id]
        shape = photo.height, photo.width
        bitmaps = [region.bitmap(shape) for region in photo.regions]
        stacked = np.stack(bitmaps, axis=-1) if bitmaps else np.zeros((*shape, 0), bool)
        return stacked, self.image_class_ids(image_id)

    def load_boxes(self, image_id: int) -> np.ndarray:
        """Boxes [N, (y1, x1, y2, x2)] float32 px: as annotated, else around the outlines."""
        boxes = [region.box() for region in self._photos[image_id].regions]
        return np.array(boxes, np.float32).reshape(-1, 4)

    def load_keypoints(self, image_id: int) -> np.ndarray | None:
        """Keypoints [N, K, (x, y, v)] float32 px, zeros where a region has none."""
        if not self.num_keypoints:
            return None
        absent = np.zeros((self.num_keypoints, 3), np.float32)
        points = [absent if region.keypoints is None else region.keypoints
                  for region in self._photos[image_id].regions]
        return np.array(points, np.float32).reshape(-1, self.num_keypoints, 3)

    def keypoint_flip(self, class_id: int) -> np.ndarray | None:
        """What left and right exchange, by the keypoints' names; None where these do not tell."""
        return self._flip


def _flip(names: Sequence[str]) -> np.ndarray | None:
    """[K] int: "left_sleeve" and "right_sleeve" are a pair."""
    places = {name: place for place, name in enumerate(names)}
    swapped = [_other_side(name) for name in names]
    if not any(name in places for name in swapped if name is not None):
        return None
    return np.array([places.get(other, place) for place, other in enumerate(swapped)])


def _other_side(name: str) -> str | None:
    for side, other in (("left", "right"), ("right", "left")):
        if side in name:
            return name.replace(side, other)
    return None
