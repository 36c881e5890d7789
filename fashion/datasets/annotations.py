"""Reads one annotation file of DeepFashion2.

A file describes one photo::

    {"source": "user", "pair_id": 28,
     "item1": {"category_name": "vest", "category_id": 5, "style": 1,
               "bounding_box": [x1, y1, x2, y2], "landmarks": [x, y, v, ...],
               "segmentation": [[x, y, x, y, ...], ...],
               "scale": 2, "occlusion": 2, "zoom_in": 1, "viewpoint": 2},
     "item2": ...}

Keys come in any order, numbers as ints or floats, and everything but category, box and polygons may
be absent. An item that lacks one of these three cannot be learned from and is skipped; landmarks
that do not fit are dropped and the item stays. Every such case is noted by name.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from fashion.categories import CATEGORIES

SOURCES = ("unknown", "user", "shop")
ATTRIBUTES = {"scale": 3, "occlusion": 3, "zoom_in": 3, "viewpoint": 3}  # name -> highest value

EMPTY_FILE = "empty annotation file: image skipped"
MALFORMED = "malformed JSON: image skipped"
NO_ITEM = "none of the items is usable: image skipped"
BAD_CATEGORY = f"category_id is not 1 to {len(CATEGORIES)}: item skipped"
BAD_BOX = "bounding_box is not four finite numbers: item skipped"
EMPTY_BOX = "bounding_box has no area: item skipped"
BAD_POLYGON = "polygon with a coordinate that is no finite number: polygon dropped"
SHORT_POLYGON = "polygon of fewer than three points: polygon dropped"
NO_POLYGON = "no usable polygon: item skipped"
LANDMARK_COUNT = "landmarks do not number 3 x the category's points: landmarks dropped"
BAD_LANDMARKS = "landmark that is not finite x, y and v of 0, 1 or 2: landmarks dropped"
BAD_ATTRIBUTE = "attribute outside its range: taken as unknown"
OTHER_NAME = "category_name does not fit category_id: category_id is used"

_ITEM_KEY = re.compile(r"item(\d{1,9})")
_MAX_COORDINATE = 1e6  # px; beyond any photo, and exact in float32 to a tenth of a pixel
_LANDMARK_COUNTS = {category.id: category.count for category in CATEGORIES}
_NAMES = {category.id: category.name for category in CATEGORIES}

Note = Callable[[str, str], None]  # (reason, item key or "")


@dataclass
class Item:
    """One garment: box (y1, x1, y2, x2) px, polygons as flat x, y lists, landmarks x, y, v."""

    number: int
    category_id: int
    box: tuple[float, float, float, float]
    polygons: list[list[float]]
    landmarks: list[float] = field(default_factory=list)
    style: int = 0
    attributes: tuple[int, ...] = (0,) * len(ATTRIBUTES)  # 0: unknown


@dataclass
class Annotation:
    """One photo: who took it ("user", "shop" or "unknown"), its pair, its garments."""

    source: str
    pair_id: int
    items: list[Item]


def parse(text: bytes, note: Note) -> Annotation | None:
    """Reads the text of one annotation file.

    Args:
        text: content of the file.
        note: called with (reason, item key) for each oddity; the key is "" for the whole file.

    Returns:
        The annotation, or None when nothing can be learned from this image. An image that has no
        items by intention is returned: it is a negative example.
    """
    if not text.strip():
        note(EMPTY_FILE, "")
        return None
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        note(MALFORMED, "")
        return None
    raw_items = _numbered_items(content)
    items = [item for number, raw in raw_items if (item := _parse_item(number, raw, note))]
    if raw_items and not items:
        note(NO_ITEM, "")
        return None
    source = content.get("source")
    return Annotation(source if source in SOURCES else "unknown", _whole(content.get("pair_id")),
                      items)


def _numbered_items(content: dict) -> list[tuple[int, dict]]:
    found = [(int(match[1]), value) for key, value in content.items()
             if (match := _ITEM_KEY.fullmatch(key))]
    return sorted(found, key=lambda pair: pair[0])


def _parse_item(number: int, raw: dict, note: Note) -> Item | None:
    def note_item(reason):
        note(reason, f"item{number}")

    category_id = _whole(raw.get("category_id")) if isinstance(raw, dict) else 0
    if category_id not in _NAMES:
        note_item(BAD_CATEGORY)
        return None
    if raw.get("category_name", _NAMES[category_id]) != _NAMES[category_id]:
        note_item(OTHER_NAME)
    box = _parse_box(raw.get("bounding_box"), note_item)
    polygons = box and _parse_polygons(raw.get("segmentation"), note_item)
    if not polygons:
        return None
    return Item(number, category_id, box, polygons,
                _parse_landmarks(raw.get("landmarks"), category_id, note_item),
                _whole(raw.get("style")), _parse_attributes(raw, note_item))


def _parse_box(value, note_item) -> tuple[float, float, float, float] | None:
    if not _are_positions(value) or len(value) != 4:
        note_item(BAD_BOX)
        return None
    x1, y1, x2, y2 = value
    if x2 <= x1 or y2 <= y1:
        note_item(EMPTY_BOX)
        return None
    return y1, x1, y2, x2


def _parse_polygons(value, note_item) -> list[list[float]]:
    polygons = []
    for polygon in value if isinstance(value, list) else []:
        if not _are_positions(polygon):
            note_item(BAD_POLYGON)
        elif len(set(zip(polygon[::2], polygon[1::2], strict=False))) < 3:
            note_item(SHORT_POLYGON)
        else:
            polygons.append(polygon[:len(polygon) // 2 * 2])
    if not polygons:
        note_item(NO_POLYGON)
    return polygons


def _parse_landmarks(value, category_id: int, note_item) -> list[float]:
    if not value:
        return []
    if not isinstance(value, list) or len(value) != 3 * _LANDMARK_COUNTS[category_id]:
        note_item(LANDMARK_COUNT)
        return []
    if not _are_positions(value) or any(v not in (0, 1, 2) for v in value[2::3]):
        note_item(BAD_LANDMARKS)
        return []
    return value


def _parse_attributes(raw: dict, note_item) -> tuple[int, ...]:
    values = []
    for name, highest in ATTRIBUTES.items():
        value = raw.get(name)
        known = value in range(1, highest + 1)
        if value is not None and not known:
            note_item(BAD_ATTRIBUTE)
        values.append(int(value) if known else 0)
    return tuple(values)


def _are_positions(values) -> bool:
    """Whether this is a list of numbers that can be pixel positions (no NaN, no infinity)."""
    try:
        return isinstance(values, list) and all(abs(v) < _MAX_COORDINATE for v in values)
    except TypeError:
        return False


def _whole(value) -> int:
    """A whole number that fits 32 bits, or 0."""
    is_whole = isinstance(value, int | float) and abs(value) < 2**31 and value == int(value)
    return int(value) if is_whole else 0
