import keras
import numpy as np
import pytest
from keras import ops

from mrcnn import losses
from mrcnn.heads.box import select_detections
from mrcnn.heads.mask import MaskHead
from mrcnn.layers.gather import take_class, take_rows
from mrcnn.layers.stage import SharedLayers

STD_DEV = (0.1, 0.1, 0.2, 0.2)


def test_take_rows_and_take_class():
    values = np.arange(2 * 3 * 2).reshape(2, 3, 2)
    rows = take_rows(ops.convert_to_tensor(values), np.int32([[2, 0], [1, 1]]))
    rows = ops.convert_to_numpy(rows)
    np.testing.assert_array_equal(rows, [[[4, 5], [0, 1]], [[8, 9], [8, 9]]])
    own = take_class(ops.convert_to_tensor(values), np.int32([[0, 1, 0], [1, 1, 0]]))
    np.testing.assert_array_equal(ops.convert_to_numpy(own), [[0, 3, 4], [7, 9, 10]])


def test_classification_by_hand():
    logits = np.float32([[[0, 0], [0, np.log(3)], [5, 5]]])
    loss = losses.classification(logits, np.int32([[0, 0, 1]]), np.float32([[1, 1, 0]]))
    assert float(loss[0]) == pytest.approx((np.log(2) + np.log(4)) / 2, rel=1e-5)


def test_smooth_l1_by_hand():
    predicted = np.float32([[[0.5, 2, 0, 0], [9, 9, 9, 9]]])
    target, positive = np.zeros_like(predicted), np.float32([[1, 0]])
    by_positives = losses.smooth_l1(predicted, target, positive, 1.0)
    assert float(by_positives[0]) == pytest.approx((0.125 + 1.5) / 4)
    by_sampled = losses.smooth_l1(predicted, target, positive, 0.5, sampled=8)
    assert float(by_sampled[0]) == pytest.approx((0.25 + 1.75) / 8)
    none = losses.smooth_l1(predicted, target, np.float32([[0, 0]]), 1.0)
    assert float(none[0]) == 0


def test_binary_equals_keras():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (1, 2, 4, 4)).astype("float32")
    targets = rng.uniform(0, 1, (1, 2, 4, 4)).astype("float32")
    expected = keras.ops.binary_crossentropy(targets[:, :1], logits[:, :1], from_logits=True)
    loss = losses.binary(logits, targets, np.float32([[1, 0]]))
    assert float(loss[0]) == pytest.approx(float(ops.mean(expected)), rel=1e-4)


def _detect(probs, rois, deltas=None, **settings):
    probs, rois = np.float32([probs]), np.float32([rois])
    if deltas is None:
        deltas = np.zeros((*probs.shape, 4), "float32")
    settings = {"count": 4, "min_score": 0.1, "nms_threshold": 0.5, "class_agnostic": False,
                **settings}
    found = select_detections(probs, np.float32(deltas), rois, np.float32([[0, 0, 1, 0.5]]),
                              STD_DEV, **settings)
    return ops.convert_to_numpy(found)[0]


ROI, NEAR, FAR = [0.1, 0.1, 0.4, 0.4], [0.1, 0.1, 0.4, 0.41], [0.6, 0.1, 0.9, 0.3]


def test_detections_are_thinned_within_a_class_only():
    probs = [[0.1, 0.9, 0.0], [0.2, 0.8, 0.0], [0.4, 0.0, 0.6]]
    found = _detect(probs, [ROI, NEAR, FAR])
    assert found[:, 4:].round(3).tolist() == [
        [1, np.float32(0.9).round(3)], [2, np.float32(0.6).round(3)], [0, 0], [0, 0]]
    probs[1] = [0.2, 0.0, 0.8]
    assert (_detect(probs, [ROI, NEAR, FAR])[:, 5] > 0).sum() == 3
    assert (_detect(probs, [ROI, NEAR, FAR], class_agnostic=True)[:, 5] > 0).sum() == 2


def test_a_roi_may_be_two_classes_and_padding_none():
    found = _detect([[0.2, 0.5, 0.3], [0, 1, 0]], [ROI, [0, 0, 0, 0]])
    assert found[:2, 4].tolist() == [1, 2] and found[2:, 5].tolist() == [0, 0]


def test_detections_are_refined_by_their_own_class_and_clipped_to_the_window():
    deltas = np.zeros((1, 1, 3, 4))
    deltas[0, 0, 2] = [0, 10, 0, 0]  # one whole width to the right
    found = _detect([[0, 0, 1]], [ROI], deltas)
    np.testing.assert_allclose(found[0, :4], [0.1, 0.4, 0.4, 0.5], atol=1e-6)


def _mask_head(**settings):
    settings = {"pool_size": 2, "mask_shape": (4, 4), "mini_masks": True, "fractional": True,
                **settings}
    return MaskHead(SharedLayers(), {"convention": "aligned"}, 3, channels=4, convolutions=1,
                    train_bn=False, **settings)


def _cut(head, roi, box, mask):
    sample = {"rois": np.float32([[roi]]), "gt_index": np.int32([[1]])}
    truth = {
        "gt_class_ids": np.int32([[1, 2]]),
        "gt_boxes": np.float32([[[0, 0, 1, 1], box]]),
        "gt_masks": np.stack([np.zeros_like(mask), mask])[None],
    }
    targets = head.targets(sample, truth)
    assert ops.convert_to_numpy(targets["class_ids"]).tolist() == [[2]]
    return ops.convert_to_numpy(targets["masks"])[0, 0]


LEFT_HALF = np.uint8([[255] * 4 + [0] * 4] * 8)


def test_mask_targets_in_the_frame_of_the_box():
    box = [0.2, 0.2, 0.6, 0.6]
    whole = _cut(_mask_head(), box, box, LEFT_HALF)
    np.testing.assert_allclose(whole, [[1, 1, 0, 0]] * 4, atol=1e-5)
    # A ROI over the left quarter and as much beside it: nothing, then object.
    shifted = _cut(_mask_head(), [0.2, 0.1, 0.6, 0.3], box, LEFT_HALF)
    np.testing.assert_allclose(shifted[:, [0, 3]], [[0, 1]] * 4, atol=1e-5)


def test_mask_targets_keep_fractions_or_round_them():
    box, roi = [0.0, 0.0, 0.8, 0.8], [0.0, 0.15, 0.8, 0.75]
    fractional = _cut(_mask_head(), roi, box, LEFT_HALF)
    assert ((fractional > 0.05) & (fractional < 0.95)).any()
    binary = _cut(_mask_head(fractional=False), roi, box, LEFT_HALF)
    assert set(np.unique(binary)) == {0.0, 1.0}


def test_mask_targets_of_whole_images():
    mask = np.zeros((8, 8), "uint8")
    mask[2:6, 2:6] = 255
    box = [0.25, 0.25, 0.75, 0.75]
    cut = _cut(_mask_head(mini_masks=False), box, box, mask)
    np.testing.assert_allclose(cut[1:3, 1:3], 1, atol=1e-5)
    assert cut.min() >= 0.5


def test_mask_shape_must_be_twice_the_pool():
    with pytest.raises(ValueError, match="twice MASK_POOL_SIZE"):
        _mask_head(mask_shape=(5, 4))
