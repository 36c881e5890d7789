"""A detector without a network, for tests of what is built on one: garments are colours."""

from types import SimpleNamespace

import numpy as np
from PIL import Image

from fashion.commands import models
from fashion.config import CONFIGS
from fashion.retrieval.similarity import Similarity
from mrcnn import detection, weights
from mrcnn.detection import Raw

SIMILARITY = Similarity(np.full(3, -50.0), 5.0)


class ColorDetector:
    """Finds one garment on every photo that is not black; its vector is the photo's mean colour.

    Its class is the strongest channel, counted from 1.

    Args:
        fail_at: number of a photo, counted from 1, at which `failure` is called.
    """

    def __init__(self, fail_at=None, failure=None):
        self.config = CONFIGS["tiny"]().override({"HEADS": ("box", "match")})
        self.network = SimpleNamespace(config=self.config)
        self.seen, self.fail_at, self.failure = 0, fail_at, failure

    def predict(self, images):
        for image in images:
            self.seen += 1
            if self.seen == self.fail_at:
                self.failure()
            color = image.reshape(-1, 3).mean(axis=0, keepdims=True).astype(np.float32) / 255
            count, (height, width) = int(color.max() > 0.05), image.shape[:2]
            box = np.array([[0.25 * height, 0.25 * width, 0.75 * height, 0.75 * width]], np.float32)
            yield Raw((height, width), box[:count], color.argmax(axis=1)[:count] + 1,
                      np.full(count, 0.9, np.float32), embeddings=color[:count])


def use(monkeypatch, detector, fingerprint="c0105"):
    """Lets the commands work with a `ColorDetector` in the place of a network with weights."""
    from fashion import match

    monkeypatch.setattr(models, "resolve", lambda arguments: models.Model(
        detector.config, arguments.weights))
    monkeypatch.setattr(models, "build", lambda *_: detector)
    monkeypatch.setattr(detection, "Detector", lambda network, outputs: detector)
    monkeypatch.setattr(weights, "fingerprint", lambda network: fingerprint)
    monkeypatch.setattr(match, "similarity_of", lambda network: SIMILARITY)
    return detector


def write_colors(folder, **colors):
    """Writes a photo of 60 x 80 px for each name and (r, g, b)."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, color in colors.items():
        Image.fromarray(np.full((80, 60, 3), color, np.uint8)).save(folder / f"{name}.png")
    return folder
