"""Cut-outs as photos to be described: each shows one garment, whose place and class are known.

What is a cut-out is said by the cutouts.json that `extract` writes beside them: a picture with
transparency may as well be a shop's photo of a whole outfit. They are read on white (`read_image`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fashion.datasets.read_ahead import read_ahead
from fashion.retrieval.json_files import read_json
from mrcnn.data.images import ImageError, read_image

FILE = "cutouts.json"


@dataclass(frozen=True)
class CutoutFile:
    """A cut-out on the disk.

    Attributes:
        path: of its picture.
        class_name: of the garment.
        box_px: (y1, x1, y2, x2) px of the picture.
    """

    path: Path
    class_name: str
    box_px: tuple[float, float, float, float]


def listed(paths: list[Path]) -> dict[Path, CutoutFile]:
    """Those of some pictures that `extract` has made, by path, in their order.

    Raises:
        ValueError: a damaged cutouts.json, or one of something else.
    """
    found = {}
    for folder in {path.parent for path in paths}:
        if (folder / FILE).is_file():
            found |= {file.path: file for file in _read(folder)}
    return {path: found[path] for path in paths if path in found}


def class_names(files: Iterable[CutoutFile]) -> tuple[str, ...]:
    """Classes of cut-outs by class id, in alphabetical order after the background."""
    return ("BG", *sorted({file.class_name for file in files}))


def _read(folder):
    return read_json(
        folder / FILE, "Delete it and run extract again; without it the pictures count as photos.",
        lambda content: [CutoutFile(folder / row["file"], row["class"], _box_px(row))
                         for row in content["cutouts"]])


def _box_px(row):
    """The box of a row of cutouts.json on the cut-out itself."""
    x, y, width, height = row["box"]
    left, top, shown_width, _ = row["window"]
    scale = row["width"] / shown_width
    return tuple(scale * value for value in (y - top, x - left, y + height - top, x + width - left))


def read_cutouts(files: list[CutoutFile], names: Sequence[str], failed: dict
                 ) -> Iterator[tuple[CutoutFile, int, np.ndarray]]:
    """Reads cut-outs, with a progress bar, while threads read the next ones.

    Args:
        files: which.
        names: of the classes by class id, background first.
        failed: dict that gets {path: error} of those that cannot be read, or whose class is none
            of these.

    Yields:
        (file, class id, picture [H, W, 3] uint8) of the others, in order.
    """
    pictures = tqdm(read_ahead(_picture, files, ahead=8), total=len(files), unit=" cut-outs",
                    disable=None)
    for file, picture in zip(files, pictures, strict=True):
        if isinstance(picture, ImageError):
            failed[file.path] = picture
        elif file.class_name not in names[1:]:
            failed[file.path] = ValueError(f"{file.path}: a cut-out of class {file.class_name!r}, "
                                           f"expected one of {', '.join(names[1:])}.")
        else:
            yield file, list(names).index(file.class_name), picture


def _picture(file):
    try:
        return read_image(file.path)
    except ImageError as error:
        return error
