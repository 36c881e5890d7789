import keras
import numpy as np
import pytest

from mrcnn.layers import nms
from tests.mrcnn.layer_harness import check_layer

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
IMPLEMENTATIONS = [
    pytest.param(
        nms.suppress_with_kernel,
        id="kernel",
        marks=pytest.mark.skipif(not ON_TENSORFLOW, reason="the kernel is TensorFlow's"),
    ),
    pytest.param(nms.suppress_with_ops, id="ops"),
]


@pytest.fixture(params=IMPLEMENTATIONS)
def suppress(request, monkeypatch):
    """`non_max_suppression`, resting on one implementation and then the other."""
    used = "suppress_with_kernel" if ON_TENSORFLOW else "suppress_with_ops"
    monkeypatch.setattr(nms, used, request.param)

    def run(*arguments, **options):
        indices, valid = nms.non_max_suppression(*arguments, **options)
        assert keras.backend.standardize_dtype(indices.dtype) == "int32"
        return keras.ops.convert_to_numpy(indices), keras.ops.convert_to_numpy(valid)

    return run


def random_case(seed, batch=3, count=200):
    """Crowded boxes with ties in the scores, some boxes without area and some inverted."""
    rng = np.random.default_rng(seed)
    centers, sides = rng.uniform(0, 1, (batch, count, 2)), rng.uniform(0.1, 0.4, (batch, count, 2))
    boxes = np.concatenate([centers - sides / 2, centers + sides / 2], axis=-1)
    boxes[:, 0:20:4, 2] = boxes[:, 0:20:4, 0]
    boxes[:, 1:20:4] = boxes[:, 1:20:4, [2, 3, 0, 1]]
    boxes[:, 2:40:4] = boxes[:, 3:40:4]  # equal boxes
    scores = rng.integers(0, 30, (batch, count)) / 30
    return boxes.astype(np.float32), scores.astype(np.float32)


def by_hand(boxes, scores, max_output, iou_threshold):
    """Greedy suppression of one image in plain Python."""
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if len(kept) < max_output and all(
            overlap(boxes[i], boxes[j]) <= iou_threshold for j in kept
        ):
            kept.append(i)
    return kept


def overlap(a, b):
    height, width = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    intersection = max(height, 0) * max(width, 0)
    union = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - intersection
    return intersection / union


def test_same_as_by_hand(suppress):
    rng = np.random.default_rng(5)
    low = rng.uniform(0, 1, (1, 60, 2))
    boxes = np.concatenate([low, low + rng.uniform(0.1, 0.4, (1, 60, 2))], -1).astype("float32")
    scores = rng.uniform(0, 1, (1, 60)).astype("float32")
    indices, valid = suppress(boxes, scores, 30, 0.4)
    expected = by_hand(boxes[0], scores[0], 30, 0.4)
    np.testing.assert_array_equal(indices[0, valid[0]], expected)


@pytest.mark.parametrize("max_output", [5, 60])
@pytest.mark.parametrize("iou_threshold", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("score_threshold", [None, 0.6])
def test_same_as_tensorflow(suppress, max_output, iou_threshold, score_threshold):
    tf = pytest.importorskip("tensorflow")
    boxes, scores = random_case(seed=max_output)
    indices, valid = suppress(boxes, scores, max_output, iou_threshold, score_threshold)
    assert indices.shape == valid.shape == (3, max_output)
    floor = -np.inf if score_threshold is None else score_threshold
    for i in range(3):
        expected = tf.image.non_max_suppression(
            boxes[i], scores[i], max_output, iou_threshold, floor
        )
        np.testing.assert_array_equal(indices[i, valid[i]], expected)
        assert not indices[i, ~valid[i]].any(), "padding is index 0"
        assert valid[i].tolist() == sorted(valid[i], reverse=True), "padding stands at the end"


def test_scores_that_are_not_finite_are_never_kept(suppress):
    boxes = np.tile(np.arange(5, dtype=np.float32)[:, None], (2, 1, 4)) + [0, 0, 1, 1]
    scores = np.array([[np.nan, 0.1, -np.inf, 0.3, np.inf], [-np.inf] * 5], np.float32)
    indices, valid = suppress(boxes, scores, 6, 0.5)
    np.testing.assert_array_equal(valid.sum(axis=1), [2, 0])
    np.testing.assert_array_equal(indices[0, :2], [3, 1])


def test_negative_scores_and_boxes_beyond_the_image_are_ordinary(suppress):
    boxes = np.array([[[-3, -3, 0, 0], [-3, -3, 0, -0.1], [5, 5, 9, 9]]], np.float32)
    indices, valid = suppress(boxes, np.array([[-5, -4, -6]], np.float32), 3, 0.5)
    np.testing.assert_array_equal(indices, [[1, 2, 0]])
    np.testing.assert_array_equal(valid, [[True, True, False]])


def test_fewer_boxes_than_asked_for(suppress):
    boxes, scores = random_case(seed=0, count=44)
    indices, valid = suppress(boxes, scores, 60, 1.0)
    assert indices.shape == (3, 60)
    assert (valid.sum(axis=1) == 44).all()


def test_half_precision_input_is_computed_in_float32(suppress):
    boxes, scores = random_case(seed=1)
    halves = boxes.astype("float16"), scores.astype("float16")
    for got, expected in zip(
        suppress(*halves, 50, 0.5),
        suppress(halves[0].astype("float32"), halves[1].astype("float32"), 50, 0.5),
        strict=True,
    ):
        np.testing.assert_array_equal(got, expected)


class Suppress(keras.layers.Layer):
    """Suppression inside a layer, as the network has it."""

    def call(self, boxes, scores):
        indices, valid = nms.non_max_suppression(boxes, scores, 20, 0.5, 0.2)
        return keras.ops.where(valid, indices, -1)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_inside_a_compiled_model(implementation, monkeypatch):
    used = "suppress_with_kernel" if ON_TENSORFLOW else "suppress_with_ops"
    monkeypatch.setattr(nms, used, implementation)
    boxes, scores = random_case(seed=2, batch=2)
    kept = check_layer(Suppress, (boxes, scores))
    assert kept.shape == (2, 20)
    assert (kept[:, 0] >= 0).all()
