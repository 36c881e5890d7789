"""Data sets of one's own on the command line: what is in them, and the network that fits them."""

from pathlib import Path

from fashion.datasets import locate
from fashion.datasets.own import OwnDataset
from fashion.datasets.read_ahead import read_ahead
from fashion.datasets.subsets import all_problems
from mrcnn.data.images import ImageError, read_image

EXAMPLES = 3
# From here on the table has a row for each class: a column for each would make the lines too long.
MANY_CLASSES = 8
BROKEN_PHOTO = "photo cannot be decoded"
UNTRAINED_CLASS = "class on no training photo: it cannot be learned"
# Heads that boxes and outlines of any classes can train.
HEADS = ("box", "mask")


def find(path):
    """Path of a folder or file that is no DeepFashion2, though it may not be there; else None.

    Args:
        path: of --dataset, or None.
    """
    if path is None:
        return None
    path = Path(path).expanduser()
    return None if locate.subsets_present(path) else path


def describe(found, examples=EXAMPLES):
    """What was found, as a table of photos and objects, and what was odd; several lines.

    Args:
        found: dict of `Annotations` by subset.
        examples: files named for each oddity.
    """
    annotations = next(iter(found.values()))
    rows = [("", "photos", "objects", *annotations.class_names)]
    for subset, some in found.items():
        counts = some.count_regions()
        rows.append((subset, len(some.photos), sum(counts.values()), *counts.values()))
    if len(annotations.class_names) >= MANY_CLASSES:
        rows = list(zip(*rows, strict=True))
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(f"{value!s:>{width}}" for value, width in zip(row, widths, strict=True))
             for row in rows]
    problems = find_problems(found)
    odd = f"Odd:\n{problems.summary(examples)}" if problems else "Nothing odd."
    return "\n".join([f"Annotations of the format {annotations.format}:", *lines, odd])


def find_problems(found):
    """`Problems` of a dict of `Annotations`: what the files have, and classes to learn in vain."""
    problems = all_problems(list(found.values()))
    counts = found["train"].count_regions() if "train" in found else {}
    for name, count in counts.items():
        if not count:
            problems.add(UNTRAINED_CLASS, name)
    return problems


def find_broken(found, problems):
    """Decodes all photos of a dict of `Annotations` and adds those that fail to `problems`."""
    paths = [photo.path for some in found.values() for photo in some.photos]
    for path, error in zip(paths, read_ahead(_fault, paths), strict=True):
        if error:
            problems.add(BROKEN_PHOTO, f"{path.name}: {error}")


def _fault(path):
    """What is wrong with a photo, None where nothing is."""
    try:
        read_image(path)
    except ImageError as error:
        return error
    return None


def fit(config, class_names):
    """A configuration for some classes; the one given if it fits already, in whatever order.

    Landmarks and matching are DeepFashion2's: without it boxes and masks are trained.

    Args:
        config: a `Config`.
        class_names: of the data set, without the background.
    """
    if set(config.CLASS_NAMES[1:]) == set(class_names):
        class_names = config.CLASS_NAMES[1:]
    knobs = {"CLASS_NAMES": ("BG", *class_names), "NUM_CLASSES": 1 + len(class_names),
             "HEADS": tuple(head for head in config.HEADS if head in HEADS),
             "NUM_KEYPOINTS": 0, "KEYPOINTS_OF_CLASS": None, "LANDMARK_GROUPS": None}
    left_out = [head for head in config.HEADS if head not in HEADS]
    if left_out:
        print(f"Without the heads {' and '.join(left_out)}, which need DeepFashion2's garments.")
    return config.override(knobs)


def load(found, subset, where=None, limit=None, class_names=None):
    """One subset as an `OwnDataset`.

    Args:
        found: dict of `Annotations` by subset.
        subset, limit: see `OwnDataset.load`.
        where: of --where, which only DeepFashion2 can answer.
        class_names: those that a network knows, "BG" first; None: the data set's own.

    Raises:
        ValueError: no such subset, a condition, or none of these classes.
    """
    if where is not None:
        raise ValueError(f"--where={where!r} asks for attributes that only DeepFashion2 has.")
    if subset not in found:
        raise ValueError(f"The data set has no {subset} photos, only {', '.join(found)}.")
    names = found[subset].class_names if class_names is None else class_names[1:]
    unknown = [name for name in found[subset].class_names if name not in names]
    if unknown:
        print(f"Left out, as the weights do not know them: {', '.join(unknown)}.")
    dataset = OwnDataset()
    dataset.add(found[subset], names, limit)
    return dataset
