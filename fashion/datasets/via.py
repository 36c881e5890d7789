"""Files of the VGG Image Annotator, versions 1 and 2: exports and projects.

An export is a dict of photos, a project has the same dict as "_via_img_metadata". Regions are a
dict by number in version 1 and a list in version 2. See `via_regions` for their classes.
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

PROJECT = "_via_img_metadata"


def version(content) -> str | None:
    """ "via1" or "via2" for the content of such a file, else None."""
    if not isinstance(content, dict):
        return None
    if isinstance(content.get(PROJECT), dict):
        return "via2"
    entries = list(content.values())
    if not entries or not all(isinstance(entry, dict) and {"filename", "regions"} <= set(entry)
                              for entry in entries):
        return None
    return "via2" if any(isinstance(entry["regions"], list) for entry in entries) else "via1"


def read(content: dict, file: Path, folders: Sequence[Path], problems: Problems,
         class_attribute: str | None = None) -> Annotations:
    """Reads the content of a file.

    Args:
        content: JSON.
        file: it comes from.
        folders: where the names of photos start from.
        problems: gets what is odd.
        class_attribute: name of the regions' attribute that is the class; None finds it.

    Raises:
        ValueError: nobody can tell which attribute is the class.
    """
    entries = list(content.get(PROJECT, content).values())
    options = _options(content)
    drawn = [_draw(entry, options, problems) for entry in entries]
    attribute = find_attribute([each for some in drawn for each in some], class_attribute, file,
                               problems)
    core = (content.get("_via_settings") or {}).get("core") or {}
    collector = PhotoCollector([file.parent, *folders], problems, upright=True,
                               prefixes=[core.get("default_filepath") or ""])
    for entry, some in zip(entries, drawn, strict=True):
        collector.add(str(entry["filename"]), to_regions(some, attribute, problems),
                      size_bytes=entry.get("size"))
    return Annotations(collector.photos, classes_of(collector.photos), version(content), problems)


def _draw(entry: dict, options: dict, problems: Problems) -> list[Drawn]:
    """The regions of one photo's entry that enclose something."""
    regions = entry.get("regions") or []
    numbered = regions.items() if isinstance(regions, dict) else enumerate(regions)
    drawn = []
    for number, region in numbered:
        place = f"{entry['filename']} region {number}"
        if not isinstance(region, dict):
            problems.add(UNKNOWN_SHAPE, f"{place} {region}")
            continue
        polygon = _polygon(region.get("shape_attributes") or {}, place, problems)
        if polygon is not None:
            attributes = region.get("region_attributes") or {}
            drawn.append(Drawn(polygon, _named(attributes, options), place))
    return drawn


def _polygon(shape: dict, place: str, problems: Problems) -> np.ndarray | None:
    name = shape.get("name")
    try:
        points = _SHAPES[name](shape) if name in _SHAPES else None
    except (KeyError, TypeError, ValueError, OverflowError):
        problems.add(NO_NUMBERS, f"{place} {name}")
        return None
    if points is None:
        problems.add(UNKNOWN_SHAPE, f"{place} {name}")
        return None
    return outline(points, f"{place} {name}", problems)


def _points(shape: dict) -> np.ndarray:
    return np.array(list(zip(shape["all_points_x"], shape["all_points_y"], strict=True)))


# A polyline is closed: annotators take it for the polygon tool.
_SHAPES = {
    "polygon": _points,
    "polyline": _points,
    "rect": lambda shape: shapes.rectangle(*(shape[key] for key in ("x", "y", "width", "height"))),
    "circle": lambda shape: shapes.circle(shape["cx"], shape["cy"], shape["r"]),
    "ellipse": lambda shape: shapes.ellipse(
        *(shape[key] for key in ("cx", "cy", "rx", "ry")), shape.get("theta", 0.0)),
}


def _options(content: dict) -> dict[str, dict]:
    """Texts of the options of each attribute, by their ids, where the file is a project."""
    attributes = (content.get("_via_attributes") or {}).get("region") or {}
    return {name: attribute.get("options") or {} for name, attribute in attributes.items()}


def _named(attributes: dict, options: dict) -> dict:
    """The attributes with the texts of options that are known by mere numbers."""
    return {name: _option_text(value, options.get(name, {}))
            for name, value in attributes.items()}


def _option_text(value, texts: dict):
    if isinstance(value, dict):
        return {_option_text(key, texts): ticked for key, ticked in value.items()}
    is_number = isinstance(value, str) and value.isdecimal()
    return texts.get(value) or value if is_number else value


def to_json(photos: Sequence[tuple[str, Photo]], kind: str) -> dict:
    """The content of an export of version 1 or a project of version 2.

    Args:
        photos: (name to write, photo), all outlines polygons.
        kind: "via1" or "via2".
    """
    entries = {}
    for name, photo in photos:
        size = photo.path.stat().st_size
        regions = [_region(polygon, attributes)
                   for polygon, attributes in to_parts(photo.regions)]
        if kind == "via1":
            regions = {str(number): region for number, region in enumerate(regions)}
        entries[f"{name}{size}"] = {"filename": name, "size": size, "regions": regions,
                                    "file_attributes": {}}
    return entries if kind == "via1" else _project(entries)


def _region(polygon: np.ndarray, attributes: dict) -> dict:
    x, y = np.round(polygon.astype(np.float64), 3).T.tolist()
    return {"shape_attributes": {"name": "polygon", "all_points_x": x, "all_points_y": y},
            "region_attributes": attributes}


def _project(entries: dict) -> dict:
    """What VIA 2 needs to open a file as a project: settings may be empty, but must be there."""
    names = dict.fromkeys(name for entry in entries.values() for region in entry["regions"]
                          for name in region["region_attributes"])
    text = {"type": "text", "description": "", "default_value": ""}
    return {"_via_settings": {"ui": {}, "core": {}, "project": {"name": "converted"}},
            PROJECT: entries,
            "_via_attributes": {"region": dict.fromkeys(names, text), "file": {}},
            "_via_data_format_version": "2.0.10", "_via_image_id_list": list(entries)}
