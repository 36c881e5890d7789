import numpy as np
import pytest

from mrcnn import boxes
from mrcnn.data.examples import load_example
from mrcnn.data.rois import random_rois
from tests.mrcnn.drawn_dataset import Drawn, DrawnConfig

OBJECT = np.float32([[40, 60, 70, 80]])


@pytest.mark.parametrize("objects", [OBJECT, OBJECT[:0]])
def test_rois_lie_in_the_image_and_have_area(objects):
    rois = random_rois(500, (100, 150), objects, np.random.default_rng(0))
    assert rois.shape == (500, 4) and rois.dtype == np.float32
    assert (rois[:, :2] >= 0).all() and (rois[:, 2:] <= (100, 150)).all()
    assert (rois[:, 2:] - rois[:, :2] >= 0.999).all()


def test_most_rois_are_drawn_around_objects():
    rois = random_rois(500, (100, 150), OBJECT, np.random.default_rng(0))
    iou = boxes.iou(rois, OBJECT)[:, 0]
    anywhere = random_rois(500, (100, 150), OBJECT[:0], np.random.default_rng(0))
    assert (iou > 0.3).sum() > 3 * (boxes.iou(anywhere, OBJECT)[:, 0] > 0.3).sum()


def test_a_row_has_rois_where_the_heads_train_alone():
    config = type("Alone", (DrawnConfig,), {"USE_RPN_ROIS": False, "POST_NMS_ROIS_TRAINING": 7})()
    rows = [load_example(Drawn(), 0, config, rng=np.random.default_rng(3))[0] for _ in range(2)]
    assert rows[0]["input_rois"].shape == (7, 4)
    np.testing.assert_array_equal(rows[0]["input_rois"], rows[1]["input_rois"])
    assert "input_rois" not in load_example(Drawn(), 0, DrawnConfig())[0]
