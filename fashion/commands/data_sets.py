"""The data set that a command works on: its arguments, finding it, reading it."""

import functools
from dataclasses import dataclass
from pathlib import Path

from fashion.commands import common, own_data
from fashion.datasets import locate
from fashion.datasets.deepfashion2 import DeepFashion2Dataset
from fashion.datasets.sample import writer as sample_writer
from fashion.datasets.subsets import read_subsets

SAMPLE = common.ROOT / "datasets" / "sample"
# Pictures of the built-in sample: what two cores draw in about a minute.
SAMPLE_IMAGES = 3000
SAMPLE_SEED = 1


@dataclass(frozen=True)
class Data:
    """A data set in DeepFashion2's layout, or one of one's own.

    Attributes:
        root: its folder or file.
        sample: contents of `sample.json` (version, seed, counts) of a made-up one, else None.
        own: `Annotations` by subset of a data set of one's own; None of DeepFashion2.
    """

    root: Path
    sample: dict | None
    own: dict | None = None

    @property
    def subsets(self):
        """Names of the subsets that there are."""
        return locate.subsets_present(self.root) if self.own is None else list(self.own)

    def fit(self, config):
        """The configuration with this data set's classes."""
        if self.own is None:
            return config
        return own_data.fit(config, next(iter(self.own.values())).class_names)

    def __str__(self):
        if self.sample is None:
            return str(self.root)
        version, seed = self.sample["version"], self.sample["seed"]
        return f"made-up sample, version {version}, seed {seed} ({self.root})"


def add_dataset_argument(parser):
    """Adds --dataset and --class-attribute."""
    parser.add_argument("--dataset", metavar="DIR",
                        help="folder in DeepFashion2's layout, or of photos with annotations of "
                             "VIA, COCO, LabelMe or masks (default: $DEEPFASHION2_DIR, else "
                             "datasets/deepfashion2, else a made-up sample)")
    add_class_attribute_argument(parser)


def add_class_attribute_argument(parser):
    """Adds --class-attribute."""
    parser.add_argument("--class-attribute", metavar="NAME",
                        help="attribute of VIA's regions that is their class (default: the one "
                             "called name, class, label, type or category, else the only one)")


def resolve(path=None, class_attribute=None):
    """Finds the data set, or makes the built-in sample, and says so.

    Args:
        path: of --dataset; None looks in the usual places.
        class_attribute: of --class-attribute.

    Returns:
        `Data`.

    Raises:
        ValueError: what was asked for is no data set.
    """
    own = own_data.find(path)
    if own:
        found = read_subsets(own, class_attribute)
        print(own_data.describe(found))
        return Data(own, sample_writer.read_record(own), found)
    root = locate.find_dataset(path)
    if root is None:
        print("No DeepFashion2 here (--dataset, $DEEPFASHION2_DIR, datasets/deepfashion2): this "
              "works on\nthe built-in sample of made-up pictures, whose numbers say nothing about "
              f"photos.\n{locate.HOW_TO_GET}\n")
        return built_in_sample()
    return Data(root, sample_writer.read_record(root))


def load(data, subset, where=None, limit=None, published_flips=False, class_names=None,
         whole_pairs=False):
    """One subset of a data set, prepared.

    Args:
        data: `Data`.
        subset, where, limit, published_flips, whole_pairs: see `DeepFashion2Dataset` and its
            `load`.
        class_names: those that a network knows, "BG" first; class ids are places among them.

    Raises:
        ValueError: no such subset, none of these classes, or a condition on DeepFashion2's
            attributes for another data set.
    """
    if data.own is None:
        dataset = DeepFashion2Dataset(published_flips)
        dataset.load(data.root, subset, where, limit, whole_pairs)
    else:
        dataset = own_data.load(data.own, subset, where, limit, class_names)
    dataset.prepare()
    names = [info["name"] for info in dataset.class_info]
    if class_names is not None and names != list(class_names):
        raise ValueError(f"{data} has the classes {', '.join(names[1:])}, the "
                         f"weights know {', '.join(class_names[1:])}: give the data set that they "
                         "were trained on, or one with their classes.")
    return dataset


def built_in_sample():
    """The built-in sample as `Data`, made if it is not there whole and in this version."""
    from tqdm import tqdm

    quiet_in_files = functools.partial(tqdm, disable=None)
    record = sample_writer.write_sample(SAMPLE, SAMPLE_IMAGES, SAMPLE_SEED,
                                        progress=quiet_in_files)
    return Data(SAMPLE, record)
