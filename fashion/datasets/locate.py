"""Finds DeepFashion2 on the disk, in the layouts that people really have.

The published archives unpack to `train/image`, `train/annos`, `validation/...` and `test/image`
(the test annotations were never released). Unpacking each archive into a folder of its own name
gives `train/train/image`; a folder wrapped around everything is common too.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

REPOSITORY = Path(__file__).resolve().parents[2]
SUBSETS = ("train", "validation", "test")

HOW_TO_GET = """\
DeepFashion2 is free for research: ask for it with the form linked from
https://github.com/switchablenorms/DeepFashion2 (its authors answer with the archives' password).
Unpack train.zip, validation.zip and test.zip side by side, then pass that folder as --dataset=DIR,
set DEEPFASHION2_DIR to it, or put it at datasets/deepfashion2."""

_SUBSET_NAMES = {"train": ("train",), "validation": ("validation", "val"), "test": ("test",)}
_IMAGE_NAMES = ("image", "images")
_ANNOTATION_NAMES = ("annos",)
_WRAPPERS = 2  # folders around the subsets that are looked through


@dataclass(frozen=True)
class SubsetFolders:
    """Where one subset's files are. `annotations` is None where there are none (test)."""

    images: Path
    annotations: Path | None


def find_dataset(path: str | os.PathLike | None = None) -> Path | None:
    """Finds the data set: the given path, else $DEEPFASHION2_DIR, else datasets/deepfashion2.

    Args:
        path: folder that holds the subsets; None to look in the usual places.

    Returns:
        The folder, or None when no path was asked for and the usual places have nothing.

    Raises:
        ValueError: `path` or $DEEPFASHION2_DIR is not a DeepFashion2 folder.
    """
    asked = path or os.environ.get("DEEPFASHION2_DIR")
    if asked:
        folder = Path(asked).expanduser()
        _require_layout(folder, "--dataset" if path else "$DEEPFASHION2_DIR")
        return folder
    for base in (Path.cwd(), REPOSITORY):
        folder = base / "datasets" / "deepfashion2"
        if subsets_present(folder):
            return folder
        if folder.is_dir():
            logger.warning("%s holds no DeepFashion2 subset; passed over.", folder)
    return None


def subsets_present(root: Path) -> list[str]:
    """Names of the subsets found under a folder, in the order train, validation, test."""
    return [subset for subset in SUBSETS if _find_subset(root, subset)]


def find_subset(root: str | os.PathLike, subset: str) -> SubsetFolders:
    """Finds the images and annotations of one subset.

    Raises:
        ValueError: unknown subset name, or the folder has no such subset.
    """
    if subset not in SUBSETS:
        raise ValueError(f"Unknown subset {subset!r}; expected one of {', '.join(SUBSETS)}.")
    root = Path(root)
    folders = _find_subset(root, subset)
    if folders is None:
        _require_layout(root, "the data set")
        raise ValueError(f"{root} has no {subset} subset, only "
                         f"{', '.join(subsets_present(root))}; expected {_expected(subset)}.")
    return folders


def _find_subset(root: Path, subset: str) -> SubsetFolders | None:
    for base in _bases(root):
        for name in _SUBSET_NAMES[subset]:
            for folder in (base / name, base / name / name):
                images = _first_folder(folder, _IMAGE_NAMES)
                annotations = _first_folder(folder, _ANNOTATION_NAMES)
                if images and (annotations or subset == "test"):
                    return SubsetFolders(images, annotations)
    return None


def _bases(root: Path) -> list[Path]:
    """The folder itself and, while a folder holds nothing but one other, that one too."""
    bases = [root]
    for _ in range(_WRAPPERS):
        try:
            entries = [entry for entry in os.scandir(bases[-1]) if not entry.name.startswith(".")]
        except OSError:
            break
        if len(entries) != 1 or not entries[0].is_dir():
            break
        bases.append(Path(entries[0].path))
    return bases


def _first_folder(parent: Path, names: tuple[str, ...]) -> Path | None:
    return next((parent / name for name in names if (parent / name).is_dir()), None)


def _require_layout(root: Path, what: str) -> None:
    if subsets_present(root):
        return
    if not root.is_dir():
        problem = "there is no such folder"
    elif _first_folder(root, _IMAGE_NAMES):
        problem = "this is a single subset; give the folder around it"
    else:
        problem = "this folder does not have the layout of DeepFashion2"
    raise ValueError(f"{what} is {root}, but {problem}. "
                     f"Expected {_expected('train')} or {_expected('validation')}.\n{HOW_TO_GET}")


def _expected(subset: str) -> str:
    annotations = "" if subset == "test" else f" with {subset}/annos"
    return f"{subset}/image{annotations}"
