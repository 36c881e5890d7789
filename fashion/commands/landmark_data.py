"""Data sets that a landmark network learns from and is measured on, found on this disk."""

import functools
import os
from dataclasses import dataclass
from pathlib import Path

from fashion.commands import common, data_sets
from fashion.datasets import landmark_benchmark, locate
from fashion.datasets.sample import writer
from fashion.datasets.sample.landmark_lists import write_landmark_lists

VARIABLE = "DEEPFASHION_LANDMARKS_DIR"
BENCHMARK = common.ROOT / "datasets" / "deepfashion_landmarks"
SAMPLE = common.ROOT / "datasets" / "landmark_sample"
# Share of the identities that the built-in sample keeps from training. They are those that the
# built-in sample of DeepFashion2's layout keeps for validation: its detectors have not seen them.
HELD_OUT = 0.2


@dataclass(frozen=True)
class LandmarkData:
    """A landmark benchmark, or DeepFashion2 with its landmarks.

    Attributes:
        root: its folder.
        sample: contents of `sample.json` of a made-up one, else None.
        deepfashion2: `data_sets.Data` of DeepFashion2; None of a landmark benchmark.
    """

    root: Path
    sample: dict | None
    deepfashion2: data_sets.Data | None = None

    @property
    def measured(self):
        """The subset that numbers are given of: the benchmark's test, DeepFashion2's validation."""
        return "validation" if self.deepfashion2 else "test"

    @property
    def subsets(self):
        """Names of the subsets that there are, of "train", "validation" and "test"."""
        if self.deepfashion2:
            return self.deepfashion2.subsets
        return [{"val": "validation"}.get(name, name)
                for name in landmark_benchmark.subsets_present(self.root)]

    def load(self, subset, limit=None, where=None, published_flips=False):
        """One subset, prepared: `LandmarkBenchmarkDataset` or `DeepFashion2Dataset`.

        Args:
            subset: "train", "validation" or "test".
            limit: keeps so many photos, spread evenly.
            where, published_flips: see `data_sets.load`.

        Raises:
            ValueError: there is no such subset, nothing usable in it, or a condition on
                DeepFashion2's attributes for a landmark benchmark.
        """
        if self.deepfashion2:
            return data_sets.load(self.deepfashion2, subset, where, limit, published_flips)
        if where is not None:
            raise ValueError(f"--where={where!r} asks for attributes that only DeepFashion2 has.")
        dataset = landmark_benchmark.LandmarkBenchmarkDataset()
        dataset.load(self.root, {"validation": "val"}.get(subset, subset), limit)
        dataset.prepare()
        return dataset

    def __str__(self):
        if self.deepfashion2:
            return str(self.deepfashion2)
        if self.sample is None:
            return str(self.root)
        version, seed = self.sample["version"], self.sample["seed"]
        return f"made-up landmark sample, version {version}, seed {seed} ({self.root})"


def resolve(path=None):
    """Finds the data set, or makes the built-in sample of landmarks, and says so.

    Args:
        path: of --dataset: a folder with the landmark benchmark's lists, or DeepFashion2. None
            looks at $DEEPFASHION_LANDMARKS_DIR, then at datasets/deepfashion_landmarks.

    Returns:
        `LandmarkData`.

    Raises:
        ValueError: what was asked for is no such data set.
    """
    asked = path or os.environ.get(VARIABLE)
    if not asked and landmark_benchmark.has_lists(BENCHMARK):
        asked = BENCHMARK
    if not asked:
        return built_in_sample()
    folder = Path(asked).expanduser()
    if landmark_benchmark.has_lists(folder):
        return LandmarkData(folder, writer.read_record(folder))
    return _deepfashion2(folder)


def _deepfashion2(folder):
    if not locate.subsets_present(folder):
        raise ValueError(f"{folder}: expected a landmark benchmark, with "
                         f"{', '.join(landmark_benchmark.LIST_NAMES)}, or DeepFashion2's "
                         "train/image with train/annos; other data sets have no such landmarks.")
    data = data_sets.Data(folder, writer.read_record(folder))
    return LandmarkData(data.root, data.sample, data)


def built_in_sample():
    """The built-in sample of landmarks, made if it is not there whole and in this version."""
    from tqdm import tqdm

    print(f"No landmark benchmark here (--dataset, ${VARIABLE}, datasets/{BENCHMARK.name}): this "
          "works on\nthe built-in sample of made-up pictures, whose numbers say nothing about "
          f"photos.\n{landmark_benchmark.HOW_TO_GET}\n")
    record = write_landmark_lists(SAMPLE, data_sets.SAMPLE_IMAGES, data_sets.SAMPLE_SEED, HELD_OUT,
                                  functools.partial(tqdm, disable=None))
    return LandmarkData(SAMPLE, record)
