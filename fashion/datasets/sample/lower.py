"""Shorts, trousers and skirts: the template's landmarks bent onto the hips and legs."""

import numpy as np

from fashion.datasets.sample.figure import CROTCH_Y, HIP_Y
from fashion.datasets.sample.geometry import beside, curve, lengths, walk
from fashion.datasets.sample.layout import shares_along, symmetric
from fashion.datasets.sample.pieces import Frame, Garment, Piece, Stroke

_SIDES = (-1, 1)
# Landmarks of shorts (7) and trousers (8): the left leg from the waist's corner 0 down to the cuff,
# from the cuff up, and where the legs meet.
_OUTER = {7: (3, 4), 8: (3, 4, 5)}
_INNER = {7: (5,), 8: (6, 7)}
_CROTCH = {7: 6, 8: 8}
_CUFF_GAP = 0.010  # from either cuff to the middle between closed legs


def bend(category, cut, figure, cloth):
    """The garment of `category`, `cut` and `cloth` on `figure`."""
    make = _skirt if category.id == 9 else _trousers
    points, holders, pieces = make(category, cut, figure)
    return Garment(category, points, holders, {"trunk": pieces}, cloth)


def _waist(points, cut, figure):
    """Places the three landmarks of the waistband and returns its half width."""
    half = float(figure.half_width(cut.waist)) * (1.04 if figure.pose.worn else 1.0)
    points[[0, 2]] = figure.trunk([-half, half], cut.waist)
    points[1] = figure.trunk(0.0, cut.waist + 0.006, -1 if figure.pose.back else 1)
    return half


def _band(points, figure):
    """The waistband's lower seam."""
    return Stroke(curve(points[[0, 1, 2]]) + 0.016 * figure.axis, 0.6, 0.003)


def _trousers(category, cut, figure):
    """Shorts or trousers: landmarks, their holders, pieces."""
    points = np.zeros((category.count, 2))
    half = _waist(points, cut, figure)
    points[_CROTCH[category.id]] = figure.trunk(0.0, CROTCH_Y + 0.02 * (cut.ease - 1), 0.2)
    legs = [_Leg(category, cut, figure, side, half) for side in _SIDES]
    holders = [{leg.name for leg in legs} for _ in points]
    for leg in legs:
        for index, point in leg.landmarks():
            points[index] = point
            holders[index] = {leg.name}
    pieces = [leg.piece(points) for leg in legs]
    for piece in pieces:
        piece.strokes += [_band(points, figure), *_pockets(cut, figure, half)]
    return points, holders, pieces


def _pockets(cut, figure, half):
    """The pockets and, in front, the fly."""
    trunk, waist = figure.trunk, cut.waist
    if not cut.pockets:
        return []
    if figure.pose.back:
        x, y = np.array([0.028, 0.028, 0.07, 0.07, 0.028]), np.array([0, 0.045, 0.045, 0, 0])
        return [Stroke(trunk(side * x, waist + 0.04 + y, -1), 0.6, 0.002) for side in _SIDES]
    x, y = np.array([0.6, 1.06]) * half, waist + np.array([0.018, 0.06])
    openings = [Stroke(trunk(side * x, y, 0.3), 0.6, 0.003) for side in _SIDES]
    fly = trunk([0.0, 0.004, 0.0], [waist + 0.016, waist + 0.06, CROTCH_Y - 0.02], 1)
    return [*openings, Stroke(fly, 0.6, 0.002)]


class _Leg:
    """One leg of shorts or trousers: its middle line and its half widths along it.

    Shares run from 0 at the waist (outer edge) or the crotch (inner edge) to 1 at the cuff.
    """

    def __init__(self, category, cut, figure, side, waist_half):
        self.category, self.cut, self.figure, self.side = category, cut, figure, side
        self.name = "left leg" if side < 0 else "right leg"
        start = figure.trunk(side * 0.042, cut.waist)
        self.chain = np.concatenate([[start], figure.leg(side)])
        hip, knee, ankle = lengths(self.chain)[1:]
        self.crotch = hip + (CROTCH_Y - HIP_Y)
        self.total = self.crotch + cut.length * (ankle - self.crotch)
        hip_half = float(figure.half_width(HIP_Y)) * cut.ease - 0.046
        leg = np.interp(self.total, [hip, knee, ankle], [0.050, 0.036, 0.026])
        self.marks = np.array([0.0, hip, hip + 0.07, max(self.total, hip + 0.08)])
        trunk = np.array([waist_half - 0.042, hip_half]) * figure.narrow
        self.halves = np.array([*trunk, 0.052 * cut.ease, max(cut.cuff, leg)])

    def outer(self, shares):
        """[n, 2] points of the outer edge."""
        distances = np.asarray(shares) * self.total
        halves = np.interp(distances, self.marks, self.halves)
        return beside(self.chain, distances, halves, self.side)[0]

    def inner(self, shares):
        """[n, 2] points of the inner edge, which stays on its own side of the body."""
        shares = np.asarray(shares)
        distances = self.crotch + shares * (self.total - self.crotch)
        joints, _ = walk(self.chain, distances)
        room = np.abs(joints[:, 0] - self.figure.trunk(0.0, joints[:, 1])[:, 0])
        room -= _CUFF_GAP * shares
        halves = np.minimum(np.interp(distances, self.marks, self.halves), room)
        return beside(self.chain, distances, halves, self.side)[1]

    def landmarks(self):
        """Pairs of a landmark's index and its place [2]."""
        template, number = symmetric(self.category), self.category.id
        outer, inner = _OUTER[number], _INNER[number]
        inner_shares = shares_along(template, _CROTCH[number], inner[::-1])[::-1]
        placed = [*self.outer(shares_along(template, 0, outer)), *self.inner(inner_shares)]
        own = [i if self.side < 0 else int(self.category.flip[i]) for i in (*outer, *inner)]
        return list(zip(own, placed, strict=True))

    def piece(self, points):
        """The leg's cloth, from the waistband down; `points` are the garment's landmarks."""
        shares = np.linspace(0, 1, 12)
        outer, inner = self.outer(shares[1:]), self.inner(shares[2:])
        top = [points[1], points[0 if self.side < 0 else 2]]
        outline = np.concatenate([top, outer, inner[::-1], points[[_CROTCH[self.category.id]]]])
        strokes = [Stroke(np.concatenate([self.outer([0.97]), self.inner([0.96])]), 0.65, 0.002)]
        if self.cut.crease:
            crease = (self.outer(shares[5:]) + self.inner(shares[5:])) / 2
            strokes.append(Stroke(crease, 0.75, 0.002))
        hip, ankle = self.chain[1], self.chain[3]
        heading = (ankle - hip) / np.hypot(*(ankle - hip))
        frame = Frame(hip, np.array([heading[1], -heading[0]]), heading)
        return Piece(self.name, [outline], frame, strokes=strokes)


def _skirt(category, cut, figure):
    """A skirt: landmarks, their holders, pieces."""
    points = np.zeros((category.count, 2))
    half = _waist(points, cut, figure)
    template = symmetric(category)
    share = template[3, 1] / template[4, 1]
    heights = cut.waist + np.array([share, 1.0]) * (cut.length - cut.waist)
    widths = _skirt_widths(cut, figure, heights, template[[3, 4], 0] / template[3, 0])
    points[[3, 4]] = figure.trunk(-widths, heights)
    points[[7, 6]] = figure.trunk(widths, heights)
    points[5] = figure.trunk(0.0, cut.length + 0.014, 0.3)
    left = _skirt_flank(points[[0, 3, 4]], -1, cut, figure)
    right = _skirt_flank(points[[2, 7, 6]], 1, cut, figure)
    hem = _skirt_hem(points[6], points[5], points[4])
    outline = np.concatenate([points[[1]], right, hem, left[::-1]])
    frame = Frame(figure.trunk(0.0, 0.2), figure.across * figure.narrow, figure.axis)
    strokes = [_band(points, figure), *_pleats(cut, figure, half, widths[1])]
    piece = Piece("trunk", [outline], frame, strokes=strokes)
    return points, [{"trunk"} for _ in points], [piece]


def _hip_half(cut, figure):
    return float(figure.half_width(HIP_Y)) * cut.ease


def _skirt_widths(cut, figure, heights, ratios):
    """Half widths at `heights`: the template's flare, as much of it as the cut keeps."""
    wide = _hip_half(cut, figure) * (1 + (ratios - 1) * cut.cuff)
    wide = wide + (heights - HIP_Y) * 0.5 * cut.cuff
    return np.maximum(wide, figure.legs_reach(heights)) if figure.pose.worn else wide


def _skirt_flank(points, side, cut, figure):
    """Side edge from the waist over the hip through the landmarks [3, 2]."""
    hip = figure.trunk(side * _hip_half(cut, figure), HIP_Y)
    above = points[1, 1] < hip[1] + 0.02
    return curve(points if above else [points[0], hip, *points[1:]])


def _skirt_hem(right, middle, left):
    """Wavy edge between the hem's landmarks, without its corners."""
    points = [right]
    for start, end in ((right, middle), (middle, left)):
        third = (end - start) / 3
        points += [start + third + [0, 0.006], start + 2 * third - [0, 0.002], end]
    return curve(points)[1:-1]


def _pleats(cut, figure, half, hem_half):
    lines = []
    for share in np.linspace(-0.85, 0.85, cut.pleats):
        x, y = [share * half, share * hem_half], [cut.waist + 0.02, cut.length]
        lines.append(Stroke(figure.trunk(x, y, 0.3), 0.7, 0.003))
    return lines
