"""A sample drawn for a test, loaded."""

from fashion.datasets.deepfashion2 import DeepFashion2Dataset
from fashion.datasets.sample import write_sample


def made_sample(folder, images, seed):
    """The training part of a new sample in a folder, a prepared `DeepFashion2Dataset`."""
    write_sample(folder, images, seed=seed, validation=0)
    dataset = DeepFashion2Dataset()
    dataset.load(folder, "train")
    dataset.prepare()
    return dataset
