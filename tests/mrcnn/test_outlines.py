"""Outlines lie where marching squares, as scikit-image has them, put them."""

import cv2
import numpy as np
import pytest
from skimage.measure import find_contours

from mrcnn.outlines import level_lines, outlines


def area_and_length(lines):
    steps = [(line[:-1], line[1:]) for line in lines]
    areas = [abs(np.sum(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])) / 2 for a, b in steps]
    return len(lines), sum(areas), sum(np.linalg.norm(b - a, axis=1).sum() for a, b in steps)


def noise(seed, spread):
    values = np.random.default_rng(seed).random((40, 50))
    return cv2.blur(values, (2 * spread + 1, 2 * spread + 1))


def test_outlines_lie_on_the_border_of_the_bitmap():
    mask = np.zeros((20, 20), bool)
    mask[5:10, 6:8] = True
    line, = outlines(mask)
    assert line.min(0).tolist() == [6, 5] and line.max(0).tolist() == [8, 10]
    assert (line[0] == line[-1]).all() and len(line) == 9  # corners are cut
    assert outlines(np.zeros((20, 20), bool)) == []


@pytest.mark.parametrize("spread", [0, 1, 2])
def test_outlines_are_those_of_marching_squares(spread):
    mask = noise(spread, spread) > 0.5
    theirs = find_contours(np.pad(mask, 1).astype(float), 0.5, fully_connected="high")
    np.testing.assert_allclose(area_and_length(outlines(mask)), area_and_length(theirs))


@pytest.mark.parametrize("spread", [0, 1, 2])
@pytest.mark.parametrize("level", [0.5, 0.45])
def test_level_lines_are_those_of_marching_squares(spread, level):
    values = noise(spread, spread)
    theirs = find_contours(np.pad(values, 1), level, fully_connected="high")
    np.testing.assert_allclose(area_and_length(level_lines(values, level)),
                               area_and_length(theirs))


def test_level_lines_follow_a_slanted_edge_without_steps():
    rows, columns = np.indices((40, 60)) + 0.5
    values = np.clip(0.5 + (20.3 + 0.1 * columns - rows) / 4, 0, 1)
    line, = level_lines(values)
    edge = line[(line[:, 0] > 1) & (line[:, 0] < 59) & (line[:, 1] > 1)]
    np.testing.assert_allclose(edge[:, 1], 20.3 + 0.1 * edge[:, 0], atol=1e-9)


def test_a_bitmap_is_the_level_line_of_itself():
    mask = noise(3, 2) > 0.5
    np.testing.assert_allclose(area_and_length(level_lines(mask.astype(float))),
                               area_and_length(outlines(mask)))
    assert level_lines(np.zeros((0, 5))) == level_lines(np.zeros((5, 5))) == []
