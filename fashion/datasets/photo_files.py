"""From the names in an annotation file to photos on this disk, and the frames they are seen in."""

import os
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

import numpy as np
from PIL import Image

from fashion.datasets.photos import ENDINGS
from fashion.datasets.problems import Problems
from fashion.datasets.regions import BROKEN_MASK, OUTSIDE, Photo, Region, composed
from mrcnn import masks
from mrcnn.data.images import DAMAGE, orientation

MISSING = "photo is not there: left out with its regions"
BROKEN = "photo cannot be opened: left out with its regions"
ELSEWHERE = "photo is named by a path of another machine: found by its file name"
SEVERAL = "several photos have this file name: the first is taken"
TWICE = "photo is named twice: the first entry counts"
OTHER_SIZE = "photo has another size than its annotations say: left out with its regions"
EMPTY = "photo without regions: kept, as background"
# EXIF orientations of photos that are shown otherwise than stored, and of those that lie on a side.
_TURNED, _SIDEWAYS = range(2, 9), range(5, 9)


class PhotoFiles:
    """Finds photos by the names that annotation files have for them.

    Args:
        folders: where names start from, the likeliest first. A photo that no name leads to is
            looked for, by its file name alone, in all folders below.
        problems: gets what was odd.
        prefixes: folders that the file names as those of its photos, as its machine calls them;
            they come first, but nobody walks through what is below them, perhaps a whole disk.
    """

    def __init__(self, folders: Sequence[Path], problems: Problems,
                 prefixes: Sequence[str] = ()):
        self._folders = list(dict.fromkeys(folders))
        self._likely = [folder / PureWindowsPath(prefix).as_posix()
                        for prefix in prefixes for folder in self._folders] + self._folders
        self._problems = problems
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, written: str, size_bytes: int | None = None) -> Path | None:
        """The photo, or None, noted, where there is none.

        Args:
            written: name, relative or absolute path of any system, or URL.
            size_bytes: of the file, tells photos of one name apart.
        """
        path = PureWindowsPath(written)  # takes slashes of both kinds
        direct = [folder / path.as_posix() for folder in self._likely
                  if written and (folder / path.as_posix()).is_file()]
        if direct and (not _is_size(size_bytes) or direct[0].stat().st_size == size_bytes):
            return direct[0]
        found = self._named(path.name)
        if direct:
            return next((file for file in found if file.stat().st_size == size_bytes), direct[0])
        if not found:
            self._problems.add(MISSING, written)
            return None
        if path.name != written:
            self._problems.add(ELSEWHERE, written)
        return self._choose(found, written, size_bytes)

    def _choose(self, found, written, size_bytes):
        fitting = [file for file in found if file.stat().st_size == size_bytes] or found
        if len(fitting) > 1:
            self._problems.add(SEVERAL, f"{written}: {fitting[0]}, not {fitting[1]}")
        return fitting[0]

    def _named(self, name: str) -> list[Path]:
        """Photos of this file name below the folders; without any, those but for its case."""
        if self._by_name is None:
            self._by_name = _index(self._folders)
        alike = self._by_name.get(composed(name).casefold(), [])
        return [file for file in alike if composed(file.name) == composed(name)] or alike


def _is_size(size_bytes) -> bool:
    """Whether that is one: VIA has -1 for photos that it was given by their names alone."""
    return isinstance(size_bytes, int) and size_bytes > 0


def is_photo(name: str) -> bool:
    """Whether a file's name is that of a picture, and not of what a Mac leaves in archives."""
    return Path(name).suffix.lower() in ENDINGS and not name.startswith(".")


def _index(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """Photos below folders by their file names in lower case."""
    found = {}
    for folder in folders:
        for place, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                if is_photo(name):
                    alike = found.setdefault(composed(name).casefold(), {})
                    alike[Path(place, name).resolve()] = None
    return {name: list(paths) for name, paths in found.items()}


class PhotoCollector:
    """Puts photos and their regions together, and leaves out what does not fit.

    Args:
        folders: see `PhotoFiles`.
        problems: gets what was odd.
        upright: the annotations' tool shows photos as their EXIF orientation says, and counts
            pixels there, as browsers and LabelMe do.
        prefixes: see `PhotoFiles`.

    Attributes:
        photos: those found so far.
    """

    def __init__(self, folders: Sequence[Path], problems: Problems, upright: bool,
                 prefixes: Sequence[str] = ()):
        self.photos: list[Photo] = []
        self._files = PhotoFiles(folders, problems, prefixes)
        self._problems = problems
        self._upright = upright
        self._seen = set()

    def add(self, written: str, regions: list[Region], size: tuple[int, int] | None = None,
            size_bytes: int | None = None) -> Photo | None:
        """Adds a photo.

        Args:
            written: what its file calls it.
            regions: on it.
            size: (width, height) px that its file states.
            size_bytes: of the photo's file.

        Returns:
            The photo; None where it was left out, which is noted.
        """
        path = self._files.find(written, size_bytes)
        if path is None:
            return None
        reason, photo = TWICE, None
        if path.resolve() not in self._seen:
            self._seen.add(path.resolve())
            reason, photo = self._framed(path, regions, size)
        if reason:
            self._problems.add(reason, written)
        if photo is not None:
            self.photos.append(photo)
        return photo

    def _framed(self, path, regions, size):
        """What is odd about the photo, or None, and the photo in the frame of its regions."""
        try:
            frames = _frames(path)
        except DAMAGE:
            return BROKEN, None
        frame = self._choose(frames, regions, size)
        if frame is None:
            return OTHER_SIZE, None
        width, height = frames[frame]
        regions = self._on_photo(regions, frames[frame])
        return (None if regions else EMPTY), Photo(path, width, height, regions, upright=frame)

    def _choose(self, frames, regions, size):
        """Which of the frames {upright: (width, height)} the regions are counted in."""
        preferred = self._upright if self._upright in frames else False
        order = sorted(frames, key=lambda upright: upright != preferred)
        if size is not None:
            return next((upright for upright in order if frames[upright] == tuple(size)), None)
        return next((upright for upright in order if _inside(regions, frames[upright])), order[0])

    def _on_photo(self, regions, size):
        """The regions that have something on a photo of (width, height) px."""
        kept = []
        for region in regions:
            if region.rle is not None:
                reason = None if _fits(region, size) else BROKEN_MASK
            else:
                y1, x1, y2, x2 = masks.polygon_extents(region.polygons)
                is_on = min(x2, y2) > 0 and x1 < size[0] and y1 < size[1]
                reason = None if is_on else OUTSIDE
            if reason:
                self._problems.add(reason, region.place)
            else:
                kept.append(region)
        return kept


def _frames(path: Path) -> dict[bool, tuple[int, int]]:
    """(width, height) px of a photo as it is stored, False, and if that differs, upright, True."""
    with Image.open(path) as image:
        width, height = image.size
        turned = orientation(image)
    frames = {False: (width, height)}
    if turned in _TURNED:
        frames[True] = (height, width) if turned in _SIDEWAYS else (width, height)
    return frames


def is_turned(path: Path) -> bool:
    """Whether a photo is shown otherwise than it is stored."""
    return True in _frames(path)


def _fits(region: Region, size: tuple[int, int]) -> bool:
    """Whether a region is no mask, or one of (width, height) px."""
    return region.rle is None or tuple(region.rle["size"]) == (size[1], size[0])


def _inside(regions: Sequence[Region], size: tuple[int, int]) -> bool:
    """Whether all lies on a photo of (width, height) px, outlines perhaps a pixel beside it."""
    corners = [polygon.max(axis=0) for region in regions for polygon in region.polygons or ()]
    return (bool((np.array(corners or [(0, 0)]) <= np.array(size) + 1).all())
            and all(_fits(region, size) for region in regions))
