import numpy as np
from keras import ops

from mrcnn import boxes
from mrcnn.rpn import AnchorTargets, match_anchors

STD_DEV = (0.1, 0.1, 0.2, 0.2)


def _match(iou, class_ids):
    parts = match_anchors(ops.convert_to_tensor(np.float32([iou])), np.int32([class_ids]))
    return [ops.convert_to_numpy(part)[0] for part in parts]


def test_thresholds():
    positive, negative, index = _match(
        [[0.8, 0.1], [0.5, 0.1], [0.2, 0.1], [0.0, 0.9]], [1, 2])
    assert positive.tolist() == [True, False, False, True]
    assert negative.tolist() == [False, False, True, False]
    assert index[[0, 3]].tolist() == [0, 1]


def test_best_anchor_is_matched_to_the_object_that_forced_it():
    # Anchor 0 lies better on object 0, but is all that object 1 has.
    positive, _, index = _match([[0.6, 0.4], [0.65, 0.1]], [1, 1])
    assert positive.tolist() == [True, True]
    assert index.tolist() == [1, 0]


def test_an_object_that_meets_no_anchor_forces_none():
    positive, negative, _ = _match([[0.0, 0.8], [0.0, 0.0]], [1, 1])
    assert positive.tolist() == [True, False]
    assert negative.tolist() == [False, True]


def test_ties_are_all_positive():
    positive, _, _ = _match([[0.4], [0.4], [0.1]], [1])
    assert positive.tolist() == [True, True, False]


def test_crowds_and_padding():
    # Object 1 is a crowd, object 2 padding: neither makes positives, the crowd spares negatives.
    positive, negative, _ = _match([[0.8, 0, 0], [0, 0.9, 0], [0, 0, 0.9]], [1, -1, 0])
    assert positive.tolist() == [True, False, False]
    assert negative.tolist() == [False, False, True]


def _anchors(count=40):
    rng = np.random.default_rng(1)
    corner = rng.uniform(0, 0.6, (count, 2))
    size = rng.uniform(0.05, 0.4, (count, 2))
    return np.concatenate([corner, corner + size], axis=1).astype("float32")


def test_draw_is_filled_with_negatives_and_encodes_positives():
    anchors = _anchors()
    layer = AnchorTargets(anchors, np.ones(40, bool), STD_DEV, 16)
    gt_boxes = np.float32([[anchors[3] + 0.01, anchors[7], [0, 0, 0, 0]]])
    targets = layer(np.int32([[2, 1, 0]]), gt_boxes)
    targets = {name: ops.convert_to_numpy(value)[0] for name, value in targets.items()}
    count = int(targets["positive"].sum())
    assert 2 <= count <= 8 and targets["valid"].sum() == 16
    assert targets["valid"][:count].all() and not targets["valid"][count:8].any()
    chosen = targets["indices"][:count]
    assert {3, 7} <= set(chosen)
    iou = boxes.iou(anchors[chosen], gt_boxes[0, :2])
    decoded = boxes.decode(anchors[chosen], targets["deltas"][:count], STD_DEV)
    np.testing.assert_allclose(decoded, gt_boxes[0][iou.argmax(axis=1)], atol=1e-5)
    negatives = targets["indices"][8:][targets["valid"][8:] > 0]
    assert len(set(negatives)) == len(negatives)
    assert boxes.iou(anchors[negatives], gt_boxes[0, :2]).max() < 0.3


def test_without_objects_all_are_negative():
    layer = AnchorTargets(_anchors(), np.ones(40, bool), STD_DEV, 16)
    targets = layer(np.zeros((1, 3), "int32"), np.zeros((1, 3, 4), "float32"))
    assert ops.convert_to_numpy(targets["valid"]).sum() == 16
    assert ops.convert_to_numpy(targets["positive"]).sum() == 0
    assert np.isfinite(ops.convert_to_numpy(targets["deltas"])).all()


def test_anchors_outside_the_border_do_not_train():
    inside = np.zeros(40, bool)
    inside[:5] = True
    layer = AnchorTargets(_anchors(), inside, STD_DEV, 16)
    targets = layer(np.zeros((1, 3), "int32"), np.zeros((1, 3, 4), "float32"))
    valid = ops.convert_to_numpy(targets["valid"])[0] > 0
    assert set(ops.convert_to_numpy(targets["indices"])[0][valid]) == {0, 1, 2, 3, 4}
