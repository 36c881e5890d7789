"""The form that all annotation files of one's own are read into, and written from.

    annotations = formats.read("photos/via_region_data.json")
    for photo in annotations.photos:
        for region in photo.regions:
            print(photo.path.name, region.class_name, region.box())

Coordinates are continuous pixels, (x, y) in polygons and keypoints as on disk, (y1, x1, y2, x2) in
boxes.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fashion.datasets.problems import Problems
from mrcnn import masks

OTHER_SPELLING = "class is spelled in several ways: the most frequent spelling is taken"
TOO_FEW_POINTS = "outline of fewer than 3 points: left out"
NO_NUMBERS = "outline with a coordinate that is no number, or a million px away: left out"
NO_AREA = "outline without an area: left out"
OUTSIDE = "outline that lies beside its photo: left out"
EMPTY_MASK = "empty mask: left out"
NO_CLASS = "region without a class: left out"
UNKNOWN_SHAPE = "shape that encloses nothing or is unknown: left out"
BROKEN_MASK = "mask that does not fit its photo or cannot be decoded: left out"
# What LabelMe calls that which is no object.
NO_OBJECTS = ("__ignore__", "_background_")
# The class of all regions of a file that names none.
ONLY_CLASS = "object"
_FARTHEST_PX = 1e6
# Outlines all of whose points are nearer to one line enclose nothing.
_THINNEST_PX = 1e-3


@dataclass(slots=True)
class Region:
    """One object on a photo: an outline of polygons, or a mask.

    Attributes:
        class_name: what it is.
        polygons: its parts, each [vertices, (x, y)] float32 px, or None.
        rle: COCO's run-length code of its mask, {"size": [h, w], "counts": bytes}, or None.
        box_px: (y1, x1, y2, x2) px as annotated, or None: then the outline's extent.
        keypoints: [K, (x, y, v)] float32 px, or None.
        crowd: it is a group of many uncounted objects.
        place: where it stands in its file, for messages.
        notes: further entries that the object has in a COCO file, such as its "style".
    """

    class_name: str
    polygons: list[np.ndarray] | None = None
    rle: dict | None = None
    box_px: tuple[float, float, float, float] | None = None
    keypoints: np.ndarray | None = None
    crowd: bool = False
    place: str = ""
    notes: dict = field(default_factory=dict)

    def box(self) -> np.ndarray:
        """(y1, x1, y2, x2) float32 px: as annotated, else around the outline."""
        if self.box_px is not None:
            return np.asarray(self.box_px, np.float32)
        if self.polygons is not None:
            return masks.polygon_extents(self.polygons)
        return masks.extents(masks.from_rle(self.rle)[..., None])[0]

    def bitmap(self, shape: tuple[int, int]) -> np.ndarray:
        """Mask on a photo of (height, width) px, bool."""
        if self.rle is not None:
            return masks.from_rle(self.rle)
        return masks.rasterise(self.polygons, (0, 0, *shape), shape) >= 0.5


@dataclass(slots=True)
class Photo:
    """A photo and what is on it.

    Attributes:
        path: of the file.
        width, height: px, of the frame in which the regions are counted.
        regions: its objects.
        upright: the frame is the photo turned as its EXIF orientation says, not as it is stored.
    """

    path: Path
    width: int
    height: int
    regions: list[Region] = field(default_factory=list)
    upright: bool = False


@dataclass
class Annotations:
    """What one file, or one folder, says about its photos.

    Attributes:
        photos: each once.
        class_names: in the order of the file's list of them, else as they first appear.
        format: "via1", "via2", "via3", "coco", "labelme", "masks" or "deepfashion2".
        problems: what was odd and what was done about it.
        keypoint_names: [K] names, () where no region has keypoints.
        skeleton: pairs of keypoint indices from 0, to draw lines between.
    """

    photos: Sequence[Photo]
    class_names: tuple[str, ...]
    format: str
    problems: Problems = field(default_factory=Problems)
    keypoint_names: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()

    def count_regions(self) -> dict[str, int]:
        """Number of regions of each class, in the order of `class_names`."""
        found = Counter(region.class_name for photo in self.photos for region in photo.regions)
        return {name: found[name] for name in self.class_names}


def classes_of(photos: Sequence[Photo]) -> tuple[str, ...]:
    """Names of the classes of all regions, as they first appear."""
    return tuple(dict.fromkeys(region.class_name for photo in photos for region in photo.regions))


def outline(points, place: str, problems: Problems) -> np.ndarray | None:
    """A polygon [vertices, (x, y)] float32 px, or None, noted, where it encloses nothing."""
    try:
        polygon = np.asarray(points, np.float32).reshape(-1, 2)
    except (TypeError, ValueError, OverflowError):
        problems.add(NO_NUMBERS, place)
        return None
    reason = _fault(polygon)
    if reason:
        problems.add(reason, place)
        return None
    return polygon


def _fault(polygon: np.ndarray) -> str | None:
    if len(polygon) < 3:
        return TOO_FEW_POINTS
    if not (np.abs(polygon) < _FARTHEST_PX).all():
        return NO_NUMBERS
    return NO_AREA if _thickness(polygon) < _THINNEST_PX else None


def _thickness(polygon: np.ndarray) -> float:
    """Farthest that a point is from the line through the first point and the one farthest off."""
    x, y = (polygon - polygon[0]).astype(np.float64).T
    lengths = np.hypot(x, y)
    far = int(lengths.argmax())
    return float(np.abs(x * y[far] - y * x[far]).max() / max(lengths[far], _THINNEST_PX))


def unify_spellings(all_annotations: Sequence[Annotations]) -> None:
    """Gives classes whose names differ in case or in blanks around them one name, in place.

    Accented letters, which may be coded in two ways, are coded in one. The most frequent spelling
    in all of them stands, so that the classes of a training and of a validation set agree.
    """
    found = Counter(region.class_name for annotations in all_annotations
                    for photo in annotations.photos for region in photo.regions)
    names = {name for annotations in all_annotations for name in annotations.class_names}
    chosen = {}
    for name in sorted(names, key=lambda name: (found[name], name)):
        chosen[_key(name)] = composed(name.strip())
    for annotations in all_annotations:
        annotations.class_names = tuple(dict.fromkeys(
            chosen[_key(name)] for name in annotations.class_names))
        for photo in annotations.photos:
            _rename(photo, chosen, annotations.problems)


def _rename(photo: Photo, chosen: dict[str, str], problems: Problems) -> None:
    for region in photo.regions:
        name = chosen[_key(region.class_name)]
        if name != composed(region.class_name):
            problems.add(OTHER_SPELLING, f"{region.place} {region.class_name!r} is {name!r}")
        region.class_name = name


def _key(name: str) -> str:
    return composed(name).strip().casefold()


def composed(name: str) -> str:
    """The name with accented letters as single characters: a Mac codes them as two."""
    return unicodedata.normalize("NFC", name)
