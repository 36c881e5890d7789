"""Keypoints moved, hidden, swapped, spread over all classes', and there and back again."""

import numpy as np
import pytest

from mrcnn import boxes, heatmaps, keypoints
from mrcnn.data import mold

POINTS = np.array([[[2, 3, 2], [10, 4, 1], [0, 0, 0]]], np.float32)


def test_move_leaves_absent_points_at_zero():
    moved = keypoints.move(POINTS, [[2, 0, 1], [0, 3, -1]])
    np.testing.assert_array_equal(moved, [[[5, 8, 2], [21, 11, 1], [0, 0, 0]]])
    assert POINTS[0, 0, 0] == 2  # the argument is untouched


def test_points_outside_are_no_longer_there():
    hidden = keypoints.hide_outside(POINTS, (20, 9))
    np.testing.assert_array_equal(hidden, [[[2, 3, 2], [0, 0, 0], [0, 0, 0]]])


def test_swap_twice_is_nothing():
    once = keypoints.swap(POINTS[0], [1, 0, 2])
    np.testing.assert_array_equal(once[0], POINTS[0, 1])
    np.testing.assert_array_equal(keypoints.swap(once, [1, 0, 2]), POINTS[0])


def test_a_classs_own_keypoints_are_spread_over_all():
    of_classes = keypoints.of_classes([(0, 2), (2, 3), (5, 0)], 4, 6)
    np.testing.assert_array_equal(of_classes.exists.sum(axis=1), [0, 2, 3, 0])
    own = np.arange(1.0, 19).reshape(3, 3, 2)
    spread = of_classes.spread(own, np.array([2, 1, 3]))
    expected = np.zeros((3, 6, 2))
    expected[0, 2:5] = [(1, 2), (3, 4), (5, 6)]
    expected[1, :2] = [(7, 8), (9, 10)]  # the third that the network gives is none of the class
    np.testing.assert_array_equal(spread, expected)


@pytest.mark.parametrize("convention", boxes.CONVENTIONS)
@pytest.mark.parametrize("mode", ["square", "pad64", "crop"])
def test_to_heatmaps_and_back_to_the_photo_nothing_is_lost(mode, convention):
    plan = mold.plan((333, 480), mode, min_dim=128, max_dim=256, rng=np.random.default_rng(0))
    rng = np.random.default_rng(1)
    points = mold.unmold_points(rng.uniform(60, 100, (9, 2)), plan)  # of the photo
    window = boxes.normalise(np.array([50, 40, 110, 120.0]), plan.shape, convention)
    there = boxes.normalise_points(mold.mold_points(points, plan), plan.shape, convention)
    cells, weights, inside = heatmaps.encode(there, window, 56)
    maps = np.full((9, 56 * 56), -np.inf)
    np.put_along_axis(maps, cells, np.log(weights), axis=1)
    decoded = heatmaps.decode(maps.reshape(9, 56, 56), np.broadcast_to(window, (9, 4)))
    back = mold.unmold_points(
        boxes.denormalise_points(decoded[:, :2], plan.shape, convention), plan)
    assert inside.all() and np.ptp(points, axis=0).min() > 20
    np.testing.assert_allclose(back, points, atol=1e-10)
