"""Training and validation data of a data set of one's own, however its folders are laid out.

    DIR/train, DIR/val          each with photos and annotations of any format
    DIR/annotations/*train*.json, *val*.json     and photos anywhere below (COCO's own layout);
                                train and val are whole words: trainers.json is neither
    DIR                         photos and annotations: a seeded share of the photos is set aside
"""

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from fashion.datasets import formats, mask_folder
from fashion.datasets.problems import Problems
from fashion.datasets.regions import Annotations, unify_spellings

SUBSETS = ("train", "validation")
WHOLE = "all"
# Share of the photos of a data set without subsets that validate, and what draws them.
VALIDATION_SHARE = 0.2
SPLIT_SEED = 1
OTHER_FILE = "JSON file beside those of training and validation: passed over"
_FOLDERS = {"train": ("train", "training"), "validation": ("val", "validation", "valid")}


def find_subsets(root: Path, problems: Problems) -> dict[str, tuple[Path, list[Path]]]:
    """Where the subsets are, as {subset: (file or folder to read, folders of its photos)}.

    The only key is `WHOLE` where there are none. Files that are passed over are noted.

    Raises:
        ValueError: no such file or folder.
    """
    if not root.exists():
        raise ValueError(f"There is no file or folder {root}: --dataset takes {formats.EXPECTED}.")
    found = {subset: (folder, []) for subset in SUBSETS
             for folder in _annotated_folders(root, subset)[:1]}
    if root.is_dir() and not found:
        found = {subset: (file, _photo_folders(root, file, subset))
                 for subset, file in _split_files(root, problems).items()}
    return found or {WHOLE: (root, [])}


def _annotated_folders(root: Path, subset: str) -> list[Path]:
    """Folders of a subset that hold annotations; COCO's hold photos only."""
    folders = [root / name for name in _FOLDERS[subset] if (root / name).is_dir()]
    return [folder for folder in folders
            if mask_folder.is_mask_folder(folder) or formats.json_files(folder)]


def _split_files(root: Path, problems: Problems) -> dict[str, Path]:
    """COCO's files of the subsets, in annotations/ or in the folder itself.

    Of several for one subset that of instances counts: COCO has captions and persons beside it.
    Without one that does, the names do not mean subsets.
    """
    for folder in (root / "annotations", root):
        named = {file: _subsets_named(file.stem) for file in formats.visible(folder.glob("*.json"))}
        found = {subset: _of_instances([file for file in named if named[file] == [subset]])
                 for subset in SUBSETS if [subset] in named.values()}
        if found and all(found.values()):
            for file in (file for file in named if len(named[file]) != 1):
                problems.add(OTHER_FILE, file.name)
            return found
    return {}


def _subsets_named(stem: str) -> list[str]:
    """Subsets whose names are words of a file's name, digits aside."""
    words = set(re.split(r"[\W_\d]+", stem.casefold()))
    return [subset for subset in SUBSETS if words & set(_FOLDERS[subset])]


def _of_instances(files: list[Path]) -> Path | None:
    """The only file, or the only one of instances."""
    preferred = [file for file in files if file.stem.startswith("instances")] or files
    return preferred[0] if len(preferred) == 1 else None


def _photo_folders(root: Path, file: Path, subset: str) -> list[Path]:
    """Where photos of a subset may be, the likeliest first: COCO's are in train2017, val2017."""
    word = _FOLDERS[subset][0]
    named = [folder for base in (root, root / "images") if base.is_dir()
             for folder in sorted(base.iterdir())
             if folder.is_dir() and folder.name.casefold().startswith(word)]
    year = [folder for folder in named if file.stem.endswith(folder.name)]
    return [*year, *named, root / "images", root]


def read_sources(root: str | os.PathLike,
                 class_attribute: str | None = None) -> dict[str, Annotations]:
    """All of a data set, by subset, or under `WHOLE` where it has none.

    The subsets have the same classes in the same order: a class that one of them lacks, too.

    Raises:
        ValueError: see `formats.read`.
    """
    root, noted = Path(root), Problems()
    places = find_subsets(root, noted)
    sources = _read_places(places, class_attribute)
    if root.is_dir() and any(source.format == "labelme" and places[subset][0].is_file()
                             for subset, source in sources.items()):
        # LabelMe's files are named as their photos, whatever these are called: train_1.json.
        noted, sources = Problems(), _read_places({WHOLE: (root, [])}, class_attribute)
    next(iter(sources.values())).problems.extend(noted)
    unify_spellings(list(sources.values()))
    names = tuple(dict.fromkeys(
        name for annotations in sources.values() for name in annotations.class_names))
    return {subset: replace(annotations, class_names=names)
            for subset, annotations in sources.items()}


def _read_places(places, class_attribute) -> dict[str, Annotations]:
    return {subset: formats.read_as_spelled(place, class_attribute, folders)
            for subset, (place, folders) in places.items()}


def read_subsets(root: str | os.PathLike, class_attribute: str | None = None,
                 share: float = VALIDATION_SHARE,
                 seed: int = SPLIT_SEED) -> dict[str, Annotations]:
    """The training and the validation data of a data set.

    Without subsets on the disk, or with one for training only, `share` of the photos validate.
    Which ones depends on their names and the seed alone: photos that are added later do not move
    the others across.

    Returns:
        {"train": Annotations, "validation": Annotations}; the first is missing where the data set
        has a validation folder only.

    Raises:
        ValueError: see `formats.read`; or there are too few photos to share out.
    """
    sources = read_sources(root, class_attribute)
    if "validation" in sources:
        return sources
    return _split(next(iter(sources.values())), share, seed, root)


def _split(annotations: Annotations, share: float, seed: int, root) -> dict[str, Annotations]:
    if len(annotations.photos) < 2:
        raise ValueError(f"{root}: training and validation need two photos at least, found "
                         f"{len(annotations.photos)}.\n{annotations.problems.summary()}")
    draws = [_draw(photo.path.name, seed) for photo in annotations.photos]
    # At least one photo on either side.
    bound = min(max(share, min(draws)), sorted(draws)[-2])
    parts = {"validation": [photo for photo, draw in zip(annotations.photos, draws, strict=True)
                            if draw <= bound],
             "train": [photo for photo, draw in zip(annotations.photos, draws, strict=True)
                       if draw > bound]}
    return {subset: replace(annotations, photos=parts[subset]) for subset in SUBSETS}


def _draw(name: str, seed: int) -> float:
    """A number 0..1 that a photo's name decides on."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2 ** 64


def all_problems(sources: Iterable[Annotations]) -> Problems:
    """What was odd in several annotations, once where they were split from one."""
    problems = Problems()
    for each in {id(source.problems): source.problems for source in sources}.values():
        problems.extend(each)
    return problems
