"""Annotations of one's own: reads them, whatever their format, and writes them in any."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from PIL import Image

from fashion.datasets import coco_file, labelme, mask_folder, via, via3
from fashion.datasets.photo_files import is_turned
from fashion.datasets.problems import Problems
from fashion.datasets.regions import Annotations, Photo, Region, outline, unify_spellings
from mrcnn.data.images import read_image
from mrcnn.drawing import outlines
from mrcnn.files import atomic_path

# What can be written, and the file that it goes to where only a folder is named.
FILE_NAMES = {"coco": "instances.json", "via1": "via_region_data.json",
              "via2": "via_project.json", "via3": "via_project.json", "labelme": None,
              "masks": None}
EXPECTED = ("VIA's JSON (version 1, 2 or 3), COCO's instances, LabelMe's JSON beside each photo, "
            "images/ with masks/ (see fashion/datasets/mask_folder.py), or DeepFashion2's "
            "train/image with train/annos")
BYTE_ORDER_MARK = "file begins with a UTF-8 byte-order mark: passed over"
OTHER_JSON = "JSON file without annotations: passed over"
OTHER_FILE = "further annotation file: passed over"
BROKEN_FILE = "broken file: passed over with its photo"
AS_OUTLINE = "mask written as its outline, which this format has: holes are filled"
CROWD = "crowd written as one object: this format has none"
LOST_KEYPOINTS = "keypoints not written: this format has none"
LOST_NOTES = "further entries of an object not written: this format has no place for them"
TURNED = "photo with an EXIF orientation that may be shown otherwise than its regions: use --copy"
SAVED_ANEW = "photo with an EXIF orientation: its copy is saved anew, as its regions see it"
_PROJECTS = {"coco": coco_file, "via1": via, "via2": via, "via3": via3}
_TO_JSON = {"via1": partial(via.to_json, kind="via1"), "via2": partial(via.to_json, kind="via2"),
            "via3": via3.to_json}
# JPEG's, of copies of photos with an EXIF orientation.
_QUALITY = 95
_BOM = b"\xef\xbb\xbf"


def read(path: str | os.PathLike, class_attribute: str | None = None,
         folders: Sequence[Path] = ()) -> Annotations:
    """Reads an annotation file, or a folder of them, in the format that it turns out to have.

    Args:
        path: a JSON file, or a folder with one such file, with LabelMe's files or with masks.
        class_attribute: the attribute of VIA's regions that is their class; None finds it.
        folders: further places where names of photos may start from.

    Raises:
        ValueError: no annotations, several files that may be meant, or a file that is broken.
    """
    annotations = read_as_spelled(path, class_attribute, folders)
    unify_spellings([annotations])
    return annotations


def read_as_spelled(path: str | os.PathLike, class_attribute: str | None = None,
                    folders: Sequence[Path] = ()) -> Annotations:
    """As `read`, but classes keep the spellings of the files."""
    path, problems = Path(path), Problems()
    if path.is_dir() and mask_folder.is_mask_folder(path):
        return mask_folder.read(path, problems)
    kind, found = find_annotations(path, problems)
    folders = [*folders, *_places(path)]
    if kind == "labelme":
        return _read_labelme(list(found), folders, problems)
    (file, content), = found.items()
    return _explained(_PROJECTS[kind].read, content, file, folders, problems, class_attribute)


def _read_labelme(files: list[Path], folders: Sequence[Path], problems: Problems) -> Annotations:
    """Reads LabelMe's files, but for broken ones.

    Raises:
        ValueError: all are broken.
    """
    reader, errors = labelme.LabelMeReader(folders, problems), []
    for file in files:
        try:
            _explained(reader.add, load_json(file, Problems()), file)
        except ValueError as error:
            problems.add(BROKEN_FILE, file.name)
            errors.append(error)
    if len(errors) == len(files):
        raise errors[0]
    return reader.annotations()


def _places(path: Path) -> list[Path]:
    """Where photos may be: by their annotations or, as COCO has them, beside annotations/."""
    if path.is_dir():
        return [path]
    return [path.parent, *([path.parent.parent] if path.parent.name == "annotations" else [])]


def _explained(read_content, content, file: Path, *arguments):
    """Calls a reader; content that is not built as its format says becomes a ValueError."""
    try:
        return read_content(content, file, *arguments)
    except (ArithmeticError, AttributeError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{file} looks like {EXPECTED}, but is not built so: "
                         f"{type(error).__name__} {error}. Write it anew with its tool.") from error


def find_annotations(path: Path, problems: Problems) -> tuple[str, dict[Path, object]]:
    """Format and files of the annotations at a path.

    Returns:
        The format, and the content of its one file by the file's path. LabelMe has many files,
        with photos in them: instead of their content there is None.

    Raises:
        ValueError: there are none, or several that may be meant; or a file is broken, and it is
            not one of LabelMe's many.
    """
    found, kinds, broken = {}, {}, {}
    for file in [path] if path.is_file() else json_files(path):
        try:
            content = load_json(file, problems)
        except ValueError as error:
            broken[file] = error
            continue
        kind = kind_of(content)
        if kind is None:
            problems.add(OTHER_JSON, file.name)
        else:
            kinds[file], found[file] = kind, None if kind == "labelme" else content
    is_labelme = set(kinds.values()) == {"labelme"}
    for file, error in broken.items():
        if not is_labelme:
            raise error
        problems.add(BROKEN_FILE, file.name)
    if not found:
        raise ValueError(f"No annotations at {path}: expected {EXPECTED}.")
    if is_labelme:
        return "labelme", found
    file = _choose(list(found), path, problems)
    return kinds[file], {file: found[file]}


def _choose(files: list[Path], path: Path, problems: Problems) -> Path:
    """The only file, or the only one of a usual name."""
    usual = [file for file in files if file.name in FILE_NAMES.values()]
    candidates = files if len(files) == 1 else usual
    if len(candidates) != 1:
        raise ValueError(f"Several annotation files in {path}: "
                         f"{', '.join(file.name for file in files[:5])}. Give the one that "
                         "counts as --dataset=FILE, or move the others away.")
    for file in files:
        if file != candidates[0]:
            problems.add(OTHER_FILE, f"{file.name}, not {candidates[0].name}")
    return candidates[0]


def json_files(folder: Path) -> list[Path]:
    """JSON files in a folder; without any, those in its subfolders."""
    return visible(folder.glob("*.json")) or visible(folder.glob("*/*.json"))


def holds_annotations(folder: Path) -> bool:
    """Whether a folder, or one in it, has JSON files or masks."""
    places = [folder, *visible(folder.iterdir())] if folder.is_dir() else []
    return any(json_files(place) or mask_folder.is_mask_folder(place)
               for place in places if place.is_dir())


def visible(paths: Iterable[Path]) -> list[Path]:
    """The paths in order, without those that a Mac leaves in archives: "._set.json"."""
    return sorted(path for path in paths if not path.name.startswith("."))


def kind_of(content) -> str | None:
    """Format of JSON content, None where it is no annotation."""
    if coco_file.is_instances(content):
        return "coco"
    if labelme.is_label_file(content):
        return "labelme"
    return "via3" if via3.is_project(content) else via.version(content)


def load_json(file: Path, problems: Problems):
    """Content of a JSON file.

    Raises:
        ValueError: it is none; the message says where it breaks.
        OSError: it cannot be read.
    """
    data = file.read_bytes()
    if data.startswith(_BOM):
        problems.add(BYTE_ORDER_MARK, file.name)
    try:
        return json.loads(data.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{file}: expected JSON, but it breaks at line {error.lineno}, column "
                         f"{error.colno}: {error.msg}. Write it anew with its tool.") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: expected JSON in UTF-8, but byte {error.start} is not: save "
                         "it as UTF-8.") from None


def write(annotations: Annotations, kind: str, output: str | os.PathLike,
          copy: bool = False) -> tuple[Path, Problems]:
    """Writes annotations in a format.

    Args:
        annotations: photos and regions.
        kind: a key of `FILE_NAMES`.
        output: folder to write to or, for formats of one file, that file (it ends in .json).
        copy: copy the photos beside the annotations, instead of naming where they are. Always for
            masks, whose photos are found by their place. A photo with an EXIF orientation is saved
            anew without it, in the frame of its regions, which all tools then agree on.

    Returns:
        What was written, the file or the folder, and what could not be kept.

    Raises:
        ValueError: unknown format.
    """
    if kind not in FILE_NAMES:
        raise ValueError(f"Format {kind!r}: expected one of {', '.join(FILE_NAMES)}.")
    output, problems = Path(output), Problems()
    if FILE_NAMES[kind] and output.suffix.lower() != ".json":
        output = output / FILE_NAMES[kind]
    folder = output.parent if FILE_NAMES[kind] else output
    folder.mkdir(parents=True, exist_ok=True)
    photos = _named(annotations.photos, folder, kind, copy, problems)
    photos = photos if kind == "coco" else _with_losses(photos, problems)
    if kind == "coco":
        with atomic_path(output) as temporary:
            coco_file.write(temporary, annotations, photos)
    elif FILE_NAMES[kind]:
        outlined = [(name, _outlined(photo, problems)) for name, photo in photos]
        _write_json(output, _TO_JSON[kind](outlined))
    elif kind == "labelme":
        for name, photo in photos:
            _write_json(folder / f"{Path(name).stem}.json", labelme.to_json(name, photo))
    else:
        (folder / "masks").mkdir(exist_ok=True)
        file_names = mask_folder.file_names(annotations.class_names, problems)
        for name, photo in photos:
            mask_folder.write(folder, name, photo.regions, (photo.height, photo.width), file_names)
    return output, problems


def _with_losses(photos: Iterable[tuple[str, Photo]],
                 problems: Problems) -> Iterator[tuple[str, Photo]]:
    """The same; notes what only COCO's format has."""
    for name, photo in photos:
        for region in photo.regions:
            for reason, is_lost in ((CROWD, region.crowd), (LOST_NOTES, bool(region.notes)),
                                    (LOST_KEYPOINTS, region.keypoints is not None)):
                if is_lost:
                    problems.add(reason, region.place)
        yield name, photo


def _write_json(file: Path, content) -> None:
    with atomic_path(file) as temporary:
        temporary.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _named(photos: Sequence[Photo], folder: Path, kind: str, copy: bool,
           problems: Problems) -> Iterator[tuple[str, Photo]]:
    """(name to write, photo), the photos copied to a folder if that is wanted."""
    taken = set()
    for photo in photos:
        name = _free_name(photo.path, taken)
        if copy or kind == "masks":
            yield name, _copied(photo, folder / ("images" if kind == "masks" else "") / name,
                                problems)
        else:
            # COCO counts the pixels as they are stored, the other tools show photos upright.
            if photo.upright if kind == "coco" else not photo.upright and is_turned(photo.path):
                problems.add(TURNED, photo.path.name)
            yield _path_from(folder, photo.path), photo


def _copied(photo: Photo, target: Path, problems: Problems) -> Photo:
    """Copies a photo; one with an EXIF orientation as its regions see it, without that."""
    if target.exists() and target.samefile(photo.path):
        return photo
    target.parent.mkdir(parents=True, exist_ok=True)
    if not is_turned(photo.path):
        shutil.copyfile(photo.path, target)
        return photo
    problems.add(SAVED_ANEW, photo.path.name)
    with Image.open(photo.path) as image:
        profile = image.info.get("icc_profile") if image.mode == "RGB" else None
    Image.fromarray(read_image(photo.path, exif=photo.upright)).save(
        target, quality=_QUALITY, icc_profile=profile)
    return replace(photo, path=target, upright=False)


def _free_name(path: Path, taken: set[str]) -> str:
    """File name of a photo, with a number where another photo of that stem came before."""
    stem, number = path.stem, 1
    while stem.casefold() in taken:
        number += 1
        stem = f"{path.stem}_{number}"
    taken.add(stem.casefold())
    return stem + path.suffix


def _path_from(folder: Path, path: Path) -> str:
    """The way from a folder to a file; on another of Windows' drives, the whole path."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path.resolve().as_posix()


def _outlined(photo: Photo, problems: Problems) -> Photo:
    """The photo, its masks replaced by outlines."""
    return replace(photo, regions=[_outline_region(region, problems)
                                   for region in photo.regions])


def _outline_region(region: Region, problems: Problems) -> Region:
    if region.polygons is not None:
        return region
    problems.add(AS_OUTLINE, region.place)
    parts = [outline(line[:-1], region.place, problems) for line in outlines(region.bitmap(()))]
    return replace(region, rle=None, polygons=[part for part in parts if part is not None])
