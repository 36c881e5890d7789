import math

import numpy as np
import pytest

from mrcnn import boxes

STD_DEV = np.array([0.1, 0.1, 0.2, 0.2])


def random_boxes(count, seed=0, size=1.0):
    rng = np.random.default_rng(seed)
    low, sides = rng.uniform(0, 0.6, (count, 2)), rng.uniform(0.05, 0.4, (count, 2))
    return np.float32(size * np.concatenate([low, low + sides], axis=-1))


def test_area_by_hand():
    table = np.array([[1, 2, 4, 8], [0, 0, 0, 0], [4, 4, 2, 2]], np.float32)
    np.testing.assert_array_equal(boxes.area(table), [18, 0, 0])


def test_valid_is_false_for_padding_inverted_boxes_and_nan():
    table = [[0, 0, 1, 1], [0, 0, 0, 0], [3, 3, 1, 1], [1, 1, 1, 5], [0, 0, np.nan, 1]]
    np.testing.assert_array_equal(boxes.valid(np.array(table)), [True, False, False, False, False])


def test_iou_by_hand():
    a = np.array([[0, 0, 2, 2], [0, 0, 1, 1]], np.float32)
    b = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [5, 5, 6, 6], [0, 0, 2, 1]], np.float32)
    expected = [[1, 1 / 7, 0, 1 / 2], [1 / 4, 0, 0, 1 / 2]]
    np.testing.assert_allclose(boxes.iou(a, b), expected, rtol=1e-6)


def test_iou_of_boxes_without_area_is_zero():
    empty = np.zeros((1, 4), np.float32)
    point = np.array([[3, 3, 3, 3]], np.float32)
    inverted = np.array([[4, 4, 2, 2]], np.float32)
    table = np.concatenate([empty, point, inverted, [[0, 0, 5, 5]]])
    overlaps = boxes.iou(table, table)
    np.testing.assert_array_equal(overlaps, np.diag([0, 0, 0, 1]))


def test_iou_keeps_leading_axes_apart():
    a, b = random_boxes(6).reshape(2, 3, 4), random_boxes(8, seed=1).reshape(2, 4, 4)
    overlaps = boxes.iou(a, b)
    assert overlaps.shape == (2, 3, 4)
    np.testing.assert_array_equal(overlaps[1], boxes.iou(a[1], b[1]))


def test_encode_by_hand():
    box, gt_box = np.array([10.0, 10.0, 30.0, 50.0]), np.array([15.0, 10.0, 55.0, 30.0])
    deltas = boxes.encode(box, gt_box, STD_DEV)  # heights 20 and 40, widths 40 and 20
    expected = [15 / 20 / 0.1, -10 / 40 / 0.1, math.log(2) / 0.2, math.log(0.5) / 0.2]
    np.testing.assert_allclose(deltas, expected, rtol=1e-6)


def test_decode_undoes_encode():
    table, gt_boxes = random_boxes(50), random_boxes(50, seed=1)
    deltas = boxes.encode(table, gt_boxes, STD_DEV)
    np.testing.assert_allclose(boxes.decode(table, deltas, STD_DEV), gt_boxes, atol=1e-5)


def test_encode_of_boxes_without_area_is_finite_in_float32():
    empty, whole = np.zeros((1, 4), np.float32), np.ones((1, 4), np.float32)
    for box, gt_box in ((empty, whole), (whole, empty), (empty, empty), (-whole, whole)):
        deltas = boxes.encode(box, gt_box, STD_DEV)
        assert deltas.dtype == np.float32
        assert np.isfinite(deltas).all()


def test_decode_bounds_the_growth_and_keeps_padding_empty():
    box = np.array([[0, 0, 16, 16]], np.float32)
    deltas = np.array([[0, 0, 1e6, 1e6]], np.float32)
    grown = boxes.decode(box, deltas, STD_DEV)
    np.testing.assert_allclose(grown[0, 2:] - grown[0, :2], 1000, rtol=1e-5)
    assert not boxes.decode(np.zeros_like(box), deltas, STD_DEV).any()


def test_clip_to_one_window_and_to_one_an_image():
    table = np.array([[-5, 2, 20, 8], [30, 30, 40, 40]], np.float32)
    expected = [[0, 2, 10, 8], [10, 12, 10, 12]]
    np.testing.assert_array_equal(boxes.clip(table, (0, 0, 10, 12)), expected)
    windows = np.array([[[0, 0, 10, 12]], [[0, 0, 50, 35]]], np.float32)
    clipped = boxes.clip(np.stack([table, table]), windows)
    np.testing.assert_array_equal(clipped[0], expected)
    np.testing.assert_array_equal(clipped[1], [[0, 2, 20, 8], [30, 30, 40, 35]])


def test_normalise_by_hand():
    box = np.array([0.0, 0.0, 101.0, 51.0])
    np.testing.assert_allclose(boxes.normalise(box, (101, 51)), [0, 0, 1, 1])
    np.testing.assert_allclose(boxes.normalise(box, (101, 51), "corners"), [0, 0, 1, 1])
    pixel = np.array([10.0, 10.0, 11.0, 11.0])  # in corners a pixel is a point
    np.testing.assert_allclose(
        boxes.normalise(pixel, (101, 51), "corners"), [0.1, 0.2, 0.1, 0.2], rtol=1e-6
    )


@pytest.mark.parametrize("convention", boxes.CONVENTIONS)
def test_denormalise_undoes_normalise_without_rounding(convention):
    boxes_px = random_boxes(20, size=300.0)
    table = boxes.normalise(boxes_px, (300, 480), convention)
    back = boxes.denormalise(table, (300, 480), convention)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, boxes_px, atol=1e-3)


def test_normalise_points_by_hand():
    points = np.array([(0.5, 0.5), (25.5, 50.5), (51, 101)])  # centre of the first pixel, ..., edge
    np.testing.assert_allclose(
        boxes.normalise_points(points, (101, 51)), points / (51, 101), rtol=1e-12)
    np.testing.assert_allclose(  # half a pixel less, of a size less by one
        boxes.normalise_points(points, (101, 51), "corners"), [(0, 0), (0.5, 0.5), (1.01, 1.005)],
        rtol=1e-12)
    middle = boxes.normalise(np.array([10, 20, 11, 21]), (101, 51), "corners")
    np.testing.assert_allclose(
        boxes.normalise_points(np.array([20.5, 10.5]), (101, 51), "corners"), middle[1::-1])


@pytest.mark.parametrize("convention", boxes.CONVENTIONS)
def test_denormalise_points_undoes_normalise_points(convention):
    points = np.random.default_rng(0).uniform(-20, 500, (3, 5, 2))
    there = boxes.normalise_points(points, (300, 480), convention)
    back = boxes.denormalise_points(there, (300, 480), convention)
    np.testing.assert_allclose(back, points, atol=1e-12)


def test_unknown_convention_names_the_known_ones():
    with pytest.raises(ValueError, match=r"aligned.*corners.*'corner'"):
        boxes.normalise(random_boxes(1), (10, 10), "corner")


def test_graph_code_gets_the_same_from_keras_ops():
    ops = pytest.importorskip("keras").ops
    a, b, window = random_boxes(7), random_boxes(7, seed=1), np.float32([0.1, 0.1, 0.7, 0.8])
    deltas = boxes.encode(a, b, STD_DEV)
    for function, arguments in (
        (boxes.area, (a,)),
        (boxes.valid, (a,)),
        (boxes.iou, (a, b)),
        (boxes.encode, (a, b, STD_DEV)),
        (boxes.decode, (a, deltas, STD_DEV)),
        (boxes.clip, (a, window)),
        (boxes.normalise, (a, (20, 30), "corners")),
        (boxes.denormalise, (a, (20, 30), "corners")),
        (boxes.normalise_points, (a[:, :2], (20, 30), "corners")),
        (boxes.denormalise_points, (a[:, :2], (20, 30), "corners")),
    ):
        tensors = [ops.convert_to_tensor(arguments[0]), *arguments[1:]]
        result = ops.convert_to_numpy(function(*tensors, xp=ops))
        expected = function(*arguments)
        assert result.dtype == expected.dtype
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)
