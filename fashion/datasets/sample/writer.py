"""Writes the sample to disk in DeepFashion2's layout."""

import json
import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from fashion.datasets.sample.annotation import annotate
from fashion.datasets.sample.identities import IMAGES_PER_PAIR, in_validation, plan
from fashion.datasets.sample.scene import compose
from mrcnn.data import processes

VERSION = "1"  # goes up whenever the same seed gives another sample
SUBSETS = ("train", "validation")
# All that a sample may consist of: also in the layouts of one's own and of landmark lists.
_ALL_FOLDERS = (*SUBSETS, "val", "Anno", "Eval", "Img")
RECORD = "sample.json"  # written last: a sample without it is not finished
_UNFINISHED = "sample.unfinished.json"
_JPEG_QUALITY = 88
_MOST_PROCESSES = 61  # Windows can wait for no more
_FEW = 200  # so many images are drawn before processes have started


def paint(seed, index):
    """The `Scene` of image number `index` (from 0) of the sample of a seed, and its `Plan`."""
    rng = np.random.default_rng([int(VERSION), seed, 2, index])
    what = plan(int(VERSION), seed, index)
    return compose(what, rng), what


def draw(seed, index):
    """Image number `index` (from 0) of the sample of a seed.

    Returns:
        [height, width, (b, g, r)] uint8, and its annotation as DeepFashion2 writes it.
    """
    scene, what = paint(seed, index)
    return scene.canvas.image, annotate(scene, what)


def write_sample(output, images, seed=0, validation=0.2, progress=None):
    """Writes the sample into the folder `output`, unless it is there already.

    Image i is a function of (VERSION, seed, i) alone, so a larger sample extends a smaller one.
    Whole identities go to training or to validation.

    Args:
        output: Folder to make: train and validation, each with image and annos if it has any
            images, and sample.json.
        images: How many images in all.
        seed: Of everything random, from 0.
        validation: Share of the identities kept for validation, at least 0 and less than 1.
        progress: `tqdm.tqdm`, or what wraps an iterable likewise; None shows nothing.

    Returns:
        What sample.json holds: version, seed, validation, and counts of images by subset.

    Raises:
        ValueError: An argument is out of range, or `output` holds something else than a sample.
        OSError: The disk is full or the folder cannot be written.
    """
    check_arguments(images, seed, validation)
    subset_of = [SUBSETS[in_validation(i // IMAGES_PER_PAIR, validation)] for i in range(images)]
    record = make_record(seed, validation, subset_of, SUBSETS)
    output = Path(output)
    if read_record(output) == record:
        return record
    begin(output, record, [f"{subset}/{kind}" for subset in SUBSETS if record["counts"][subset]
                           for kind in ("image", "annos")])
    tasks, numbers = [], dict.fromkeys(SUBSETS, 0)
    for index, subset in enumerate(subset_of):
        numbers[subset] += 1
        tasks.append((output / subset, numbers[subset], seed, index))
    for _ in write_all(_write_image, tasks, progress):
        pass
    finish(output, record)
    return record


def read_record(output):
    """What sample.json of a finished sample holds; None where there is none."""
    try:
        return json.loads((Path(output) / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def check_arguments(images, seed, validation):
    """Raises ValueError for what no sample can be made of."""
    if images < 1 or seed < 0 or not 0 <= validation < 1:
        raise ValueError(
            f"images={images}, seed={seed}, validation={validation}: expected at least one image, "
            "a seed from 0, and a share for validation of at least 0 and less than 1."
        )


def make_record(seed, validation, subset_of, subsets):
    """What sample.json will hold; `subset_of` names each image's subset."""
    return {
        "version": VERSION,
        "seed": seed,
        "validation": validation,
        "counts": {subset: subset_of.count(subset) for subset in subsets},
    }


def begin(output, record, folders):
    """Makes `folders` in `output` anew, and marks the sample as begun.

    Only a folder that says it is a sample is emptied: the real DeepFashion2 looks alike.
    """
    output.mkdir(parents=True, exist_ok=True)
    marks = [output / RECORD, output / _UNFINISHED]
    if any(output.iterdir()) and not any(mark.exists() for mark in marks):
        raise ValueError(f"{output} holds files that are no sample; name a new or empty folder.")
    _write_record(marks[1], record)
    marks[0].unlink(missing_ok=True)
    for folder in _ALL_FOLDERS:
        if (output / folder).exists():
            shutil.rmtree(output / folder)
    for folder in folders:
        (output / folder).mkdir(parents=True)


def finish(output, record):
    """Marks the sample as finished; sample.json will hold `record`."""
    _write_record(output / _UNFINISHED, record)
    os.replace(output / _UNFINISHED, output / RECORD)


def _write_record(path, record):
    path.write_text(json.dumps(record, indent=1), encoding="utf-8")


def write_all(write, tasks, progress):
    """Yields `write(task)` of each, on all cores where there are many and processes can start."""
    done = _in_turn(write, tasks)
    return progress(done, desc="sample", unit="image", total=len(tasks)) if progress else done


def _in_turn(write, tasks):
    cores = min(_MOST_PROCESSES, os.cpu_count() or 1)
    if len(tasks) < _FEW or cores == 1 or processes.why_not():
        yield from map(write, tasks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores, context, cv2.setNumThreads, (1,)) as pool:
        try:
            yield from pool.map(write, tasks, chunksize=16)
        finally:
            pool.shutdown(cancel_futures=True)


def write_jpeg(path, image):
    """Writes [height, width, (b, g, r)] uint8, also to paths beyond ASCII on Windows."""
    _, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    path.write_bytes(jpeg.tobytes())


def _write_image(task):
    folder, number, seed, index = task
    image, record = draw(seed, index)
    write_jpeg(folder / "image" / f"{number:06d}.jpg", image)
    text = json.dumps(record, separators=(",", ":"))
    (folder / "annos" / f"{number:06d}.json").write_text(text, encoding="utf-8")
