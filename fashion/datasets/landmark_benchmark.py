"""DeepFashion's Fashion Landmark Detection Benchmark: one garment a photo, up to 8 landmarks.

Liu et al., "Fashion Landmark Detection in the Wild", ECCV 2016. Its published files, which may lie
in `Anno` and `Eval` or beside the photos, begin with a line that counts the rows and a line that
names the columns; names of photos are `img/img_00000001.jpg`:

  * list_landmarks.txt: image_name, clothes_type, variation_type, then landmark_visibility_i,
    landmark_location_x_i and landmark_location_y_i for i = 1 to 8. Rows end after the landmarks
    that the type has: upper body 6 (collar, sleeve, hem), lower body 4 (waistline, hem), full body
    8 (collar, sleeve, waistline, hem), the left of the picture before the right.
  * list_bbox.txt: image_name, x_1, y_1, x_2, y_2.
  * list_eval_partition.txt: image_name, evaluation_status (train, val or test).

The landmark lists of DeepFashion's category benchmark, which have no variation_type, are read too.
"""

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fashion.datasets.problems import Problems
from fashion.datasets.selection import spread
from mrcnn.data.dataset import Dataset

logger = logging.getLogger(__name__)

SOURCE = "deepfashion"
SUBSETS = ("train", "val", "test")
TYPES = ("upper body", "lower body", "full body")  # class ids 1 to 3, as in the files
LANDMARKS = ("L.Collar", "R.Collar", "L.Sleeve", "R.Sleeve", "L.Waistline", "R.Waistline",
             "L.Hem", "R.Hem")
FLIP = (1, 0, 3, 2, 5, 4, 7, 6)
# Places of a type's landmarks among the 8, in the order of its rows.
OF_TYPE = {1: (0, 1, 2, 3, 6, 7), 2: (4, 5, 6, 7), 3: tuple(range(8))}
# Type of DeepFashion2's categories 1 to 13: tops and outwear, trousers and skirts, dresses.
TYPE_OF_CATEGORY = (1,) * 6 + (2,) * 3 + (3,) * 4
VARIATIONS = ("unknown", "normal pose", "medium pose", "large pose", "medium zoom-in",
              "large zoom-in")
# On disk 0 is visible, 1 occluded and 2 cut off (in the CSPN paper 1, 0 and -1); here 2, 1, 0.
VISIBILITY = {0: 2, 1: 1, 2: 0}

LIST_NAMES = ("list_landmarks.txt", "list_bbox.txt", "list_eval_partition.txt")
_LIST_FOLDERS = ("Anno", "Eval", "anno", "eval", "Anno_coarse", ".")
_PHOTO_FOLDERS = (".", "Img", "img", "images")
HOW_TO_GET = """\
The benchmark is free for research: ask its authors, as
http://mmlab.ie.cuhk.edu.hk/projects/DeepFashion/LandmarkDetection.html says, unpack it and pass
the folder with Anno, Eval and Img as --dataset=DIR."""

UNKNOWN_STATUS = "evaluation_status is none of train, val, test: left out"
SHORT_ROW = "row with fewer columns than its clothes type needs: left out"
NO_NUMBERS = "row with something that is no whole number: left out"
UNKNOWN_TYPE = "clothes_type is none of 1, 2, 3: left out"
UNKNOWN_VISIBILITY = "landmark_visibility is none of 0, 1, 2: landmark taken as cut off"
UNKNOWN_VARIATION = "variation_type is none of 1 to 5: taken as unknown"
WITHOUT_LANDMARKS = "photo is not in list_landmarks.txt: left out"
WITHOUT_BOX = "photo is not in list_bbox.txt: left out"
EMPTY_BOX = "box without area: left out"
MISSING_PHOTO = "photo is not there: left out"
TWICE = "photo is listed twice: the first row counts"


class _Unusable(Exception):
    """A photo that is left out: the reason, and where it was met."""


@dataclass(frozen=True)
class _Table:
    """A list file: its path, its columns after the name, and their texts by name of the photo."""

    path: Path
    columns: list[str]
    rows: dict[str, list[str]]


class LandmarkBenchmarkDataset(Dataset):
    """One subset of the benchmark, or of what is written like it.

    Class ids are the clothes types: 1 upper, 2 lower, 3 full body. The files have no outlines: the
    box stands for one, so that a detector without a mask head can be trained.

    Attributes:
        problems: what was odd in the files, and what was done about it.
        variations: [images] int, places in `VARIATIONS`.
    """

    num_keypoints = len(LANDMARKS)

    def __init__(self):
        super().__init__()
        self.problems = Problems()

    def load(self, root: str | os.PathLike, subset: str, limit: int | None = None) -> None:
        """Reads one subset; once per data set object.

        Args:
            root: folder with the three list files, or with folders that hold them, and the photos.
            subset: "train", "val" or "test".
            limit: keeps so many photos, spread evenly.

        Raises:
            ValueError: a list file is missing or not built as published, has another number of
                rows than its first line says, or no photo of the subset is usable.
        """
        if subset not in SUBSETS:
            raise ValueError(f"subset {subset!r}: expected one of {', '.join(SUBSETS)}.")
        landmarks, boxes, partition = _read_tables(Path(root), self.problems)
        names = _members(partition, subset, self.problems)
        found = (self._garment(name, landmarks, boxes, Path(root)) for name in names)
        garments = [each for each in found if each is not None]
        if not garments:
            raise ValueError(f"{root}: no usable photo in subset {subset!r} of "
                             f"{partition.path}.\n{self.problems.summary()}")
        if self.problems:
            logger.warning("Odd rows in the lists of %s: %d\n%s", root, len(self.problems),
                           self.problems.summary())
        self._fill([garments[i] for i in spread(np.arange(len(garments)), limit)])

    def _garment(self, name, landmarks, boxes, root):
        """(name, path, class id, variation, points [8, 3], box) of a photo; None is left out."""
        try:
            row = _parse_landmarks(name, landmarks, self.problems)
            box = _parse_box(name, boxes)
            path = find_photo(root, name)
            if path is None:
                raise _Unusable(MISSING_PHOTO, name)
        except _Unusable as unusable:
            self.problems.add(*unusable.args)
            return None
        return (name, path, *row, box)

    def _fill(self, garments):
        for class_id, name in enumerate(TYPES, start=1):
            self.add_class(SOURCE, class_id, name)
        for name, path, class_id, *_ in garments:
            self.add_image(SOURCE, name, str(path), class_ids=[class_id])
        _, _, _, variations, points, boxes = zip(*garments, strict=True)
        self.variations = np.array(variations)
        self._points = np.stack(points)  # [images, 8, (x, y, v)]
        self._boxes = np.stack(boxes)  # [images, (y1, x1, y2, x2)]

    def load_boxes(self, image_id: int) -> np.ndarray:
        """The annotated box: [1, (y1, x1, y2, x2)] float32 px."""
        return self._boxes[image_id][None].copy()

    def load_polygons(self, image_id: int) -> list[list[np.ndarray]]:
        """The box as an outline: one list of one polygon [4, (x, y)] px."""
        y1, x1, y2, x2 = self._boxes[image_id]
        return [[np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])]]

    def load_keypoints(self, image_id: int) -> np.ndarray:
        """[1, 8, (x, y, v)] float32 px: v 2 visible, 1 covered, 0 cut off or not of the type."""
        return self._points[image_id][None].copy()

    def keypoint_flip(self, class_id: int) -> np.ndarray:
        """[8] int: left and right change places in a mirrored picture."""
        return np.array(FLIP)


def has_lists(root: str | os.PathLike) -> bool:
    """Whether a folder holds a list of the benchmark, or of what is written like it."""
    return any(_find_list(Path(root), name) for name in LIST_NAMES)


def subsets_present(root: str | os.PathLike) -> list[str]:
    """Names of the subsets that have photos in the partition list, in the order of `SUBSETS`.

    Raises:
        ValueError: the list is missing or not built as published.
    """
    problems = Problems()
    partition = _read_list(Path(root), LIST_NAMES[2], ["evaluation_status"], problems)
    return [subset for subset in SUBSETS if _members(partition, subset, problems)]


def find_photo(root: Path, name: str) -> Path | None:
    """Path of a photo that a list names; None where it is not."""
    places = [root / folder / name for folder in _PHOTO_FOLDERS]
    return next((path for path in places if path.is_file()), None)


def _find_list(root: Path, name: str) -> Path | None:
    places = [root / folder / name for folder in _LIST_FOLDERS]
    return next((path for path in places if path.is_file()), None)


def _read_tables(root: Path, problems: Problems) -> list[_Table]:
    """The three list files."""
    columns = [["clothes_type", *(f"landmark_{what}_{i}" for i in range(1, len(LANDMARKS) + 1)
                                  for what in ("visibility", "location_x", "location_y"))],
               ["x_1", "y_1", "x_2", "y_2"], ["evaluation_status"]]
    return [_read_list(root, name, needed, problems)
            for name, needed in zip(LIST_NAMES, columns, strict=True)]


def _read_list(root: Path, name: str, needed: Iterable[str], problems: Problems) -> _Table:
    """One list file.

    Raises:
        ValueError: it is missing, does not begin as published, lacks a column, or has another
            number of rows than its first line says.
    """
    path = _find_list(root, name)
    if path is None:
        raise ValueError(f"{root}: expected {name} there or in its folders Anno and Eval, but "
                         f"found none.\n{HOW_TO_GET}")
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    count = lines[0].strip() if lines else ""
    if not count.isdecimal():
        raise ValueError(f"{path}: expected the number of rows in the first line, got {count!r}. "
                         "Take the file as it was published.")
    header = lines[1].split() if len(lines) > 1 else []
    missing = [column for column in ("image_name", *needed) if column not in header]
    if missing:
        raise ValueError(f"{path}: its second line lacks {len(missing)} columns: "
                         f"{', '.join(missing[:3])}, ... Take the file as it was published.")
    rows = [line.split() for line in lines[2:] if line.strip()]
    if len(rows) != int(count):
        raise ValueError(f"{path}: its first line says {count} rows, but there are {len(rows)}. "
                         "Unpack it again; if rows were taken out on purpose, correct the line.")
    return _Table(path, header[1:], _by_name(rows, path, problems))


def _by_name(rows, path, problems) -> dict[str, list[str]]:
    table = {}
    for name, *values in rows:
        if name in table:
            problems.add(TWICE, f"{path.name} {name}")
        else:
            table[name] = values
    return table


def _members(partition: _Table, subset: str, problems: Problems) -> list[str]:
    """Names of a subset's photos."""
    place = partition.columns.index("evaluation_status")
    members = []
    for name, values in partition.rows.items():
        status = values[place] if place < len(values) else None
        if status not in SUBSETS:
            problems.add(UNKNOWN_STATUS, name)
        elif status == subset:
            members.append(name)
    return members


def _parse_landmarks(name: str, table: _Table, problems: Problems):
    """(class id, variation, points [8, (x, y, v)]) of a photo."""
    numbers = _numbers(name, table, WITHOUT_LANDMARKS)
    place, first = (table.columns.index(column)
                    for column in ("clothes_type", "landmark_visibility_1"))
    class_id = numbers[place] if place < len(numbers) else None
    if class_id is not None and class_id not in OF_TYPE:
        raise _Unusable(UNKNOWN_TYPE, f"{name}: {class_id}")
    if class_id is None or len(numbers) < first + 3 * len(OF_TYPE[class_id]):
        raise _Unusable(SHORT_ROW, f"{table.path.name} {name}")
    triples = np.reshape(numbers[first:first + 3 * len(OF_TYPE[class_id])], (-1, 3))
    points = np.zeros((len(LANDMARKS), 3), np.float32)
    points[list(OF_TYPE[class_id])] = [_point(triple, name, problems) for triple in triples]
    return class_id, _variation(name, table, numbers, problems), points


def _point(triple, name, problems):
    """(x, y, v) of a landmark's (visibility, x, y) on disk; zeros where it is cut off."""
    visibility, x, y = (int(value) for value in triple)
    if visibility not in VISIBILITY:
        problems.add(UNKNOWN_VISIBILITY, f"{name}: {visibility}")
    seen = VISIBILITY.get(visibility, 0)
    return (x, y, seen) if seen else (0, 0, 0)


def _variation(name, table, numbers, problems) -> int:
    """Place in `VARIATIONS`."""
    if "variation_type" not in table.columns:
        return 0
    variation = numbers[table.columns.index("variation_type")]
    if 1 <= variation < len(VARIATIONS):
        return variation
    problems.add(UNKNOWN_VARIATION, f"{name}: {variation}")
    return 0


def _parse_box(name: str, table: _Table) -> np.ndarray:
    """(y1, x1, y2, x2) float32 px of a photo."""
    numbers = _numbers(name, table, WITHOUT_BOX)
    places = [table.columns.index(column) for column in ("y_1", "x_1", "y_2", "x_2")]
    if len(numbers) <= max(places):
        raise _Unusable(SHORT_ROW, f"{table.path.name} {name}")
    box = np.array([numbers[place] for place in places], np.float32)
    if box[2] <= box[0] or box[3] <= box[1]:
        raise _Unusable(EMPTY_BOX, name)
    return box


def _numbers(name: str, table: _Table, absent: str) -> list[int]:
    """A photo's row; `absent` is the reason to leave out a photo that has none."""
    if name not in table.rows:
        raise _Unusable(absent, name)
    try:
        return [int(value) for value in table.rows[name]]
    except ValueError:
        raise _Unusable(NO_NUMBERS, f"{table.path.name} {name}") from None
