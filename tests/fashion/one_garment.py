"""A detector that finds the same trousers in the middle of every photo."""

import numpy as np

from fashion.config import CONFIGS
from mrcnn.detection import Raw


class OneGarment:
    """Class 8 on the middle half of both sides.

    Attributes:
        config: of the network that it stands for.
        asked: how many photos it was given so far.
    """

    def __init__(self):
        self.config, self.asked = CONFIGS["tiny"](), 0

    def predict(self, images):
        for image in images:
            self.asked += 1
            height, width = image.shape[:2]
            box = np.array([[0.25 * height, 0.25 * width, 0.75 * height, 0.75 * width]], np.float32)
            yield Raw((height, width), box, np.array([8]), np.array([0.9], np.float32),
                      np.ones((1, 28, 28), np.float32))
