"""Plane geometry for figures and cloth: smooth curves, walks along limbs, points beside them.

Points are `[n, (x, y)]` float arrays with y pointing down. `side` is -1 for the left half of the
picture and +1 for the right half.
"""

import numpy as np


def direction(side, angle):
    """Unit vector `angle` radians away from straight down, outwards on `side`."""
    return np.array([side * np.sin(angle), np.cos(angle)])


def _spline_weights(steps):
    """[steps, 4] Catmull-Rom weights of the four points around a segment."""
    t = np.arange(steps)[:, None] / steps
    return (
        np.hstack(
            [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3]
        )
        / 2
    )


_STEPS = 5
_WEIGHTS = _spline_weights(_STEPS)


def curve(points):
    """Catmull-Rom curve through `points` [n, 2] with open ends: [5 (n - 1) + 1, 2]."""
    points = np.asarray(points, float)
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    windows = np.stack([padded[i : i + len(points) - 1] for i in range(4)])  # [4, n - 1, 2]
    smooth = np.einsum("sk,kni->nsi", _WEIGHTS, windows).reshape(-1, 2)
    return np.concatenate([smooth, points[-1:]])


def lengths(points):
    """[n] distance walked along the polyline to each of its points."""
    steps = np.hypot(*np.diff(np.asarray(points, float), axis=0).T)
    return np.concatenate([[0.0], np.cumsum(steps)])


def fractions(points):
    """[n] share of the polyline's length walked at each of its points, 0 to 1."""
    walked = lengths(points)
    return walked / walked[-1]


def walk(chain, distances):
    """Positions and headings at `distances` along a polyline.

    Beyond the last point the walk goes straight on. Around a bend the heading turns gradually, so
    that points beside the limb do not jump.

    Returns:
        Positions [n, 2] and unit headings [n, 2].
    """
    chain = np.asarray(chain, float)
    distances = np.asarray(distances, float)
    marks = lengths(chain)
    headings = np.diff(chain, axis=0) / np.diff(marks)[:, None]
    segment = np.clip(np.searchsorted(marks, distances, side="right") - 1, 0, len(headings) - 1)
    positions = chain[segment] + headings[segment] * (distances - marks[segment])[:, None]
    middles = (marks[1:] + marks[:-1]) / 2
    reach = 0.25 * np.diff(marks)
    knots = np.stack([middles - reach, middles + reach], axis=1).ravel()
    smooth = np.stack(
        [np.interp(distances, knots, np.repeat(headings[:, i], 2)) for i in (0, 1)], axis=1
    )
    norm = np.maximum(np.hypot(*smooth.T), 1e-6)[:, None]
    return positions, smooth / norm


def beside(chain, distances, half_widths, side):
    """Points on the outer and the inner side of a limb of the figure's `side`.

    Args:
        chain: [m, 2] the limb's joints, from the trunk outwards.
        distances: [n] how far along the limb.
        half_widths: [n] how far to either side.
        side: -1 or +1.

    Returns:
        Outer points [n, 2] and inner points [n, 2].
    """
    positions, headings = walk(chain, distances)
    outwards = side * np.stack([headings[:, 1], -headings[:, 0]], axis=1)
    offset = outwards * np.asarray(half_widths, float)[:, None]
    return positions + offset, positions - offset


def ellipse(centre, radii, angle=0.0, count=24):
    """[count, 2] points of an ellipse, turned by `angle` radians."""
    t = np.linspace(0, 2 * np.pi, count, endpoint=False)
    x, y = radii[0] * np.cos(t), radii[1] * np.sin(t)
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([centre[0] + c * x - s * y, centre[1] + s * x + c * y], axis=1)


def box(points):
    """(x1, y1, x2, y2) around points [n, 2]."""
    points = np.asarray(points)
    return (*points.min(axis=0), *points.max(axis=0))
