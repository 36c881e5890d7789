"""The README's picture, with a detector that knows the truth."""

import argparse

import numpy as np
import pytest

from fashion.commands import models, picture
from fashion.config import CONFIGS
from fashion.retrieval.similarity import Similarity
from mrcnn.detection import Raw
from tests.fashion.made_sample import made_sample

FULL = np.ones((8, 8), np.float32)


class Oracle:
    """Finds what is annotated; a garment's vector is its identity."""

    def __init__(self, dataset):
        self.dataset = dataset
        self.photos = {dataset.load_image(i).tobytes(): i for i in dataset.image_ids}

    def predict(self, images):
        for image in images:
            image_id = self.photos[image.tobytes()]
            keypoints = self.dataset.load_keypoints(image_id)
            keypoints[..., 2] = keypoints[..., 2] > 0
            class_ids = self.dataset.image_class_ids(image_id)
            vectors = np.float32(self.dataset.load_identities(image_id))[:, None] + [[1, 2]]
            yield Raw(image.shape[:2], self.dataset.load_boxes(image_id), class_ids,
                      np.linspace(0.9, 0.8, len(class_ids)), np.stack([FULL] * len(class_ids)),
                      keypoints, vectors.astype(np.float32))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return made_sample(tmp_path_factory.mktemp("sample"), 12, seed=3)


def test_the_picture_shows_photos_above_and_the_search_below(dataset, monkeypatch):
    from fashion.retrieval import pictures

    drawn, draw_search = [], pictures.draw_search
    monkeypatch.setattr(pictures, "draw_search",
                        lambda *tiles: drawn.append(tiles) or draw_search(*tiles))
    made = picture.draw(Oracle(dataset), Similarity([-1.0, -1.0], 4.0), dataset, (0, 1, 2))
    assert made.dtype == np.uint8 and made.shape[1] > 1000
    [(query, hits)] = drawn
    assert query.lines[0] == dataset.class_names[query.class_id]
    first = [i for i in dataset.image_ids if dataset.image_domain(i) == 1][0]
    wanted = dataset.load_identities(first)[0]
    true = sum(int((dataset.load_identities(i) == wanted).sum()) for i in dataset.image_ids
               if dataset.image_domain(i) == 2)
    said = [hit.lines[1] == "the same garment" for hit in hits]
    assert said == [True] * true + [False] * (len(hits) - true) and true > 0


@pytest.mark.parametrize("photos", [(0, 1, 99), (-1, 0, 1)])
def test_photos_that_are_not_there_are_refused(dataset, photos):
    with pytest.raises(ValueError, match="--photos: expected numbers from 0 to"):
        picture.draw(Oracle(dataset), Similarity([-1.0], 0.0), dataset, photos)


def test_a_network_without_the_heads_is_refused(monkeypatch, tmp_path):
    config = CONFIGS["tiny"]().override({"HEADS": ("box", "mask"), "LOSS_WEIGHTS": {}})
    monkeypatch.setattr(models, "resolve", lambda _: models.Model(config, "w.h5"))
    with pytest.raises(ValueError, match="w.h5 has no keypoint and no match head"):
        picture.run(argparse.Namespace(output=tmp_path / "p.jpg"))


def test_a_strip_is_as_wide_as_asked_and_squeezes_nothing():
    colors = (10, 200, 90), (90, 10, 200)  # which captions do not have
    panels = [(np.full((40, 30, 3), colors[0], np.uint8), "a"),
              (np.full((20, 60, 3), colors[1], np.uint8), "b")]
    row = picture.strip(panels, 400)
    assert row.shape[1] == 400
    for color, aspect in zip(colors, (0.75, 3), strict=True):
        rows, columns = np.nonzero((row == color).all(-1))
        assert np.ptp(columns) + 1 == pytest.approx((np.ptp(rows) + 1) * aspect, abs=1.5)
