"""Keeps the columns of a subset on the disk, so that only the first start parses the JSON files.

The cache is a folder of .npy files beside the annotations, `.mrcnn_cache/FINGERPRINT/`. The
fingerprint covers the name, size and time of every annotation file, the names of the images and the
version of this format: when any of them changes, another folder is meant. A folder is written under
a temporary name and renamed when it is complete. On opening, every file is compared with the
checksums in `header.json`; a cache that does not fit is built anew.
"""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import time
import uuid
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fashion.datasets import annotations
from fashion.datasets.columns import (
    ARRAY_NAMES,
    Columns,
    ColumnsBuilder,
    map_columns,
    require_consistent,
)
from fashion.datasets.locate import SubsetFolders
from fashion.datasets.problems import Problems
from fashion.datasets.read_ahead import read_ahead

logger = logging.getLogger(__name__)

VERSION = 1  # of this format and of the rules in annotations.py; raise it when either changes
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")

NO_IMAGE = "annotation without its image: skipped"
NO_ANNOTATION = "image without its annotation: skipped"
UNREADABLE = "annotation file cannot be read: image skipped"

_CHUNK = 1 << 22  # bytes read at once for a checksum
_STALE_S = 24 * 3600  # caches of older annotations are removed after a day without change


@dataclass(frozen=True)
class Listing:
    """What the two folders of a subset hold, by stem, sorted."""

    annotations: dict[str, str]  # "000001" -> "000001.json"
    images: dict[str, str]  # "000001" -> "000001.jpg"
    fingerprint: str


def open_columns(folders: SubsetFolders) -> tuple[Columns, Problems]:
    """Opens a subset: from its cache where that is whole and current, else from the JSON files.

    Looking 191,961 annotation files over for changes takes about two seconds on a local disk.

    Returns:
        The columns, mapped from the cache where one could be written, and what was odd in the
        files, which the cache remembers.
    """
    listing = list_subset(folders)
    if folders.annotations is None:
        return build_columns(folders, listing)
    homes = _cache_homes(folders.annotations)
    for home in homes:
        cached = _load(home / listing.fingerprint)
        if cached:
            return cached
    columns, problems = build_columns(folders, listing)
    for home in homes:
        try:
            return map_columns(_save(columns, problems, home / listing.fingerprint)), problems
        except OSError as error:
            logger.warning("Cannot write the annotation cache to %s (%s).", home, error)
    logger.warning("The annotations stay in memory; the next start will parse them again.")
    return columns, problems


def list_subset(folders: SubsetFolders) -> Listing:
    """Lists images and annotations; `folders.annotations` may be None (the test subset)."""
    images = {_stem(entry.name): entry.name for entry in _scan(folders.images, IMAGE_SUFFIXES)}
    entries = _scan(folders.annotations, (".json",)) if folders.annotations else []
    digest = hashlib.sha256(f"version {VERSION}\n".encode())
    for entry in entries:
        status = entry.stat()
        digest.update(os.fsencode(f"{entry.name} {status.st_size} {status.st_mtime_ns}\n"))
    digest.update(os.fsencode("\n".join(images.values())))
    return Listing({_stem(entry.name): entry.name for entry in entries}, images,
                   digest.hexdigest()[:16])


def build_columns(folders: SubsetFolders, listing: Listing) -> tuple[Columns, Problems]:
    """Parses every annotation file of a subset, with a progress bar when it takes long.

    A subset without annotations gives images without items.
    """
    problems = Problems()
    builder = ColumnsBuilder()
    if folders.annotations is None:
        for name in listing.images.values():
            builder.add(name, annotations.Annotation("unknown", 0, []))
        return builder.build(), problems
    for stem in sorted(listing.images.keys() - listing.annotations.keys()):
        problems.add(NO_ANNOTATION, listing.images[stem])
    stems = []
    for stem, name in listing.annotations.items():
        if stem in listing.images:
            stems.append(stem)
        else:
            problems.add(NO_IMAGE, name)
    paths = [folders.annotations / listing.annotations[stem] for stem in stems]
    texts = tqdm(read_ahead(_read, paths), "Reading annotations", len(paths), unit=" files",
                 delay=1, disable=None)
    for stem, path, text in zip(stems, paths, texts, strict=True):
        _add_file(builder, listing.images[stem], path.name, text, problems)
    return builder.build(), problems


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _add_file(builder: ColumnsBuilder, image_name: str, name: str, text: bytes | None,
              problems: Problems) -> None:
    if text is None:
        problems.add(UNREADABLE, name)
        return
    annotation = annotations.parse(
        text, lambda reason, item: problems.add(reason, f"{name} {item}".strip()))
    if annotation:
        builder.add(image_name, annotation)


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]


def _scan(folder: Path, suffixes: tuple[str, ...]) -> list[os.DirEntry]:
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if entry.name.lower().endswith(suffixes)]
    return sorted(found, key=lambda entry: entry.name)


def _cache_homes(annotation_folder: Path) -> list[Path]:
    """Where a cache may lie: beside the annotations, else in the user's own cache folder."""
    default = os.environ.get("LOCALAPPDATA") if os.name == "nt" else Path.home() / ".cache"
    user = Path(os.environ.get("XDG_CACHE_HOME") or default or Path.home())
    place = hashlib.sha256(os.fsencode(annotation_folder.resolve())).hexdigest()[:16]
    return [annotation_folder.parent / ".mrcnn_cache", user / "mrcnn" / place]


def _load(folder: Path) -> tuple[Columns, Problems] | None:
    if not folder.is_dir():
        return None
    try:
        header = json.loads((folder / "header.json").read_text(encoding="utf-8"))
        for name in ARRAY_NAMES:
            if _checksum(folder / f"{name}.npy") != header["checksums"][name]:
                raise ValueError(f"{name}.npy is not what was written")
        columns = map_columns(folder)
        require_consistent(columns)
        return columns, Problems(header["problems"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning("The annotation cache %s is damaged (%s: %s); reading the annotations anew.",
                       folder, type(error).__name__, error)
        shutil.rmtree(folder, ignore_errors=True)
        return None


def _save(columns: Columns, problems: Problems, folder: Path) -> Path:
    """Writes a cache folder; it appears under its name only when it is complete."""
    unfinished = folder.with_name(f"unfinished-{uuid.uuid4().hex}")
    unfinished.mkdir(parents=True)
    try:
        for name in ARRAY_NAMES:
            np.save(unfinished / f"{name}.npy", getattr(columns, name), allow_pickle=False)
        header = {"version": VERSION, "problems": problems.to_dict(),
                  "checksums": {name: _checksum(unfinished / f"{name}.npy")
                                for name in ARRAY_NAMES}}
        (unfinished / "header.json").write_text(json.dumps(header), encoding="utf-8")
        os.rename(unfinished, folder)
    except OSError:
        shutil.rmtree(unfinished, ignore_errors=True)
        if not _load(folder):  # else another process was faster
            raise
    _remove_stale(folder)
    return folder


def _remove_stale(current: Path) -> None:
    for other in current.parent.iterdir():
        with contextlib.suppress(OSError):  # another process may be removing it, too
            if other != current and time.time() - other.stat().st_mtime > _STALE_S:
                shutil.rmtree(other)


def _checksum(path: Path) -> int:
    checksum = 0
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            checksum = zlib.crc32(chunk, checksum)
    return checksum
