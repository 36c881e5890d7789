"""Where points go in a warp of which is only known how it moves maps.

Two maps hold the coordinates of every pixel, a third says that there is a pixel. The warp moves
them as it moves the picture; afterwards each pixel tells where it came from, and a point is where a
pixel came from its place.
"""

import numpy as np

# A pixel of which less came from within the picture says nothing.
LEAST_WITHIN = 0.5
# So many pixels from the centre of the one that shows it a place may lie, along each axis; half of
# one would do if maps did not bend.
NEAR_PX = 1.0
FAR_PX = -1e6


def coordinate_maps(shape):
    """Maps [height, width, (x, y, there)] float32, 0 to 1, of a picture (height, width)."""
    height, width = shape
    maps = np.ones((height, width, 3), np.float32)
    maps[..., 0] = (np.arange(width) + 0.5) / width
    maps[..., 1] = (np.arange(height)[:, None] + 0.5) / height
    return maps


def follow(points, maps):
    """Follow points through a warp: 2 ms each on a megapixel.

    Args:
        points: [N, (x, y)] px before it.
        maps: [height, width, 3], `coordinate_maps` after it.

    Returns:
        points: [N, (x, y)] px after it.
        there: [N] bool, whether a pixel shows the place; where none does, coordinates mean nothing.
    """
    height, width = maps.shape[:2]
    within = maps[..., 2] > LEAST_WITHIN
    share = np.where(within, maps[..., 2], 1)
    origins = np.stack([np.where(within, side * maps[..., i] / share, np.float32(FAR_PX))
                        for i, side in enumerate((width, height))])
    found = [_find(np.asarray(point), origins) for point in points]
    return (np.reshape([place for place, _ in found], (-1, 2)),
            np.array([there for _, there in found], bool))


def _find(point, origins):
    """Place of one point by the pixel whose origin [(x, y), height, width] is nearest to it.

    Returns the place (x, y), and whether the pixel shows it.
    """
    squares = (origins[0] - point[0]) ** 2 + (origins[1] - point[1]) ** 2
    row, column = np.unravel_index(squares.argmin(), squares.shape)
    away = point - origins[:, row, column]
    slopes = np.stack([_slope(origins[:, row], column), _slope(origins[..., column], row)], axis=1)
    reach = NEAR_PX * np.maximum(np.abs(slopes).sum(axis=1), 1)
    step = np.linalg.lstsq(slopes, away, rcond=None)[0]
    return np.array([column, row]) + 0.5 + np.clip(step, -1, 1), bool((np.abs(away) <= reach).all())


def _slope(origins, place):
    """How origins [(x, y), n] change by one pixel: the lesser change, which crosses no seam."""
    changes = np.diff(origins[:, max(place - 1, 0):place + 2], axis=1)
    return changes[:, np.abs(changes).sum(axis=0).argmin()]
