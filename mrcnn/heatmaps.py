"""Heatmaps of keypoints: from a point to the cells of a window, and back.

Both directions share one convention. Along each axis cell i of a heatmap covers [i, i + 1] and
stands for its centre, so the continuous c and the cell d belong together by c = d + 0.5. A point
between centres is spread bilinearly over the four nearest cells, and comes back as the expectation
around the peak: nothing is rounded. One cell alone (Mask R-CNN, section 5) loses a quarter of a
cell on average.

A window is the box of an object and a margin around it. Without one, points within half a cell of
the border would lie beyond the outer centres and be moved onto them; and garments have their
landmarks on their outline, just where a predicted box that is a little small cuts them off.

Functions take `xp`: NumPy, or `keras.ops` in the graph.
"""

import numpy as np

TARGETS = ("bilinear", "one_hot")
# Cells beyond the peak, along each axis, that the expectation looks at. The four cells of a
# bilinear target are never further than one from the largest of them, but a network that is not
# sure spreads over more.
RADIUS = 2


def windows(boxes, margin, xp=np):
    """Boxes with a margin on every side.

    Args:
        boxes: [..., (y1, x1, y2, x2)].
        margin: share of the box's own height and width.

    Returns:
        [..., 4].
    """
    low, high = boxes[..., :2], boxes[..., 2:]
    border = margin * (high - low)
    return xp.concatenate([low - border, high + border], axis=-1)


def encode(points, windows, size, targets="bilinear", xp=np):
    """The cells of points, and how much of each point they hold.

    Args:
        points: [..., (x, y)], in the units of the windows.
        windows: [..., (y1, x1, y2, x2)], one for each point, or to be broadcast.
        size: cells along each side of a heatmap.
        targets: "bilinear", or "one_hot" for the cell that the point is in.

    Returns:
        cells: int32 [..., 4], row * size + column.
        weights: [..., 4], 0 to 1, of sum 1.
        inside: bool [...], whether the point lies in its window; else cells mean nothing.
    """
    x, inside_x = _to_cells(points[..., 0], windows[..., 1], windows[..., 3], size, xp)
    y, inside_y = _to_cells(points[..., 1], windows[..., 0], windows[..., 2], size, xp)
    axes = [_neighbours(position, size, targets, xp) for position in (y, x)]
    (top, bottom_weight), (left, right_weight) = axes
    cells = xp.stack([(top + row) * size + left + column
                      for row in (0, 1) for column in (0, 1)], axis=-1)
    weights = xp.stack([row * column for row in (1 - bottom_weight, bottom_weight)
                        for column in (1 - right_weight, right_weight)], axis=-1)
    return cells, weights, xp.logical_and(inside_x, inside_y)


def _to_cells(position, low, high, size, xp):
    """Positions along an axis in cells, 0 to `size`, and whether they are within."""
    extent = high - low
    there = extent > 0
    cells = (position - low) / xp.where(there, extent, 1.0) * size
    inside = xp.logical_and(there, xp.logical_and(cells >= 0, cells <= size))
    return xp.where(inside, cells, 0.0), inside


def _neighbours(position, size, targets, xp):
    """The first of two neighbouring cells, int32, and the weight of the second."""
    if targets == "one_hot":
        # The second cell weighs nothing; the first is one of the last two at most.
        cell = xp.clip(xp.floor(position), 0, size - 1)
        first = xp.minimum(cell, size - 2)
        return _int32(first, xp), cell - first
    first = xp.clip(xp.floor(position - 0.5), 0, size - 2)
    return _int32(first, xp), xp.clip(position - 0.5 - first, 0.0, 1.0)


def _int32(values, xp):
    return values.astype("int32") if xp is np else xp.cast(values, "int32")


def decode(heatmaps, windows, xp=np):
    """The point that each heatmap shows.

    Args:
        heatmaps: [..., size, size] logits.
        windows: [..., (y1, x1, y2, x2)], one for each heatmap, or to be broadcast.

    Returns:
        [..., (x, y, score)]: in the units of the windows, and the probability of the cells around
        the peak, 0 to 1.
    """
    size = heatmaps.shape[-1]
    flat = xp.reshape(heatmaps, (*_leading(heatmaps, xp), size * size))
    peak = xp.argmax(flat, axis=-1)[..., None]
    index = np.arange(size * size)
    rows, columns = (index // size).astype("int32"), (index % size).astype("int32")
    peak = _int32(peak, xp)
    near = xp.logical_and(xp.abs(rows - peak // size) <= RADIUS,
                          xp.abs(columns - peak % size) <= RADIUS)
    probs = xp.exp(flat - xp.max(flat, axis=-1, keepdims=True))
    around = xp.where(near, probs, 0.0)
    mass = xp.sum(around, axis=-1)
    x = xp.sum(around * (columns + 0.5).astype("float32"), axis=-1) / mass / size
    y = xp.sum(around * (rows + 0.5).astype("float32"), axis=-1) / mass / size
    low_y, low_x, high_y, high_x = (windows[..., i] for i in range(4))
    return xp.stack([low_x + x * (high_x - low_x), low_y + y * (high_y - low_y),
                     mass / xp.sum(probs, axis=-1)], axis=-1)


def _leading(heatmaps, xp):
    """All dimensions of heatmaps but the last two; a free batch dimension as -1."""
    return [-1 if n is None else n for n in heatmaps.shape[:-2]]
