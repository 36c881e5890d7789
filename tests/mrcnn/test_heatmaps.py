"""From points to cells and back: nothing is lost on the way."""

import numpy as np
import pytest
from keras import ops

from mrcnn import heatmaps

SIZE = 56


def dense(cells, weights, size=SIZE):
    """Targets [N, size, size] of cells and weights [N, 4]."""
    maps = np.zeros((len(cells), size * size))
    for row, (own, weight) in enumerate(zip(cells, weights, strict=True)):
        np.add.at(maps[row], own, weight)
    return maps.reshape(-1, size, size)


def logits_of(targets):
    """Logits whose softmax is the target."""
    return np.log(np.maximum(targets, 1e-9))


def random_case(seed, count=2000):
    """Boxes of all sizes and places, and a point inside each."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(-50, 1000, (count, 2))
    boxes = np.concatenate([low, low + 10 ** rng.uniform(-1, 3, (count, 2))], axis=1)
    share = rng.uniform(0, 1, (count, 2))
    points = boxes[:, 1::-1] + share * (boxes[:, :1:-1] - boxes[:, 1::-1])
    return boxes, points


def error_in_cells(decoded, points, windows):
    sides = (windows[:, 2:] - windows[:, :2])[:, ::-1] / SIZE
    return np.abs((decoded[:, :2] - points) / sides).max()


def test_there_and_back():
    boxes, points = random_case(0)
    windows = heatmaps.windows(boxes, 0.1)
    cells, weights, inside = heatmaps.encode(points, windows, SIZE)
    assert inside.all()
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    decoded = heatmaps.decode(logits_of(dense(cells, weights)), windows)
    assert error_in_cells(decoded, points, windows) < 0.05
    np.testing.assert_allclose(decoded[:, 2], 1, atol=1e-4)


def test_one_cell_alone_loses_a_quarter_of_a_cell():
    boxes, points = random_case(1)
    windows = heatmaps.windows(boxes, 0.1)
    cells, weights, _ = heatmaps.encode(points, windows, SIZE, "one_hot")
    assert set(np.unique(weights)) == {0, 1}
    decoded = heatmaps.decode(logits_of(dense(cells, weights)), windows)
    sides = (windows[:, 2:] - windows[:, :2])[:, ::-1] / SIZE
    errors = np.abs((decoded[:, :2] - points) / sides)
    assert errors.max() <= 0.5 + 1e-6
    assert 0.23 < errors.mean() < 0.27


def test_by_hand():
    """A window of 8 x 8 px, 4 cells a side: x = 3 px is 1.5 cells, the centre of cell 1."""
    window = np.array([[10.0, 20.0, 18.0, 28.0]])  # y1, x1, y2, x2
    cells, weights, inside = heatmaps.encode(np.array([[23.0, 14.0]]), window, 4)
    # y = 4 px is 2.0 cells, halfway between the centres of cells 1 and 2.
    target = dense(cells, weights, 4)[0]
    expected = np.zeros((4, 4))
    expected[1, 1] = expected[2, 1] = 0.5
    np.testing.assert_allclose(target, expected)
    assert inside.all()
    one = heatmaps.encode(np.array([[27.9, 10.1]]), window, 4, "one_hot")
    assert dense(*one[:2], 4)[0, 0, 3] == 1


@pytest.mark.parametrize("point", [(19.9, 14), (28.1, 14), (23, 9.9), (23, 18.1)])
def test_points_beyond_the_window_are_not_inside(point):
    window = np.array([[10.0, 20.0, 18.0, 28.0]])
    assert not heatmaps.encode(np.array([point], float), window, 4)[2].any()


def test_a_window_without_area_holds_no_point():
    cells, weights, inside = heatmaps.encode(np.zeros((1, 2)), np.zeros((1, 4)), 4)
    assert not inside.any()
    assert np.isfinite(weights).all() and (cells >= 0).all() and (cells < 16).all()


def test_the_expectation_looks_around_the_peak_only():
    """A second, lower hill far away does not pull the point."""
    logits = np.full((1, 9, 9), -20.0)
    logits[0, 2, 2], logits[0, 2, 3], logits[0, 7, 7] = 0.0, np.log(0.5), -0.1
    decoded = heatmaps.decode(logits, np.array([[0.0, 0.0, 9.0, 9.0]]))[0]
    np.testing.assert_allclose(decoded[:2], [2.5 + 1 / 3, 2.5], atol=1e-6)
    np.testing.assert_allclose(decoded[2], 1.5 / (1.5 + np.exp(-0.1)), rtol=1e-6)


def test_the_graph_computes_what_numpy_does():
    boxes, points = random_case(2, 50)
    windows = heatmaps.windows(boxes, 0.1).astype("float32")
    points = points.astype("float32")
    in_numpy = heatmaps.encode(points, windows, SIZE)
    in_graph = heatmaps.encode(
        ops.convert_to_tensor(points), ops.convert_to_tensor(windows), SIZE, xp=ops)
    same = dense(*in_numpy[:2]), dense(*map(ops.convert_to_numpy, in_graph[:2]))
    np.testing.assert_allclose(*same, atol=1e-3)  # float32 of a thousand pixels
    logits = logits_of(same[0]).astype("float32")
    np.testing.assert_allclose(
        ops.convert_to_numpy(heatmaps.decode(
            ops.convert_to_tensor(logits), ops.convert_to_tensor(windows), ops)),
        heatmaps.decode(logits, windows), rtol=1e-4, atol=1e-3)
