"""A landmark network small enough to build and train in a test, and garments for it."""

import numpy as np

from fashion.cspn.config import CSPNTinyConfig
from fashion.cspn.crops import Crops
from fashion.datasets.landmark_benchmark import LandmarkBenchmarkDataset
from fashion.datasets.sample.landmark_lists import write_landmark_lists

SIDE = 64


def small_config(**settings):
    """A `CSPNTinyConfig` for crops of 64 px."""
    return CSPNTinyConfig().override({
        "BACKBONE_WIDTH": 0.25, "CSPN_FILTERS": 16, "IMAGE_MAX_DIM": SIDE, "IMAGES_PER_GPU": 4,
        **settings})


def small_batch(images=4, seed=0):
    """Noise with landmarks anywhere, some of them covered or absent."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(4, SIDE - 4, (images, 1, 8, 2))
    seen = rng.choice([0, 1, 2, 2, 2, 2], (images, 1, 8, 1))
    return {"input_image": rng.integers(0, 256, (images, SIDE, SIDE, 3), "uint8"),
            "gt_class_ids": np.full((images, 1), 3, "int32"),
            "gt_keypoints": np.concatenate([points * (seen > 0), seen], -1).astype("float32")}


def made_garments(folder, images, subset="train", validation=0.2):
    """`Crops` of the landmark sample, a prepared subset of it drawn into a folder."""
    write_landmark_lists(folder, images, 3, validation)
    dataset = LandmarkBenchmarkDataset()
    dataset.load(folder, subset)
    dataset.prepare()
    return Crops(dataset, SIDE)
