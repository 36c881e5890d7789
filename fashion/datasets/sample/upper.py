"""Tops, dresses and outwear: the template's landmarks bent onto a figure.

Each landmark keeps its place in the template as a share: of a sleeve's length, of the way from the
armpit to the hem, of the neckline. The cut turns shares into lengths, the figure into positions.
"""

import numpy as np

from fashion.datasets.sample.figure import ARMPIT_Y, SHOULDER_Y, WAIST_Y, shoulder_line
from fashion.datasets.sample.layout import SHOULDER, upper_layout
from fashion.datasets.sample.pieces import Frame, Garment
from fashion.datasets.sample.sewing import trunk_layers
from fashion.datasets.sample.sleeves import Sleeve

_SIDES = (-1, 1)
_HALVES = {-1: "left half", 1: "right half"}  # of open outwear
# Where neckline points 2 and 4 lie: shares of the neck's half width and of its depth.
_NECKLINES = {"round": (0.74, 0.66), "v": (0.5, 0.5), "square": (0.94, 0.96)}
_SLING_TOP = 0.075  # height at which the straps of a sling end


def bend(category, cut, figure, cloth):
    """The garment of `category`, `cut` and `cloth` on `figure`."""
    return Upper(category, cut, figure, cloth).garment()


class Upper:
    """A garment of the trunk in the making.

    Attributes:
        category, cut, figure, cloth: What is made, and for whom.
        layout: Which landmark is what.
        sling: Whether it hangs by straps.
        points: [count, 2] the landmarks.
        holders: [count] names of the pieces that hold each landmark.
        armpits: [2] by side; a corner of every outline, though not always a landmark.
        frame: Of the cloth on the trunk.
    """

    def __init__(self, category, cut, figure, cloth):
        self.category, self.cut, self.figure, self.cloth = category, cut, figure, cloth
        self.layout = upper_layout(category)
        self.sling = category.id in (6, 13)
        self.points = np.zeros((category.count, 2))
        self.holders = [{"trunk"} for _ in range(category.count)]
        self.armpits = {}
        self.frame = Frame(figure.trunk(0.0, 0.0), figure.across * figure.narrow, figure.axis)

    def garment(self):
        """Places the landmarks, sews the pieces: the `Garment`."""
        self._neck()
        for side in _SIDES:
            self._shoulder(side)
            self._side(side)
        if self.layout.edge:
            self._front_edges()
        else:
            drop = 0.006 if len(self.layout.sides) == 3 else 0.012
            self.points[self.layout.middle] = self.figure.trunk(0.0, self.cut.hem + drop, 0.3)
        sleeves = [self._sleeve(side) for side in _SIDES] if self.layout.outer else []
        if self.figure.pose.back:
            self._hide_front()
        layers = trunk_layers(self)
        for sleeve in sleeves:
            layers.update(sleeve.layers())
        return Garment(self.category, self.points, self.holders, layers, self.cloth)

    def index(self, index, side):
        """A left landmark's index, or that of its partner on the right."""
        return index if side < 0 else int(self.category.flip[index])

    def at(self, indices, side):
        """[n, 2] landmarks of one side; `indices` are those of the left."""
        return self.points[[self.index(i, side) for i in indices]]

    def hem_corner(self, side):
        """[2] where the side meets the hem."""
        return self.at(self.layout.sides[-1:], side)[0]

    def half_widths(self, heights, ratios):
        """Half width of the cloth at `heights`: the template's shape, but never inside the body."""
        figure, cut = self.figure, self.cut
        wide = figure.half_width(ARMPIT_Y) * cut.ease * (1 + (ratios - 1) * cut.flare)
        if not figure.pose.worn:
            return wide
        body = np.maximum(figure.half_width(heights) * 1.05, figure.legs_reach(heights))
        return np.maximum(wide, body * (1.12 if self.layout.edge else 1.0))

    def neck(self):
        """Half width of the neck's opening, and the height of its corners."""
        if self.sling:
            return self.cut.neck_width + 0.018, _SLING_TOP
        return self.cut.neck_width, shoulder_line(self.cut.neck_width)

    def _put(self, indices, side, points):
        self.points[[self.index(i, side) for i in indices]] = points

    def _neck(self):
        trunk, depth = self.figure.trunk, self.cut.neck_depth
        width, top = self.neck()
        across, down = _NECKLINES[self.cut.neckline]
        self.points[0] = trunk(0.0, top + (0.045 if self.sling else 0.006), -0.5)
        self.points[3] = trunk(0.0, top + depth, 1)
        x, y = width * np.array([1, across]), top + depth * np.array([0, down])
        for side in _SIDES:
            self._put([1, 2], side, trunk(side * x, y, 1))
        self.holders[0] = {"trunk" if self.figure.pose.back else "inside"}

    def _shoulder(self, side):
        """The shoulder's tip, or the strap of a garment without sleeves."""
        figure = self.figure
        if self.layout.outer:
            # The arm is as thick in a turned figure, so the way around it is not narrowed.
            beyond = (0.013 + 0.02 * (self.cut.ease - 1)) / figure.narrow
            x, y = 0.088 * figure.pose.shoulders + beyond, SHOULDER_Y
        else:
            x = self.cut.neck_width + (0.006 if self.sling else 0.032)
            y = shoulder_line(x)
        self._put([SHOULDER], side, figure.trunk(side * x, y))
        if self.sling:
            self.holders[self.index(SHOULDER, side)] = {"strap"}

    def _side(self, side):
        """From the armpit down to the hem's corner."""
        cut, figure = self.cut, self.figure
        top = ARMPIT_Y + 0.02 * (cut.ease - 1)
        heights = top + self._side_shares() * (cut.hem - top)
        widths = self.half_widths(heights, self.layout.side_ratios)
        self._put(self.layout.sides, side, figure.trunk(side * widths, heights))
        self.armpits[side] = figure.trunk(side * self.half_widths(top, 1.0), top)
        if self.layout.armpit is not None:
            self._put([self.layout.armpit], side, self.armpits[side])

    def _side_shares(self):
        """Shares of the way to the hem; a dress has its narrowest landmark at the body's waist."""
        shares = self.layout.side_shares
        if len(shares) == 3:
            return shares
        waist = (WAIST_Y - ARMPIT_Y) / (self.cut.hem - ARMPIT_Y)
        return np.interp(shares, [0, shares[self.layout.side_ratios.argmin()], 1], [0, waist, 1])

    def _front_edges(self):
        """Lapels, front edges and front corners of the hem of outwear."""
        cut, trunk = self.cut, self.figure.trunk
        front = [*self.layout.edge, self.layout.middle]
        width, top = self.neck()
        lapel = top + 0.05 + cut.neck_depth
        template = self.category.template[front, 1]
        shares = (template - template[0]) / (template[-1] - template[0])
        gaps = cut.opening[0] + shares * (cut.opening[1] - cut.opening[0])
        for side in _SIDES:
            self._put(front, side, trunk(side * gaps, lapel + shares * (cut.hem - lapel), 1))
            middle = (trunk(side * width, top, 1) + trunk(side * gaps[0], lapel, 1)) / 2
            self._put([2], side, middle + [side * 0.008, 0])
            for index in (2, *front):
                self.holders[self.index(index, side)] = {_HALVES[side]}
            for index in (1, SHOULDER, self.layout.armpit, *self.layout.sides):
                self.holders[self.index(index, side)] |= {_HALVES[side]}

    def _hide_front(self):
        """From behind nothing shows of the front's neckline and edges."""
        front = [2, *self.layout.edge, *((self.layout.middle,) if self.layout.edge else ())]
        for index in (3, *front, *self.category.flip[front]):
            self.holders[index] = set()

    def _sleeve(self, side):
        """Landmarks of one sleeve, which follows the arm."""
        layout, tip = self.layout, self.at([SHOULDER], side)[0]
        sleeve = Sleeve(self.figure.arm(side), side, self.cut, tip, self.armpits[side])
        self._put(layout.outer, side, sleeve.outer(layout.outer_shares))
        self._put(layout.inner, side, sleeve.inner(layout.inner_shares))
        names = sleeve.holders(layout.outer_shares, layout.inner_shares)
        for index, name in zip((*layout.outer, *layout.inner), names, strict=True):
            self.holders[self.index(index, side)] = {name}
        for index in (SHOULDER, layout.armpit):
            self.holders[self.index(index, side)] |= {sleeve.name}
        return sleeve
