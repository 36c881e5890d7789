"""Projects of the VGG Image Annotator, version 3.

Regions are "metadata" of "views" of files; a region's place is a list of numbers that begins with
the number of its shape, its attributes are known by numbers too (VIA 3's CodeDoc.md).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fashion.datasets import shapes
from fashion.datasets.photo_files import PhotoCollector
from fashion.datasets.problems import Problems
from fashion.datasets.regions import (
    NO_NUMBERS,
    UNKNOWN_SHAPE,
    Annotations,
    Photo,
    classes_of,
    outline,
)
from fashion.datasets.via_regions import Drawn, find_attribute, to_parts, to_regions

NOT_A_PHOTO = "video, sound, or view of several files: left out"
MOMENT = "region of a moment of a video: left out"
_PHOTO_FILE, _LOCAL, _TEXT, _CHECKBOX, _POLYGON = 2, 1, 1, 2, 7


def _points(*xy: float) -> np.ndarray:
    return np.reshape(xy, (-1, 2))


def _around(*xy: float) -> np.ndarray:
    """The rectangle around points on the four sides of an object."""
    (x1, y1), (x2, y2) = _points(*xy).min(axis=0), _points(*xy).max(axis=0)
    return shapes.rectangle(x1, y1, x2 - x1, y2 - y1)


# By the number of the shape what makes an outline of the numbers after it. A polyline, 6, is
# closed: annotators take it for the polygon tool.
_SHAPES = {2: shapes.rectangle, 3: shapes.circle, 4: shapes.ellipse, 6: _points,
           _POLYGON: _points, 8: _around}


def is_project(content) -> bool:
    """Whether JSON content is such a project."""
    return isinstance(content, dict) and {"project", "file", "view", "metadata"} <= set(content)


def read(content: dict, file: Path, folders: Sequence[Path], problems: Problems,
         class_attribute: str | None = None) -> Annotations:
    """Reads a project; arguments and errors as those of `via.read`."""
    names = _photo_names(content, problems)
    drawn = {view: [] for view in names}
    for key, metadata in content["metadata"].items():
        if not isinstance(metadata, dict):
            problems.add(UNKNOWN_SHAPE, f"{file.name} metadata {key} {metadata}")
            continue
        view = str(metadata.get("vid"))
        if view in drawn and metadata.get("xy"):
            region = _draw(metadata, f"{names[view]} region {key}", content, problems)
            drawn[view] += [region] if region else []
    attribute = find_attribute([each for some in drawn.values() for each in some],
                               class_attribute, file, problems)
    places = ((content.get("config") or {}).get("file") or {}).get("loc_prefix") or {}
    collector = PhotoCollector([file.parent, *folders], problems, upright=True,
                               prefixes=[place for place in places.values() if place])
    for view, some in drawn.items():
        collector.add(names[view], to_regions(some, attribute, problems))
    return Annotations(collector.photos, classes_of(collector.photos), "via3", problems)


def _photo_names(content: dict, problems: Problems) -> dict[str, str]:
    """File names of the views that show one photo, by the views' ids, in the project's order."""
    ids = [str(view) for view in content["project"].get("vid_list") or content["view"]]
    names = {}
    for view in ids:
        files = [content["file"].get(str(file)) or {}
                 for file in content["view"].get(view, {}).get("fid_list", ())]
        if len(files) == 1 and files[0].get("type") == _PHOTO_FILE:
            names[view] = str(files[0].get("fname"))
        else:
            problems.add(NOT_A_PHOTO, f"view {view}")
    return names


def _draw(metadata: dict, place: str, content: dict, problems: Problems) -> Drawn | None:
    """A region, or None, noted, where it encloses nothing."""
    shape, *numbers = metadata["xy"]
    if metadata.get("z"):
        problems.add(MOMENT, place)
        return None
    if shape not in _SHAPES:
        problems.add(UNKNOWN_SHAPE, f"{place} shape {shape}")
        return None
    try:
        points = _SHAPES[shape](*numbers)
    except (TypeError, ValueError, OverflowError):
        problems.add(NO_NUMBERS, place)
        return None
    polygon = outline(points, place, problems)
    return None if polygon is None else Drawn(polygon, _named(metadata, content), place)


def _named(metadata: dict, content: dict) -> dict:
    """The region's attributes by name, options as their texts."""
    attributes = content.get("attribute") or {}
    return {attributes[key]["aname"]: _value(value, attributes[key])
            for key, value in (metadata.get("av") or {}).items() if key in attributes}


def _value(value, attribute: dict):
    if attribute.get("type") == _TEXT:
        return value
    options = attribute.get("options") or {}
    ids = str(value).split(",") if attribute.get("type") == _CHECKBOX else [str(value)]
    return {options.get(each, each): True for each in ids if each}


def to_json(photos: Sequence[tuple[str, Photo]]) -> dict:
    """The content of a project; photos are (name to write, photo), all outlines polygons."""
    files, views, metadata = {}, {}, {}
    for number, (name, photo) in enumerate(photos, start=1):
        key = str(number)
        files[key] = {"fid": key, "fname": name, "type": _PHOTO_FILE, "loc": _LOCAL, "src": ""}
        views[key] = {"fid_list": [key]}
        for region, (polygon, attributes) in enumerate(to_parts(photo.regions), start=1):
            xy = [_POLYGON, *np.round(polygon.astype(np.float64), 3).ravel().tolist()]
            av = {str(place): value for place, value in enumerate(attributes.values(), start=1)}
            metadata[f"{key}_{region:08d}"] = {"vid": key, "flg": 0, "z": [], "xy": xy, "av": av}
    return {"project": _header(list(views)), "config": _CONFIG, "attribute": _ATTRIBUTES,
            "file": files, "view": views, "metadata": metadata}


def _header(views: list[str]) -> dict:
    return {"pid": "__VIA_PROJECT_ID__", "rev": "__VIA_PROJECT_REV_ID__",
            "rev_timestamp": "__VIA_PROJECT_REV_TIMESTAMP__", "pname": "converted",
            "data_format_version": "3.1.1", "creator": "", "created": 0, "vid_list": views}


_CONFIG = {"file": {"loc_prefix": {"1": "", "2": "", "3": "", "4": ""}},
           "ui": {"file_content_align": "center", "file_metadata_editor_visible": True,
                  "spatial_metadata_editor_visible": True,
                  "spatial_region_label_attribute_id": "1"}}
_ATTRIBUTES = {
    str(place): {"aname": name, "anchor_id": "FILE1_Z0_XY1", "type": _TEXT, "desc": "",
                 "options": {}, "default_option_id": ""}
    for place, name in enumerate(("name", "group_id"), start=1)}
