"""COCO's instance files: polygons, run-length codes, crowds, keypoints.

https://cocodataset.org/#format-data. Classes are the file's categories in its order; their ids are
not kept: written out again they count from 1.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask

from fashion.datasets import shapes
from fashion.datasets.photo_files import PhotoCollector
from fashion.datasets.problems import Problems
from fashion.datasets.regions import (
    BROKEN_MASK,
    EMPTY_MASK,
    NO_NUMBERS,
    NO_OBJECTS,
    Annotations,
    Photo,
    Region,
    outline,
)

NO_OUTLINE = "object without an outline: its box is taken"
NO_BOX = "bbox that is not four numbers, or has no area: not used"
NOTHING = "object without an outline and without a box: left out"
NOT_LISTED = "object of a category or of an image that the file does not list: left out"
OTHER_KEYPOINTS = "keypoints of another number than the first category's: left out"
# What is read of an object; anything else is kept for writing.
_ENTRIES = {"id", "image_id", "category_id", "segmentation", "area", "bbox", "iscrowd",
            "keypoints", "num_keypoints"}
# Longer numbers that photos are named by do not fit what reads COCO's files.
_MOST_DIGITS = 15


def is_instances(content) -> bool:
    """Whether JSON content is such a file."""
    return isinstance(content, dict) and {"images", "annotations", "categories"} <= set(content)


def read(content: dict, file: Path, folders: Sequence[Path], problems: Problems,
         class_attribute: str | None = None) -> Annotations:
    """Reads the content of a file; arguments as those of `via.read`.

    `class_attribute` has no meaning here: the classes are the categories.
    """
    names = {category["id"]: str(category["name"]) for category in content["categories"]
             if category["name"] not in NO_OBJECTS}
    points, skeleton = _keypoints(content["categories"])
    images = {image["id"]: image for image in content["images"]}
    regions = {number: [] for number in images}
    for annotation in content["annotations"]:
        place = f"{file.name} annotation {annotation.get('id')}"
        image = images.get(annotation.get("image_id"))
        if image is None or annotation.get("category_id") not in names:
            problems.add(NOT_LISTED, place)
            continue
        region = _region(annotation, image, place, problems)
        if region is not None:
            region.class_name = names[annotation["category_id"]]
            region.keypoints = _read_keypoints(annotation, len(points), place, problems)
            regions[image["id"]].append(region)
    collector = PhotoCollector([*folders, file.parent], problems, upright=False)
    for number, image in images.items():
        collector.add(str(image["file_name"]), regions[number], _size(image))
    return Annotations(collector.photos, tuple(dict.fromkeys(names.values())), "coco", problems,
                       points, skeleton)


def _keypoints(categories: list[dict]):
    """Names [K] and skeleton, in indices from 0, of the first category that has keypoints."""
    with_points = (category for category in categories if category.get("keypoints"))
    category = next(with_points, {})
    skeleton = tuple((a - 1, b - 1) for a, b in category.get("skeleton") or ())
    return tuple(map(str, category.get("keypoints", ()))), skeleton


def _size(image: dict) -> tuple[int, int] | None:
    """(width, height) px that the file states."""
    if image.get("width") and image.get("height"):
        return int(image["width"]), int(image["height"])
    return None


def _region(annotation: dict, image: dict, place: str, problems: Problems) -> Region | None:
    """An object, its class still open, or None, noted, where it has no place."""
    segmentation = annotation.get("segmentation")
    region = Region("", crowd=bool(annotation.get("iscrowd")), place=place,
                    box_px=_box(annotation, place, problems),
                    notes={name: value for name, value in annotation.items()
                           if name not in _ENTRIES})
    if isinstance(segmentation, dict):
        region.rle = _rle(segmentation)
        if region.rle is None or not coco_mask.area(region.rle):
            problems.add(EMPTY_MASK if region.rle else BROKEN_MASK, place)
            return None
        return region
    parts = [outline(part, place, problems) for part in segmentation or ()]
    region.polygons = [part for part in parts if part is not None]
    if region.polygons:
        return region
    return _boxed(region, place, problems)


def _box(annotation: dict, place: str, problems: Problems):
    """(y1, x1, y2, x2) px as annotated, or None, noted where there is one without an area."""
    if not annotation.get("bbox"):
        return None
    try:
        x, y, width, height = map(float, annotation["bbox"])
    except (TypeError, ValueError, OverflowError):
        x = y = width = height = np.nan
    box = (y, x, y + height, x + width)
    if np.isfinite(box).all() and width > 0 and height > 0:
        return box
    problems.add(NO_BOX, place)
    return None


def _boxed(region: Region, place: str, problems: Problems) -> Region | None:
    """The region with its box as its outline."""
    problems.add(NO_OUTLINE if region.box_px else NOTHING, place)
    if region.box_px is None:
        return None
    y1, x1, y2, x2 = region.box_px
    region.polygons = [shapes.rectangle(x1, y1, x2 - x1, y2 - y1).astype(np.float32)]
    return region


def _rle(code: dict) -> dict | None:
    """A compressed run-length code; None where its runs do not fill its size.

    pycocotools does not check that: it returns what happens to stand in memory.
    """
    try:
        height, width = map(int, code["size"])
        counts = code["counts"]
        runs = counts if isinstance(counts, list) else _runs(counts.encode("ascii"))
        if min(runs) < 0 or sum(runs) != height * width:
            return None
        if counts is runs:
            return coco_mask.frPyObjects({"size": [height, width], "counts": runs}, height, width)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return None
    return {"size": [height, width], "counts": counts.encode("ascii")}


def _runs(text: bytes) -> list[int]:
    """The runs of a compressed code: five bits a letter, from the third on as differences.

    `rleFrString` of COCO's maskApi.c.
    """
    runs, value, shift = [], 0, 0
    for letter in text:
        value |= (letter - 48 & 0x1f) << shift
        shift += 5
        if letter - 48 & 0x20:
            continue
        if letter - 48 & 0x10:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs


def _read_keypoints(annotation: dict, count: int, place: str, problems: Problems):
    """[K, (x, y, v)] float32 px, or None."""
    numbers = annotation.get("keypoints")
    if not numbers:
        return None
    if len(numbers) != 3 * count:
        problems.add(OTHER_KEYPOINTS, place)
        return None
    try:
        return np.array(numbers, np.float32).reshape(count, 3)
    except (TypeError, ValueError, OverflowError):
        problems.add(NO_NUMBERS, f"{place} keypoints")
        return None


def write(path: Path, annotations: Annotations, photos: Iterable[tuple[str, Photo]]) -> None:
    """Writes a file, one object at a time: the training set of DeepFashion2 takes no memory.

    The area of an object is that of its mask, as COCO defines it, but for DeepFashion2 that of its
    box: its authors' converter writes that, and their published numbers stand on it.

    Args:
        path: of the file.
        annotations: its classes, keypoints and format.
        photos: (name to write, photo).
    """
    category_ids = {name: number for number, name in enumerate(annotations.class_names, start=1)}
    images = []
    with path.open("w", encoding="utf-8") as file:
        file.write('{"annotations": [')
        separator = "\n"
        for number, annotation in enumerate(
                _annotations(annotations, photos, category_ids, images), start=1):
            file.write(f"{separator}{json.dumps({'id': number, **annotation})}")
            separator = ",\n"
        categories = _categories(annotations, category_ids)
        file.write(f'],\n"images": {json.dumps(images)},\n'
                   f'"categories": {json.dumps(categories)}, "info": {{}}, "licenses": []}}\n')


def _annotations(annotations: Annotations, photos, category_ids: dict[str, int],
                 images: list[dict]) -> Iterator[dict]:
    """The objects without ids; fills the list of images."""
    numbers = _Numbers()
    box_areas = annotations.format == "deepfashion2"
    for name, photo in photos:
        image_id = numbers.take(Path(name).stem)
        images.append({"id": image_id, "file_name": name, "width": photo.width,
                       "height": photo.height})
        for region in photo.regions:
            yield {"image_id": image_id, "category_id": category_ids[region.class_name],
                   **_object(region, (photo.height, photo.width), box_areas)}


class _Numbers:
    """Ids of images: the numbers that they are named by ("000012" -> 12), else the next ones."""

    def __init__(self):
        self._taken, self._largest = set(), 0

    def take(self, stem: str) -> int:
        named = stem.isdecimal() and len(stem) <= _MOST_DIGITS
        number = int(stem) if named and int(stem) not in self._taken else self._largest + 1
        self._taken.add(number)
        self._largest = max(self._largest, number)
        return number


def _object(region: Region, shape: tuple[int, int], box_areas: bool) -> dict:
    """An object on a photo of (height, width) px."""
    y1, x1, y2, x2 = (float(value) for value in region.box())
    box = [round(value, 3) for value in (x1, y1, x2 - x1, y2 - y1)]
    code = region.rle
    if code is None and (region.crowd or not box_areas):
        flat = [polygon.astype(np.float64).ravel() for polygon in region.polygons]
        code = coco_mask.merge(coco_mask.frPyObjects(flat, *shape))
    area = box[2] * box[3] if box_areas else float(coco_mask.area(code))
    return {"bbox": box, "area": area, "iscrowd": int(region.crowd),
            "segmentation": _segmentation(region, code), **_points(region), **region.notes}


def _segmentation(region: Region, code: dict | None):
    """Polygons as they are; masks, and crowds as COCO wants them, as run-length codes."""
    if region.polygons is not None and not region.crowd:
        return [polygon.astype(np.float64).round(3).ravel().tolist()
                for polygon in region.polygons]
    return {"size": [int(side) for side in code["size"]], "counts": code["counts"].decode("ascii")}


def _points(region: Region) -> dict:
    if region.keypoints is None:
        return {}
    return {"keypoints": region.keypoints.astype(np.float64).round(3).ravel().tolist(),
            "num_keypoints": int((region.keypoints[:, 2] > 0).sum())}


def _categories(annotations: Annotations, category_ids: dict[str, int]) -> list[dict]:
    points = {}
    if annotations.keypoint_names:
        points = {"keypoints": list(annotations.keypoint_names),
                  "skeleton": [[a + 1, b + 1] for a, b in annotations.skeleton]}
    return [{"id": number, "name": name, "supercategory": "clothes", **points}
            for name, number in category_ids.items()]
