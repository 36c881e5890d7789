"""Matterport's training targets: the original's numbers, and what must hold of what is drawn."""

from types import SimpleNamespace

import numpy as np
import pytest

from mrcnn import anchors
from mrcnn.config import Config
from mrcnn.matterport import boxes, targets
from tests.mrcnn.matterport_golden import FOLDER

golden = np.load(FOLDER / "rpn_targets.npz")
SCALES, RATIOS, STRIDES = (32, 64, 128, 256, 512), (0.5, 1, 2), (4, 8, 16, 32, 64)
ANCHORS = boxes.generate_pyramid_anchors(
    SCALES, RATIOS, anchors.pyramid_shapes((256, 256), STRIDES), STRIDES, 1)
CASES = ("two", "crowd", "tiny_off", "many_pos")


def rpn_targets(case, count):
    config = SimpleNamespace(RPN_TRAIN_ANCHORS_PER_IMAGE=count,
                             RPN_BBOX_STD_DEV=Config.RPN_BBOX_STD_DEV)
    return targets.build_rpn_targets((256, 256, 3), ANCHORS, golden[f"{case}/gt_class_ids"],
                                     golden[f"{case}/gt_boxes"], config)


@pytest.mark.parametrize("case", CASES)
def test_rpn_targets_of_all_anchors(case):
    match, deltas = rpn_targets(case, 2 * len(ANCHORS))
    assert match.dtype == np.int32
    np.testing.assert_array_equal(match, golden[f"{case}/full_rpn_match"])
    expected = golden[f"{case}/full_rpn_bbox_pos"]
    np.testing.assert_allclose(deltas[:len(expected)], expected, rtol=1e-9, atol=1e-12)
    assert not deltas[len(expected):].any()


@pytest.mark.parametrize("case", CASES)
def test_rpn_targets_of_a_sample(case):
    np.random.seed(int(golden[f"{case}/numpy_seed"]))
    match, deltas = rpn_targets(case, int(golden[f"{case}/anchors_per_image"]))
    np.testing.assert_array_equal(match, golden[f"{case}/rpn_match"])
    np.testing.assert_allclose(deltas, golden[f"{case}/rpn_bbox"], rtol=1e-9, atol=1e-12)


GT_BOXES = np.array([(10, 10, 50, 60), (40, 70, 100, 110)], np.int32)
GT_CLASS_IDS = np.array([2, 1], np.int32)


def test_random_rois_lie_around_objects():
    np.random.seed(0)
    rois = targets.generate_random_rois((120, 128, 3), 100, GT_CLASS_IDS, GT_BOXES)
    assert rois.shape == (100, 4) and rois.dtype == np.int32
    assert (rois[:, 2:] > rois[:, :2]).all() and rois.min() >= 0
    assert (rois[:, 2:] <= (120, 128)).all()
    assert (rois[:45, 2] <= 90).all() and (rois[:45, 3] <= 110).all()  # 40 and 50 px beyond
    assert (rois[45:90, :2] >= (0, 30)).all()
    assert len(targets.generate_random_rois((64, 64, 3), 7, GT_CLASS_IDS[:0], GT_BOXES[:0])) == 7


def head_config(**knobs):
    return SimpleNamespace(**{
        "TRAIN_ROIS_PER_IMAGE": 12, "ROI_POSITIVE_RATIO": 0.33, "NUM_CLASSES": 3,
        "BBOX_STD_DEV": Config.BBOX_STD_DEV, "MASK_SHAPE": [28, 28], "USE_MINI_MASK": False,
        "IMAGE_SHAPE": (128, 128, 3), **knobs})


def whole_boxes(shape=(128, 128)):
    masks = np.zeros((*shape, len(GT_BOXES)), bool)
    for i, (y1, x1, y2, x2) in enumerate(GT_BOXES):
        masks[y1:y2, x1:x2, i] = True
    return masks


@pytest.mark.parametrize("mini", [False, True])
def test_detection_targets(mini):
    near = GT_BOXES[[0, 0, 1]] + np.array([(2, 0, 2, 0), (0, -5, 0, 0), (0, 0, 0, 0)])
    proposals = np.concatenate([[(100, 0, 120, 30)], near, [(0, 80, 30, 120)]]).astype(np.int32)
    masks = np.ones((56, 56, 2), bool) if mini else whole_boxes()
    np.random.seed(0)
    rois, class_ids, deltas, target_masks = targets.build_detection_targets(
        proposals, GT_CLASS_IDS, GT_BOXES, masks, head_config(USE_MINI_MASK=mini))
    np.testing.assert_array_equal(class_ids, [2, 2, 1] + [0] * 9)
    np.testing.assert_array_equal(rois[:3], near)
    assert {tuple(roi) for roi in rois[3:]} == {(100, 0, 120, 30), (0, 80, 30, 120)}
    np.testing.assert_allclose(deltas[0, 2], [-2 / 40 / 0.1, 0, 0, 0], atol=1e-6)
    assert not deltas[0, :2].any() and not deltas[2:].any()
    inside = np.minimum(1, (np.arange(28) + 0.5) * 40 / 28 < 38)
    assert (np.abs(target_masks[0, :, 14, 2] - inside) <= 1e-6).mean() > 0.9
    assert target_masks[0, 1:26, 1:-1, 2].all() and target_masks[2, ..., 1].all()
    assert not target_masks[..., 0].any() and not target_masks[3:].any()


def test_detection_targets_keep_to_the_share_of_positives():
    rng = np.random.default_rng(0)
    proposals = np.concatenate([
        GT_BOXES[0] + rng.integers(-2, 3, (30, 4)), rng.integers(0, 9, (30, 4)) + (60, 0, 90, 30)])
    _, class_ids, _, _ = targets.build_detection_targets(
        proposals, GT_CLASS_IDS, GT_BOXES, whole_boxes(), head_config())
    np.testing.assert_array_equal(class_ids > 0, [True] * 3 + [False] * 9)


@pytest.mark.parametrize("proposals, class_ids, word", [
    (GT_BOXES[:0], GT_CLASS_IDS, "got 0 and 2"),
    (GT_BOXES, -GT_CLASS_IDS, "got 2 and 0"),
    (GT_BOXES, GT_CLASS_IDS, "some that miss"),
])
def test_detection_targets_refuse(proposals, class_ids, word):
    with pytest.raises(ValueError, match=word):
        targets.build_detection_targets(proposals, class_ids, GT_BOXES, whole_boxes(),
                                        head_config())
