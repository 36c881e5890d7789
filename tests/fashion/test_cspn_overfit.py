"""One batch of garments seen from the front, learned by heart."""

import numpy as np

from fashion.cspn.crops import Crops
from fashion.cspn.measure import measure
from fashion.cspn.model import CSPN
from fashion.datasets.landmark_benchmark import VARIATIONS
from tests.fashion.small_cspn import SIDE, made_garments, small_config

GARMENTS = 4
STEPS = 200


def frontal(folder):
    """`Crops` of the first garments in a normal pose."""
    crops = made_garments(folder, 16, validation=0.0)
    chosen = np.flatnonzero(crops.dataset.variations == VARIATIONS.index("normal pose"))
    return Crops(crops.dataset, SIDE, image_ids=chosen[:GARMENTS])


def test_one_batch_of_frontal_garments_is_learned_by_heart(tmp_path):
    crops = frontal(tmp_path / "lists")
    assert len(crops) == GARMENTS
    config = small_config(IMAGES_PER_GPU=GARMENTS, STEPS_PER_EPOCH=STEPS, LEARNING_RATE=0.004)
    face = CSPN("training", config, tmp_path / "logs")
    face.train(crops, augmentation=None, epochs=1, keep=1)
    errors, skipped = measure(face.predict, crops)
    numbers = {stage: each.evaluate()["NE"]["all"] for stage, each in errors.items()}
    print({stage: round(each["average"], 4) for stage, each in numbers.items()})
    assert not skipped and numbers["stage4"]["garments"] == GARMENTS
    assert numbers["stage4"]["average"] < 0.02
