"""Gaussian heatmaps: from a landmark to the map that a network should draw, and back.

Cell i of a map covers [i, i + 1] and stands for its centre, so a place p px on a crop of side S
and the place d in cells of a map of side s belong together by d + 0.5 = p * s / S. Nothing is
rounded on the way there; and the logarithm of a Gaussian is a parabola, so three cells along each
axis tell on the way back exactly where between the cells its top is (as Zhang et al. 2020, arXiv
1910.06278, do with a Taylor expansion).
"""

import numpy as np

# Least height of a cell whose logarithm is taken: what a network draws may be below 0.
_FLOOR = 1e-4


def gaussians(points, size, sigma, xp=np):
    """Maps with one peak of height 1 each.

    Args:
        points: [..., (x, y)] in cells, from the corner of the first one.
        size: s, cells along each side.
        sigma: standard deviation in cells.

    Returns:
        [..., s, s], rows first.
    """
    centres = (np.arange(size) + 0.5).astype("float32")
    columns, rows = (xp.exp(-0.5 * ((centres - points[..., axis, None]) / sigma) ** 2)
                     for axis in (0, 1))
    return rows[..., :, None] * columns[..., None, :]


def energy(sigma):
    """The sum over the cells of the square of a Gaussian that lies well inside its map."""
    return float(np.pi * sigma**2)


def peaks(maps, sigma, xp=np):
    """The place of the peak of each map.

    Args:
        maps: [batch, M, s, s].
        sigma: of the Gaussians that they were trained on, in cells; neighbours so far from the
            highest cell are looked at, where noise shifts the parabola least.

    Returns:
        [batch, M, (x, y, score)]: in cells, and the height of the peak, 0 to 1.
    """
    size, step = maps.shape[-1], max(1, round(sigma))
    flat = xp.reshape(maps, (-1, maps.shape[1], size * size))
    highest = xp.argmax(flat, axis=-1)
    row, column = highest // size, highest % size
    x = _top(flat, row * size, column, 1, size, step, xp)
    y = _top(flat, column, row, size, size, step, xp)
    score = xp.clip(xp.max(flat, axis=-1), 0.0, 1.0)
    return xp.stack([x, y, score], axis=-1)


def _top(flat, start, cell, stride, size, step, xp):
    """Top of the parabola through the logarithms of three cells along one axis, in cells."""
    middle = xp.clip(cell, step, size - 1 - step)  # the parabola is the same beside the peak
    index = xp.stack([start + (middle + side * step) * stride for side in (-1, 0, 1)], axis=-1)
    logs = xp.log(xp.maximum(xp.take_along_axis(flat, index, axis=-1), _FLOOR))
    slope = logs[..., 2] - logs[..., 0]
    bend = 2 * logs[..., 1] - logs[..., 2] - logs[..., 0]
    offset = step * slope / (2 * xp.maximum(bend, _FLOOR))
    start, place = _float(cell - middle, xp), _float(middle, xp)
    # No further from the highest cell than its neighbours, whatever the noise.
    return place + 0.5 + xp.clip(offset, start - 1.0, start + 1.0)


def _float(values, xp):
    return values.astype("float32") if xp is np else xp.cast(values, "float32")
