"""Outlines of masks at fractions of a pixel, for drawing and for files.

Coordinates are continuous pixels: pixel i covers [i, i + 1], its centre lies at i + 0.5.
"""

import cv2
import numpy as np


def outlines(mask):
    """Outlines of a bitmap, halfway between its pixels and those around it, holes too.

    These are the lines of marching squares at level 0.5, as skimage.measure.find_contours gives
    them but in less time and without points on straight runs. Pixels that touch at a corner are
    joined.

    Args:
        mask: [H, W] bool; objects that touch the border are closed along it.

    Returns:
        list of [V, (x, y)] px, closed: the last point is the first.
    """
    top, left, inside = window(mask)
    lines = _borders(inside, cv2.CHAIN_APPROX_SIMPLE)
    return [(_closed(line) - 1) / 2 + (left, top) for line in lines]


def level_lines(values, level=0.5):
    """Lines where a picture of values crosses a level, by linear interpolation between pixels.

    On a mask of probabilities they are smooth where the outline of its bitmap has steps. Holes
    and corners are as with `outlines`.

    Args:
        values: [H, W] float, at the centres of the pixels; around them is 0.
        level: greater than 0.

    Returns:
        list of [V, (x, y)] px, closed: the last point is the first.
    """
    values = np.pad(values, 1)
    lines = []
    for nodes in _borders(values[1:-1, 1:-1] >= level, cv2.CHAIN_APPROX_NONE):
        # Between two pixels, not at a centre and not where four of them meet.
        nodes = nodes[(nodes[:, 0] + nodes[:, 1]) & 1 == 1]
        low, high = nodes >> 1, (nodes + 1) >> 1
        before, after = values[low[:, 1], low[:, 0]], values[high[:, 1], high[:, 0]]
        share = (level - before) / (after - before)
        lines.append(_closed(low + share[:, None] * (nodes & 1)) - 0.5)
    return lines


def window(mask):
    """First row, first column and bitmap of the smallest part of a mask that holds all of it."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return 0, 0, mask[:0, :0]
    return rows[0], columns[0], mask[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]


def _borders(inside, how):
    """Borders of a bitmap as nodes [V, (x, y)] of a grid twice as fine, node n at (n - 1) / 2 px.

    Args:
        inside: [H, W] bool.
        how: `cv2.CHAIN_APPROX_NONE` or `_SIMPLE`, without the nodes on straight runs.
    """
    # The blur is the bilinear interpolation between pixel centres, which are the even nodes from
    # 2 on; a full pixel comes to 4. All in one array: to fetch memory costs more than to count.
    grid = np.zeros((2 * inside.shape[0] + 3, 2 * inside.shape[1] + 3), np.uint8)
    np.multiply(inside.view(np.uint8), 16, out=grid[2:-1:2, 2:-1:2])
    cv2.GaussianBlur(grid, (3, 3), 0, dst=grid)
    cv2.threshold(grid, 1, 1, cv2.THRESH_BINARY, dst=grid)
    return [line[:, 0] for line in cv2.findContours(grid, cv2.RETR_LIST, how)[0]]


def _closed(line):
    return np.concatenate([line, line[:1]])
