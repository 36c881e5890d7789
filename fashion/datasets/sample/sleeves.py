"""Sleeves: cloth around an arm, from the shoulder's tip and the armpit to the cuff."""

import numpy as np

from fashion.datasets.sample.figure import FOREARM, UPPER_ARM
from fashion.datasets.sample.geometry import beside, ellipse
from fashion.datasets.sample.pieces import Frame, Piece, Stroke

_ARM = UPPER_ARM + FOREARM
_SHORTEST = 0.03  # from the armpit to the cuff, body heights


class Sleeve:
    """One sleeve along an arm.

    Shares run from 0 at the shoulder's tip (outer edge) or the armpit (inner edge) to 1 at the
    cuff.

    Args:
        chain: [3, 2] shoulder joint, elbow, wrist.
        side: -1 or +1.
        cut: `cuts.UpperCut`.
        tip, armpit: [2] where the sleeve is sewn to the trunk.
    """

    def __init__(self, chain, side, cut, tip, armpit):
        self.chain, self.side, self.cut, self.tip, self.armpit = chain, side, cut, tip, armpit
        self.name = "left sleeve" if side < 0 else "right sleeve"
        heading = (chain[1] - chain[0]) / UPPER_ARM
        inwards = side * np.array([-heading[1], heading[0]])
        self.start = float((armpit - chain[0]) @ heading)  # of the inner edge, along the arm
        self.depth = float((armpit - chain[0]) @ inwards)  # of the armpit, beside the arm
        self.length = max(cut.sleeve * _ARM, self.start + _SHORTEST)
        self.bent = self.length > 1.15 * UPPER_ARM

    def _half_widths(self, distances):
        arm = np.interp(distances, [0, UPPER_ARM, _ARM], [0.031, 0.024, 0.017])
        share = np.asarray(distances) / self.length
        return arm * (self.cut.sleeve_ease + (self.cut.cuff_ease - self.cut.sleeve_ease) * share)

    def outer(self, shares):
        """[n, 2] points of the outer edge."""
        distances = np.asarray(shares) * self.length
        return beside(self.chain, distances, self._half_widths(distances), self.side)[0]

    def inner(self, shares):
        """[n, 2] points of the inner edge, which leaves the armpit to join the sleeve's width."""
        shares = np.asarray(shares)
        distances = self.start + shares * (self.length - self.start)
        halves = self._half_widths(distances)
        halves = self.depth + (halves - self.depth) * np.minimum(2 * shares, 1)
        return beside(self.chain, distances, halves, self.side)[1]

    def _elbow(self):
        """Shares of the outer and of the inner edge at which the elbow lies."""
        return UPPER_ARM / self.length, (UPPER_ARM - self.start) / (self.length - self.start)

    def holders(self, outer_shares, inner_shares):
        """Names of the pieces that hold the points at these shares of both edges."""
        elbows = np.repeat(self._elbow(), [len(outer_shares), len(inner_shares)])
        low = np.concatenate([outer_shares, inner_shares]) > elbows
        return [f"{self.name} low" if self.bent and is_low else self.name for is_low in low]

    def layers(self):
        """Pieces by layer: above and, where the sleeve reaches further, below the elbow."""
        layer = "left" if self.side < 0 else "right"
        ends = self._elbow() if self.bent else (1.0, 1.0)
        outer = self.outer(np.linspace(0.15, ends[0], 6))
        inner = self.inner(np.linspace(0.1, ends[1], 6))
        within = (self.tip + self.armpit) / 2 - [self.side * 0.010, 0.0]
        above = np.concatenate([[self.tip], outer, inner[::-1], [self.armpit, within]])
        upper = Piece(self.name, [above], _frame(self.chain[0], self.chain[1], 0.0))
        cuff = Stroke(np.concatenate([self.outer([0.95]), self.inner([0.93])]), 0.6)
        if not self.bent:
            upper.strokes.append(cuff)
            return {layer: [upper]}
        lower = self._lower(ends)
        lower.strokes.append(cuff)
        lower.beyond, upper.beyond = upper.outlines, lower.outlines
        return {layer: [upper], f"{layer} low": [lower]}

    def _lower(self, ends):
        outer = self.outer(np.linspace(ends[0], 1, 6))
        inner = self.inner(np.linspace(ends[1], 1, 6))
        radius = np.hypot(*(outer[0] - inner[0])) / 2
        joint = ellipse((outer[0] + inner[0]) / 2, (radius, radius), count=16)
        frame = _frame(self.chain[1], self.chain[2], UPPER_ARM)
        return Piece(f"{self.name} low", [joint, np.concatenate([outer, inner[::-1]])], frame)


def _frame(start, end, walked):
    """Pattern along a bone; `walked` is how far down the arm the bone begins."""
    heading = (end - start) / max(np.hypot(*(end - start)), 1e-6)
    return Frame(start - walked * heading, np.array([heading[1], -heading[0]]), heading)
