"""Folders of mask images. Three layouts are read; the first is written.

    images/X.jpg   masks/X/CLASS_1.png, CLASS_2.png, ...   one object a picture, anything but 0
                                                           is the object
    images/X.jpg   labels/X.png, classes.txt               pixels are numbers of classes: the
                                                           first line of the file is 1, and each
                                                           connected patch is one object
    X/images/X.png X/masks/*.png                           one class, as the Data Science Bowl 2018
                                                           had its nuclei
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from fashion.datasets.photo_files import PhotoCollector, is_photo
from fashion.datasets.photos import free_name
from fashion.datasets.problems import Problems
from fashion.datasets.regions import (
    BROKEN_MASK,
    EMPTY_MASK,
    ONLY_CLASS,
    Annotations,
    Region,
    classes_of,
)
from mrcnn import masks
from mrcnn.data.images import DAMAGE

NOT_LISTED = "pixels of a number that classes.txt has no line for: left out"
NO_LABELS = "photo without a label picture: left out"
_NUMBER = re.compile(r"[_\-. ]*\d+$")
RENAMED = "class whose name no file can have, or another class's file has: called otherwise"
_NOT_IN_FILE_NAMES = re.compile(r'[\\/:*?"<>|\x00-\x1f]')
CLASSES = "classes.txt"


def is_mask_folder(folder: Path) -> bool:
    """Whether a folder has one of the layouts."""
    images = (folder / "images").is_dir()
    return (images and ((folder / "masks").is_dir() or (folder / CLASSES).is_file())
            or _first_nucleus(folder) is not None)


def _first_nucleus(folder: Path) -> Path | None:
    return next((place for place in sorted(folder.iterdir())
                 if (place / "images").is_dir() and _images(place / "masks")), None)


def read(folder: Path, problems: Problems) -> Annotations:
    """Reads a folder of any of the layouts.

    Raises:
        ValueError: there are label pictures but no classes.txt.
    """
    collector = PhotoCollector([folder], problems, upright=False)
    for photo, regions in _photos(folder, problems):
        size = (regions[0].rle["size"][1], regions[0].rle["size"][0]) if regions else None
        collector.add(photo.relative_to(folder).as_posix(), regions, size)
    photos = collector.photos
    return Annotations(photos, classes_of(photos), "masks", problems)


def _photos(folder: Path, problems: Problems) -> Iterator[tuple[Path, list[Region]]]:
    """(photo, its regions) of the layout that the folder has."""
    if (folder / CLASSES).is_file():
        names = _class_names(folder / CLASSES)
        for photo in _images(folder / "images"):
            labels = folder / "labels" / f"{photo.stem}.png"
            if labels.is_file():
                yield photo, _patches(labels, names, problems)
            else:
                problems.add(NO_LABELS, photo.name)
    elif (folder / "images").is_dir():
        for photo in _images(folder / "images"):
            yield photo, _objects(folder / "masks" / photo.stem, None, problems)
    else:
        for place in sorted(each for each in folder.iterdir() if (each / "images").is_dir()):
            for photo in _images(place / "images"):
                yield photo, _objects(place / "masks", ONLY_CLASS, problems)


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if is_photo(path.name))


def _class_names(file: Path) -> list[str]:
    """Class by number; the background, whether it has the first line or none, is 0."""
    names = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    names = [name for name in names if name]
    has_background = names and names[0].strip("_").casefold() in ("background", "bg")
    return names if has_background else ["BG", *names]


def _objects(folder: Path, class_name: str | None, problems: Problems) -> list[Region]:
    """One region for each mask picture; its class is the file's name without the number."""
    regions = []
    for path in _images(folder):
        place = f"{folder.name}/{path.name}"
        bitmap = _read(path)
        if bitmap is None or not bitmap.any():
            problems.add(BROKEN_MASK if bitmap is None else EMPTY_MASK, place)
            continue
        name = class_name or _NUMBER.sub("", path.stem) or ONLY_CLASS
        regions.append(Region(name, rle=masks.to_rle(bitmap > 0), place=place))
    return _of_one_size(regions, problems)


def _of_one_size(regions: list[Region], problems: Problems) -> list[Region]:
    """The regions whose masks are as large as the first."""
    fitting = []
    for region in regions:
        if region.rle["size"] == regions[0].rle["size"]:
            fitting.append(region)
        else:
            problems.add(BROKEN_MASK, region.place)
    return fitting


def _patches(path: Path, names: list[str], problems: Problems) -> list[Region]:
    """One region for each connected patch of a class."""
    labels = _read(path)
    if labels is None:
        problems.add(BROKEN_MASK, path.name)
        return []
    regions = []
    for number in np.unique(labels[labels > 0]):
        place = f"{path.name} class {number}"
        if number >= len(names):
            problems.add(NOT_LISTED, place)
            continue
        count, patches = cv2.connectedComponents((labels == number).astype(np.uint8))
        regions += [Region(names[number], rle=masks.to_rle(patches == patch), place=place)
                    for patch in range(1, count)]
    return regions


def _read(path: Path) -> np.ndarray | None:
    """Values [height, width] of a picture: gray levels, or the numbers of a palette's colours."""
    try:
        with Image.open(path) as image:
            flat = image if image.mode in ("1", "L", "P", "I", "I;16") else image.convert("L")
            return np.asarray(flat).astype(np.int32)
    except DAMAGE:
        return None


def file_names(class_names: Iterable[str], problems: Problems) -> dict[str, str]:
    """What the files of each class are called, so that no two classes become one."""
    names, taken = {}, set()
    for class_name in class_names:
        # A file that begins with a point is hidden.
        stem = _NOT_IN_FILE_NAMES.sub("-", class_name).lstrip(". ") or ONLY_CLASS
        names[class_name] = name = free_name(stem, taken, ending="")
        if name != class_name:
            problems.add(RENAMED, f"{class_name!r} as {name!r}")
    return names


def write(folder: Path, name: str, regions: list[Region], shape: tuple[int, int],
          names: dict[str, str]) -> None:
    """Writes the masks of one photo.

    Args:
        folder: of the data set.
        name: of the photo, which goes to images/NAME.
        regions: on it.
        shape: (height, width) px of it.
        names: those of the classes' files, see `file_names`.
    """
    counts = {}
    for region in regions:
        counts[region.class_name] = number = counts.get(region.class_name, 0) + 1
        path = folder / "masks" / Path(name).stem / f"{names[region.class_name]}_{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(region.bitmap(shape)).save(path)
