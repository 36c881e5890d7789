"""Keypoints moved, hidden and swapped."""

import numpy as np

from mrcnn import keypoints

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
