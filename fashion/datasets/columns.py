"""DeepFashion2's annotations as a few flat arrays.

The training set has 191,961 annotation files. As Python objects they fill gigabytes and every
worker process copies them; as columns they are about 300 MB that all processes share through the
page cache. What varies in length (items of an image, polygons of an item, ...) lies in one table,
with an array of offsets that says where each owner's rows begin.
"""

import os
from array import array
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from fashion.datasets.annotations import ATTRIBUTES, SOURCES, Annotation


@dataclass(frozen=True, eq=False)
class Columns:
    """One subset. I images, K items, P polygons, V vertices, L landmarks, each in file order."""

    image_names: np.ndarray  # [I] bytes: file names
    sources: np.ndarray  # [I] uint8: index into annotations.SOURCES
    pair_ids: np.ndarray  # [I] int32
    item_offsets: np.ndarray  # [I + 1] int64 into the items
    item_numbers: np.ndarray  # [K] int32: 2 for "item2"
    categories: np.ndarray  # [K] uint8: 1 to 13
    styles: np.ndarray  # [K] int32
    attributes: np.ndarray  # [K, (scale, occlusion, zoom_in, viewpoint)] uint8, 0: unknown
    boxes: np.ndarray  # [K, (y1, x1, y2, x2)] float32 px
    polygon_offsets: np.ndarray  # [K + 1] int64 into the polygons
    vertex_offsets: np.ndarray  # [P + 1] int64 into the vertices
    vertices: np.ndarray  # [V, (x, y)] float32 px
    landmark_offsets: np.ndarray  # [K + 1] int64 into the landmarks
    landmarks: np.ndarray  # [L, (x, y, v)] float32 px
    folder: Path | None = None  # where the arrays are memory-mapped from

    def __reduce__(self):
        # A worker process maps the files again instead of receiving their content.
        if self.folder is not None:
            return map_columns, (self.folder,)
        return Columns, tuple(getattr(self, name) for name in ARRAY_NAMES)

    @property
    def num_images(self) -> int:
        return len(self.image_names)

    @property
    def num_items(self) -> int:
        return len(self.categories)

    def image_name(self, image: int) -> str:
        return os.fsdecode(bytes(self.image_names[image]))

    def items(self, image: int) -> slice:
        """Rows of an image's items."""
        return slice(int(self.item_offsets[image]), int(self.item_offsets[image + 1]))

    def item_range(self, image: int) -> range:
        """The same, to go through."""
        items = self.items(image)
        return range(items.start, items.stop)

    def item_images(self) -> np.ndarray:
        """[K] int64: the image of each item."""
        return np.repeat(np.arange(self.num_images), np.diff(self.item_offsets))

    def identities(self) -> np.ndarray:
        """[K] int32: pairs (pair_id, style) numbered from 1; 0 for style 0, a garment without pair.
        """
        paired = self.styles > 0
        pairs = np.stack([self.pair_ids[self.item_images()], self.styles], axis=1)[paired]
        identities = np.zeros(self.num_items, np.int32)
        if len(pairs):
            identities[paired] = np.unique(pairs, axis=0, return_inverse=True)[1].ravel() + 1
        return identities

    def polygons(self, item: int) -> list[np.ndarray]:
        """Polygons of an item: list of [vertices, (x, y)] float32 px."""
        first, last = self.polygon_offsets[item:item + 2]
        bounds = self.vertex_offsets[first:last + 1]
        return [np.asarray(self.vertices[a:b])
                for a, b in zip(bounds[:-1], bounds[1:], strict=True)]

    def item_landmarks(self, item: int) -> np.ndarray:
        """Landmarks of an item: [n, (x, y, v)] float32 px; n = 0 where it has none."""
        first, last = self.landmark_offsets[item:item + 2]
        return np.asarray(self.landmarks[first:last])


ARRAY_NAMES = tuple(field.name for field in fields(Columns) if field.name != "folder")


def map_columns(folder: Path) -> Columns:
    """Maps the arrays that lie as .npy files in a folder; nothing is read until it is used."""
    arrays = {}
    for name in ARRAY_NAMES:
        mapped = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        arrays[name] = mapped.view(np.ndarray)  # indexing a memmap object is several times slower
    return Columns(**arrays, folder=folder)


def require_consistent(columns: Columns) -> None:
    """Checks that every offset array fits the tables it stands between.

    Raises:
        ValueError: it does not; names the array.
    """
    num_polygons = len(columns.vertex_offsets) - 1
    relations = {
        "item_offsets": (columns.num_images, columns.num_items),
        "polygon_offsets": (columns.num_items, num_polygons),
        "vertex_offsets": (num_polygons, len(columns.vertices)),
        "landmark_offsets": (columns.num_items, len(columns.landmarks)),
    }
    for name, (owners, rows) in relations.items():
        offsets = getattr(columns, name)
        fits = len(offsets) == owners + 1 and offsets[0] == 0 and offsets[-1] == rows
        if not fits or (np.diff(offsets) < 0).any():
            raise ValueError(f"{name} should rise from 0 to {rows} in {owners + 1} steps.")
    per_image = ("sources", "pair_ids")
    per_item = ("item_numbers", "styles", "attributes", "boxes")
    for names, count in ((per_image, columns.num_images), (per_item, columns.num_items)):
        for name in names:
            if len(getattr(columns, name)) != count:
                raise ValueError(f"{name} should have {count} rows, "
                                 f"has {len(getattr(columns, name))}.")


class ColumnsBuilder:
    """Collects annotations image by image. Grows flat arrays, so it needs little more memory than
    the columns themselves."""

    def __init__(self):
        self._image_names: list[bytes] = []
        self._sources = array("B")
        self._pair_ids = array("i")
        self._item_offsets = array("q", [0])
        self._item_numbers = array("i")
        self._categories = array("B")
        self._styles = array("i")
        self._attributes = array("B")
        self._boxes = array("f")
        self._polygon_offsets = array("q", [0])
        self._vertex_offsets = array("q", [0])
        self._vertices = array("f")
        self._landmark_offsets = array("q", [0])
        self._landmarks = array("f")

    def add(self, image_name: str, annotation: Annotation) -> None:
        """Appends one image with its items."""
        self._image_names.append(os.fsencode(image_name))
        self._sources.append(SOURCES.index(annotation.source))
        self._pair_ids.append(annotation.pair_id)
        for item in annotation.items:
            self._add_item(item)
        self._item_offsets.append(len(self._categories))

    def _add_item(self, item) -> None:
        self._item_numbers.append(item.number)
        self._categories.append(item.category_id)
        self._styles.append(item.style)
        self._attributes.extend(item.attributes)
        self._boxes.extend(item.box)
        for polygon in item.polygons:
            self._vertices.extend(polygon)
            self._vertex_offsets.append(len(self._vertices) // 2)
        self._polygon_offsets.append(len(self._vertex_offsets) - 1)
        self._landmarks.extend(item.landmarks)
        self._landmark_offsets.append(len(self._landmarks) // 3)

    def build(self) -> Columns:
        """The columns of everything added so far. Adding more afterwards is not possible."""
        return Columns(
            image_names=np.array(self._image_names, "S"),
            sources=np.frombuffer(self._sources, np.uint8),
            pair_ids=np.frombuffer(self._pair_ids, np.int32),
            item_offsets=np.frombuffer(self._item_offsets, np.int64),
            item_numbers=np.frombuffer(self._item_numbers, np.int32),
            categories=np.frombuffer(self._categories, np.uint8),
            styles=np.frombuffer(self._styles, np.int32),
            attributes=np.frombuffer(self._attributes, np.uint8).reshape(-1, len(ATTRIBUTES)),
            boxes=np.frombuffer(self._boxes, np.float32).reshape(-1, 4),
            polygon_offsets=np.frombuffer(self._polygon_offsets, np.int64),
            vertex_offsets=np.frombuffer(self._vertex_offsets, np.int64),
            vertices=np.frombuffer(self._vertices, np.float32).reshape(-1, 2),
            landmark_offsets=np.frombuffer(self._landmark_offsets, np.int64),
            landmarks=np.frombuffer(self._landmarks, np.float32).reshape(-1, 3))
