"""Writes photos of outfits and annotations as tools for annotating write them: train and val."""

from functools import partial
from pathlib import Path

from fashion.datasets import formats
from fashion.datasets.regions import Annotations, Photo, Region
from fashion.datasets.sample import outfits, writer
from fashion.datasets.sample.identities import in_validation

SUBSETS = ("train", "val")


def write_album(output, layout, images, seed=0, validation=0.2, progress=None):
    """Writes photos of outfits and what is on them into `output`, unless it is there already.

    Photo i is a function of (VERSION, seed, i) alone.

    Args:
        output: Folder to make: train and val, each with photos and annotations, and sample.json.
        layout: A key of `formats.FILE_NAMES`.
        images, seed, validation, progress: See `writer.write_sample`.

    Returns:
        What sample.json holds: version, seed, validation, format, and counts of images by subset.

    Raises:
        ValueError: An argument is out of range, or `output` holds something else than a sample.
        OSError: The disk is full or the folder cannot be written.
    """
    writer.check_arguments(images, seed, validation)
    subset_of = [SUBSETS[in_validation(i, validation)] for i in range(images)]
    record = writer.make_record(seed, validation, subset_of, SUBSETS) | {"format": layout}
    output = Path(output)
    if writer.read_record(output) == record:
        return record
    # Where `formats.write` expects photos that it is not to copy.
    folders = {subset: f"{subset}/images" if layout == "masks" else subset for subset in SUBSETS}
    writer.begin(output, record, folders.values())
    tasks = [(output / folders[subset] / f"outfit_{i + 1:04d}.jpg", i)
             for i, subset in enumerate(subset_of)]
    photos = list(writer.write_all(partial(_write_photo, seed), tasks, progress))
    for subset in SUBSETS:
        own = [photo for photo, name in zip(photos, subset_of, strict=True) if name == subset]
        formats.write(Annotations(own, outfits.CLASSES, layout), layout, output / subset)
    writer.finish(output, record)
    return record


def _write_photo(seed, task):
    """Draws one photo: its `Photo`."""
    path, index = task
    image, objects = outfits.draw(int(writer.VERSION), seed, index)
    writer.write_jpeg(path, image)
    height, width = image.shape[:2]
    regions = [Region(name, polygons=[polygon]) for name, polygon in objects]
    return Photo(path, width, height, regions)
