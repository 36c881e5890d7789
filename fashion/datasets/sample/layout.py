"""Which landmark of a template is what, and where along its edge it lies, as shares of lengths.

Only the left of the picture is named here; a category's `flip` gives the partners on the right.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from fashion.datasets.sample.cuts import DRESSES, OUTWEAR
from fashion.datasets.sample.geometry import fractions

_SLEEVE_POINTS = {1: 2, 2: 4, 3: 2, 4: 4, 10: 2, 11: 4}  # on the outer edge, after the shoulder
SHOULDER = 6  # landmark of tops, dresses and outwear: the shoulder's tip, or the end of a strap


@dataclass(frozen=True)
class UpperLayout:
    """The landmarks of a top, a dress or outwear, after the neck's 0 to 5 and the shoulder's 6.

    Attributes:
        outer, inner: Sleeve from the shoulder to the cuff, and from the cuff back to the armpit.
        armpit: None where the template has no such landmark.
        sides: From the armpit down to the hem's corner, which is the last.
        middle: Middle of the hem, or the front corner of the hem of outwear.
        edge: Front edge of outwear from the lapel's tip down, without the hem; else empty.
        outer_shares, inner_shares: Of the sleeve's length, from the trunk on.
        side_shares: Of the way from the armpit to the hem.
        side_ratios: Width of the trunk there, against that at the armpit.
    """

    outer: tuple
    inner: tuple
    armpit: int | None
    sides: tuple
    middle: int
    edge: tuple
    outer_shares: np.ndarray
    inner_shares: np.ndarray
    side_shares: np.ndarray
    side_ratios: np.ndarray


def symmetric(category):
    """[count, 2] the template, averaged with its mirror image."""
    return (category.template + category.template[category.flip] * [-1, 1]) / 2


@cache
def upper_layout(category):
    """The `UpperLayout` of a category, read off its template."""
    sleeve = _SLEEVE_POINTS.get(category.id, 0)
    outer = tuple(range(7, 7 + sleeve))
    inner = tuple(range(7 + sleeve, 7 + 2 * sleeve))
    armpit = 7 + 2 * sleeve if sleeve else None
    first = 7 + 2 * sleeve + (1 if sleeve else 0)
    sides = tuple(range(first, first + (5 if category.id in DRESSES else 3)))
    template = symmetric(category)
    side_shares, side_ratios = _sides(template[list(sides)], template[armpit] if sleeve else None)
    return UpperLayout(
        outer=outer,
        inner=inner,
        armpit=armpit,
        sides=sides,
        middle=sides[-1] + 1,
        edge=(3, category.count - 2, category.count - 1) if category.id in OUTWEAR else (),
        outer_shares=shares_along(template, SHOULDER, outer),
        inner_shares=shares_along(template, armpit, inner[::-1])[::-1],
        side_shares=side_shares,
        side_ratios=side_ratios,
    )


def shares_along(template, start, indices):
    """[len(indices)] share of the edge from landmark `start` at which each of `indices` lies."""
    return fractions(template[[start, *indices]])[1:] if indices else np.zeros(0)


def _sides(points, armpit):
    """Shares and ratios of the points of a side; without an armpit, one a fifth above them."""
    heights = points[:, 1]
    if armpit is None:
        armpit = points[0] - [0, 0.25 * (heights[-1] - heights[0])]
    shares = (heights - armpit[1]) / (heights[-1] - armpit[1])
    return shares, points[:, 0] / armpit[0]
