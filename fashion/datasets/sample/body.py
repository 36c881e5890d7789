"""The bodies inside the clothes: skin, hair, shoes, and a face of few lines."""

from dataclasses import dataclass

import numpy as np

from fashion.datasets.sample.figure import CROTCH_Y, HAND, HIP_Y, SHOULDER_Y, WAIST_Y
from fashion.datasets.sample.geometry import curve, ellipse
from fashion.datasets.sample.pieces import Frame, Piece, Stroke
from fashion.datasets.sample.textures import plain

# Colours are (blue, green, red).
_SKINS = (
    (150, 180, 228), (130, 164, 216), (108, 142, 200), (78, 110, 168), (52, 76, 124), (40, 56, 92),
)  # fmt: skip
_HAIRS = ((26, 24, 26), (34, 42, 62), (48, 74, 112), (92, 150, 196), (120, 122, 128))
_SHOES = ((30, 30, 34), (232, 234, 236), (60, 80, 130), (150, 170, 200))


@dataclass(frozen=True)
class Looks:
    """Cloth-like colours of a body, and how long its hair is, in body heights."""

    skin: object
    hair: object
    shoes: object
    hair_length: float


def random_looks(rng):
    """The looks of a new person."""
    skin, hair, shoes = (
        options[rng.integers(len(options))] for options in (_SKINS, _HAIRS, _SHOES)
    )
    length = rng.choice([0.0, 0.06, 0.15, 0.24], p=[0.35, 0.25, 0.25, 0.15])
    return Looks(plain(skin), plain(hair), plain(shoes), float(length))


def _frame(figure):
    return Frame(figure.trunk(0.0, 0.0), figure.across, figure.axis)


def legs(figure, looks):
    """Bare legs and shoes."""
    pieces = []
    for side in (-1, 1):
        chain = figure.leg(side)
        foot = chain[2] + [side * 0.010, 0.016]
        shoe = [
            ellipse(foot, (0.026, 0.020), side * 0.5, 14),
            ellipse(chain[2], (0.019, 0.022), 0, 14),
        ]
        leg = _limb(chain, (0.050, 0.035, 0.021))
        pieces.append(Piece("leg", leg, _frame(figure), looks.skin))
        pieces.append(Piece("shoe", shoe, _frame(figure), looks.shoes))
    return pieces


def trunk(figure, looks):
    """Neck, shoulders and trunk down to the crotch."""
    y = np.array([SHOULDER_Y, 0.06, 0.118, WAIST_Y, HIP_Y, CROTCH_Y + 0.005])
    half = figure.half_width(y) * 0.985
    half[0] *= 0.86
    right, left = curve(figure.trunk(half, y)), curve(figure.trunk(-half, y))
    neck = figure.trunk(
        np.array([0.062, 0.034, 0.031, -0.031, -0.034, -0.062]),
        np.array([0.010, -0.006, -0.045, -0.045, -0.006, 0.010]),
    )
    outline = np.concatenate([right[::-1], neck, left])
    return [Piece("trunk", [outline], _frame(figure), looks.skin)]


def arm(figure, looks, side):
    """An arm as two pieces: what lies beneath the cloth of the trunk, and from the elbow on."""
    chain = figure.arm(side)
    heading = (chain[2] - chain[1]) / np.hypot(*(chain[2] - chain[1]))
    shoulder = ellipse(chain[0] + [0, 0.004], (0.026, 0.028), count=14)
    upper, elbow, lower = _limb(chain, (0.027, 0.022, 0.015))
    palm = ellipse(chain[2] + 0.45 * HAND * heading, (0.027, 0.017), np.arctan2(*heading[::-1]), 12)
    above, below = [shoulder, upper], [elbow, lower, palm]
    return (
        Piece("arm", above, _frame(figure), looks.skin, beyond=below),
        Piece("arm", below, _frame(figure), looks.skin, beyond=above),
    )


def _limb(chain, halves):
    """Outlines of a limb: two tapering bones and the joint between, of these half widths."""
    first, last = (_taper(*chain[i : i + 2], *halves[i : i + 2]) for i in (0, 1))
    return [first, ellipse(chain[1], (halves[1],) * 2, count=12), last]


def _taper(start, end, first, last):
    heading = (end - start) / max(np.hypot(*(end - start)), 1e-6)
    across = np.array([heading[1], -heading[0]])
    return np.array(
        [start + first * across, end + last * across, end - last * across, start - first * across]
    )


def _head_centre(figure):
    return figure.trunk(0.0, -0.085) + [0.012 * figure.turn, 0.0]


def hair_behind(figure, looks):
    """Long hair as it hangs behind the shoulders."""
    if not looks.hair_length or figure.pose.back:
        return []
    return [_long_hair(figure, looks, 0.058)]


def _long_hair(figure, looks, half):
    low = -0.03 + looks.hair_length
    x = np.array([-0.4, -1.0, -1.1, -0.9, 0.9, 1.1, 1.0, 0.4]) * half
    y = np.array([-0.155, -0.11, -0.02, low, low, -0.02, -0.11, -0.155])
    return Piece("hair", [curve(figure.trunk(x, y))], _frame(figure), looks.hair)


def head(figure, looks):
    """Head, face and hair; seen from behind, only hair."""
    centre = _head_centre(figure)
    frame = _frame(figure)
    skull = Piece("head", [ellipse(centre, (0.045, 0.060))], frame, looks.skin)
    if figure.pose.back:
        back = Piece("hair", [ellipse(centre - [0, 0.006], (0.049, 0.063))], frame, looks.hair)
        return [skull, back, *([_long_hair(figure, looks, 0.054)] if looks.hair_length else [])]
    shift = 0.03 * figure.turn
    skull.strokes += _face(centre + [shift, 0.0])
    t = np.linspace(np.pi * 1.02, np.pi * 1.98, 12)
    crown = centre + np.stack([0.050 * np.cos(t), 0.004 + 0.070 * np.sin(t)], axis=1)
    fringe = centre + np.array(
        [[0.042, -0.012], [0.018 + shift, -0.036], [-0.016 + shift, -0.038], [-0.042, -0.012]]
    )
    pieces = [skull, Piece("hair", [np.concatenate([crown, fringe])], frame, looks.hair)]
    if looks.hair_length > 0.1:
        pieces += [_strand(figure, looks, side) for side in (-1, 1)]
    return pieces


def _strand(figure, looks, side):
    """Hair falling over one shoulder, in front of the clothes."""
    low = -0.03 + looks.hair_length
    x = side * np.array([0.040, 0.050, 0.060, 0.064, 0.058, 0.046, 0.038, 0.036])
    y = np.array([-0.11, -0.09, -0.01, 0.6 * low, low, 0.97 * low, 0.7 * low, -0.01])
    return Piece("hair", [curve(figure.trunk(x, y, 0.5))], _frame(figure), looks.hair)


def _face(centre):
    eyes = [centre + [x, -0.004] for x in (-0.016, 0.016)]
    mouth = centre + np.array([[-0.012, 0.028], [0.0, 0.031], [0.012, 0.028]])
    return [Stroke(np.array(eyes), 0.25, 0.006, dots=True), Stroke(mouth, 0.6, 0.005)]
