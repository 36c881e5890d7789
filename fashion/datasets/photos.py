"""Photos on a disk, without annotations: which there are, and what a detector finds on them."""

import glob
import itertools
from collections import deque
from pathlib import Path

from tqdm import tqdm

from fashion.datasets.read_ahead import read_ahead
from mrcnn.data.images import ImageError, read_image

ENDINGS = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
# Photos decoded before their turn. Each may take 100 MB, so these are fewer than for a data set.
_AHEAD = 8


def find_photos(words, output, option="--image"):
    """Photos that the words on a command line mean, without those that we drew.

    Args:
        words: files, folders (with all below them) or patterns.
        output: folder that we write to: what lies in it is left out.
        option: what the user called the words, for the error.

    Returns:
        list of `Path`, as they were given, each once.

    Raises:
        FileNotFoundError: a word that means no photo, or only such as lie in `output`.
    """
    found = []
    for word in words:
        paths = [Path(word)] if Path(word).exists() else sorted(
            Path(path) for path in glob.glob(word, recursive=True))
        photos = [photo for path in paths for photo in _photos_at(path)]
        if not photos:
            raise FileNotFoundError(
                f"{option}: {word} is no photo, no folder of photos and no pattern that any "
                f"fits. Photos end in {', '.join(sorted(ENDINGS))}.")
        others = [photo for photo in photos if output.resolve() not in photo.resolve().parents]
        if not others:
            raise FileNotFoundError(
                f"{option}: all photos of {word} lie in the output folder {output}, of which "
                "none is read. Give another --output.")
        found += others
    return list(dict.fromkeys(found))


def _photos_at(path):
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.suffix.lower() in ENDINGS)
    return [path]


def free_name(stem, taken, ending=".jpg"):
    """A file name for a picture, numbered where photos of several folders share their names.

    Args:
        stem: of the name.
        taken: set of names, in small letters as some disks see them, that gets this one.
        ending: of the name.
    """
    names = itertools.chain([f"{stem}{ending}"], (f"{stem}_{number}{ending}"
                                                  for number in itertools.count(2)))
    name = next(name for name in names if name.lower() not in taken)
    taken.add(name.lower())
    return name


def run_detector(detector, paths, failed):
    """Runs a detector over photos, with a progress bar, while threads read the next ones.

    Args:
        detector: `mrcnn.detection.Detector`.
        paths: of the photos.
        failed: dict that gets {path: error} of those that cannot be read.

    Yields:
        (path, image [H, W, 3] uint8 as a viewer shows it, `mrcnn.detection.Raw`) of the others, in
        order.
    """
    running = deque()
    with tqdm(total=len(paths), unit=" photos", disable=None) as progress:
        for raw in detector.predict(_readable(paths, failed, running, progress)):
            progress.update()
            yield *running.popleft(), raw


def _readable(paths, failed, running, progress):
    """Yields the photos that can be read and puts (path, image) of each into `running`."""
    for path, image in zip(paths, read_ahead(_read, paths, ahead=_AHEAD), strict=True):
        if isinstance(image, ImageError):
            failed[path] = image
            progress.update()
        else:
            running.append((path, image))
            yield image


def _read(path):
    try:
        return read_image(path, exif=True)
    except ImageError as error:
        return error
