"""Shapes that annotation tools draw, as polygons [vertices, (x, y)] px."""

import math

import numpy as np

# A polygon stays so near to the curve that it stands for.
_TOLERANCE_PX = 0.05
_FEWEST_VERTICES = 16
# Of a larger radius, which no photo has, fewer vertices would do.
_LARGEST_PX = 1e6


def rectangle(x: float, y: float, width: float, height: float) -> np.ndarray:
    """From the top left corner, clockwise as seen."""
    return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], float)


def ellipse(x: float, y: float, radius_x: float, radius_y: float,
            theta: float = 0.0) -> np.ndarray:
    """Around (x, y), turned by theta radians from the x axis towards the y axis.

    The vertices lie on the curve, at most 0.05 px of which are cut off between two of them.
    """
    largest = min(max(abs(radius_x), abs(radius_y), _TOLERANCE_PX), _LARGEST_PX)
    step = 2 * math.acos(1 - _TOLERANCE_PX / largest)
    angles = np.linspace(0, 2 * np.pi, max(_FEWEST_VERTICES, math.ceil(2 * np.pi / step)),
                         endpoint=False)
    along, across = abs(radius_x) * np.cos(angles), abs(radius_y) * np.sin(angles)
    cosine, sine = math.cos(theta), math.sin(theta)
    return np.stack([x + along * cosine - across * sine, y + along * sine + across * cosine], 1)


def circle(x: float, y: float, radius: float) -> np.ndarray:
    """Around (x, y)."""
    return ellipse(x, y, radius, radius)
