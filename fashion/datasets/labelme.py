"""LabelMe's files: one JSON beside each photo (https://github.com/wkentaro/labelme)."""

import base64
import binascii
import io
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

import numpy as np
from PIL import Image

from fashion.datasets import shapes
from fashion.datasets.photo_files import PhotoCollector
from fashion.datasets.photos import ENDINGS
from fashion.datasets.problems import Problems
from fashion.datasets.regions import (
    BROKEN_MASK,
    NO_CLASS,
    NO_NUMBERS,
    NO_OBJECTS,
    UNKNOWN_SHAPE,
    Annotations,
    Photo,
    Region,
    classes_of,
    outline,
)
from mrcnn import masks

NOT_AN_OBJECT = f"label {' or '.join(NO_OBJECTS)}: left out"
MIXED_PARTS = "parts of one object, some drawn as outlines, some as masks: only the first kind"


def is_label_file(content) -> bool:
    """Whether JSON content is such a file."""
    return isinstance(content, dict) and {"shapes", "imagePath"} <= set(content)


class LabelMeReader:
    """Collects the files of a folder.

    Args:
        folders: where the names of photos start from, after the folder of each file.
        problems: gets what is odd.
    """

    def __init__(self, folders: Sequence[Path], problems: Problems):
        self._collector = PhotoCollector(folders, problems, upright=True)
        self._problems = problems

    def add(self, content: dict, file: Path) -> None:
        """Reads one file. The photo that it may hold within itself, "imageData", is not used."""
        size = content.get("imageWidth"), content.get("imageHeight")
        regions, groups = [], {}
        for number, shape in enumerate(content["shapes"]):
            region = self._region(shape, f"{file.name} shape {number}", size)
            group = (shape.get("label"), shape.get("group_id"))
            if region is None:
                continue
            if group[1] is not None and group in groups:
                self._join(groups[group], region)
            else:
                groups[group] = region
                regions.append(region)
        self._collector.add(_photo_name(content, file), regions, size if all(size) else None)

    def annotations(self) -> Annotations:
        """All that was read."""
        photos = self._collector.photos
        return Annotations(photos, classes_of(photos), "labelme", self._problems)

    def _region(self, shape: dict, place: str, size) -> Region | None:
        """A region, or None, noted, where the shape encloses nothing or has no class."""
        name, kind = str(shape.get("label") or "").strip(), shape.get("shape_type") or "polygon"
        region = Region(name, place=f"{place} {kind}")
        if not name or name in NO_OBJECTS:
            self._problems.add(NOT_AN_OBJECT if name else NO_CLASS, place)
        elif kind == "mask":
            region.rle = _read_mask(shape, size)
            if region.rle is None:
                self._problems.add(BROKEN_MASK, place)
        elif kind not in _SHAPES:
            self._problems.add(UNKNOWN_SHAPE, region.place)
        else:
            region.polygons = self._outline(shape, kind, region.place)
        return region if region.rle or region.polygons else None

    def _outline(self, shape: dict, kind: str, place: str) -> list[np.ndarray] | None:
        try:
            points = _SHAPES[kind](np.array(shape["points"], float))
        except (KeyError, TypeError, ValueError, IndexError, OverflowError):
            self._problems.add(NO_NUMBERS, place)
            return None
        polygon = outline(points, place, self._problems)
        return None if polygon is None else [polygon]

    def _join(self, whole: Region, part: Region) -> None:
        """Adds a part to an object."""
        if whole.polygons and part.polygons:
            whole.polygons += part.polygons
        elif whole.rle and part.rle:
            whole.rle = masks.to_rle(masks.from_rle(whole.rle) | masks.from_rle(part.rle))
        else:
            self._problems.add(MIXED_PARTS, part.place)


def _photo_name(content: dict, file: Path) -> str:
    """The photo, from the folder of its file; as it is written there if that leads nowhere.

    Where no photo is named, as in LabelMe's own tutorial, it is the one beside the file.
    """
    written = PureWindowsPath(str(content["imagePath"])).as_posix()
    beside = [file.with_suffix(ending) for ending in sorted(ENDINGS)]
    named = [file.parent / written] if Path(written).suffix.lower() in ENDINGS else beside
    found = (str(photo.absolute()) for photo in named if photo.is_file())
    return next(found, str(content["imagePath"]))


def _rectangle(points: np.ndarray) -> np.ndarray:
    """From two opposite corners."""
    (x1, y1), (x2, y2) = points
    return shapes.rectangle(min(x1, x2), min(y1, y2), abs(x2 - x1), abs(y2 - y1))


def _circle(points: np.ndarray) -> np.ndarray:
    """From its centre and a point on it."""
    centre, edge = points
    return shapes.circle(*centre, float(np.hypot(*(edge - centre))))


_SHAPES = {"polygon": np.asarray, "oriented_rectangle": np.asarray, "rectangle": _rectangle,
           "circle": _circle}


def _read_mask(shape: dict, size) -> dict | None:
    """Run-length code of a shape that holds a picture of its mask, as a text, in its box."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(shape["mask"]))) as image:
            crop = np.asarray(image.convert("L")) > 0
        left, top = np.round(shape["points"][0]).astype(int)
        crop = crop[max(-top, 0):, max(-left, 0):]
        left, top = max(left, 0), max(top, 0)
        bitmap = np.zeros((int(size[1]), int(size[0])), bool)
        window = bitmap[top:top + crop.shape[0], left:left + crop.shape[1]]
        window[:] = crop[:window.shape[0], :window.shape[1]]
    except (KeyError, TypeError, ValueError, IndexError, OSError, binascii.Error):
        return None
    return masks.to_rle(bitmap) if bitmap.any() else None


def to_json(name: str, photo: Photo) -> dict:
    """The content of a photo's file; several polygons of one object have one group_id."""
    drawn = []
    for number, region in enumerate(photo.regions, start=1):
        if region.rle is not None:
            drawn.append(_mask_shape(region))
            continue
        group = number if len(region.polygons) > 1 else None
        drawn += [_shape(region.class_name, "polygon",
                         polygon.astype(np.float64).round(3).tolist(), group)
                  for polygon in region.polygons]
    return {"version": "5.4.1", "flags": {}, "shapes": drawn, "imagePath": name,
            "imageData": None, "imageHeight": photo.height, "imageWidth": photo.width}


def _shape(label: str, kind: str, points: list, group=None, mask: str | None = None) -> dict:
    return {"label": label, "points": points, "group_id": group, "description": "",
            "shape_type": kind, "flags": {}, "mask": mask}


def _mask_shape(region: Region) -> dict:
    """The mask cut to its extent; LabelMe's second corner is the last pixel, not the one after."""
    bitmap = masks.from_rle(region.rle)
    top, left, bottom, right = (int(v) for v in masks.extents(bitmap[..., None])[0])
    file = io.BytesIO()
    Image.fromarray(bitmap[top:bottom, left:right].astype(np.uint8)).save(file, "PNG")
    text = base64.b64encode(file.getvalue()).decode("ascii")
    return _shape(region.class_name, "mask", [[left, top], [right - 1, bottom - 1]], mask=text)
