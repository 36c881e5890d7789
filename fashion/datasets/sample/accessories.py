"""Boots and bags, for photos in which more is annotated than DeepFashion2's garments.

Each boot is an object of its own, as annotators count them; a bag is one with its handles or strap.
"""

import numpy as np

from fashion.datasets.sample.cuts import LOWER
from fashion.datasets.sample.figure import HAND, shoulder_line
from fashion.datasets.sample.geometry import beside, curve, direction, ellipse, lengths
from fashion.datasets.sample.pieces import Frame, Garment, Piece, Stroke
from fashion.datasets.sample.textures import plain, random_cloth, random_colour

BOOTS, BAG = "boots", "bag"
_BAG_ODDS = 0.75
_TROUSERS = 8  # category id
_NARROW = 0.036  # half width of a cuff up to which trousers are worn inside of boots
# Tops of the shafts above the ankle: shoes, ankle boots, boots to below the knee and above it.
_SHAFTS, _SHAFT_ODDS = ((0.012, 0.06, 0.185, 0.27), (0.3, 0.3, 0.28, 0.12))
_LEATHERS = (
    (34, 32, 34), (48, 66, 98), (92, 128, 172), (226, 230, 232), (52, 44, 128), (132, 138, 146),
)  # fmt: skip
_FOLDED = 0.9  # angle of a forearm from which a bag hangs on it and not in the hand, radians


def equip(rng, person):
    """Puts boots on a `scene.Person` who has feet to stand on, and mostly gives them a bag."""
    if not person.figure.pose.worn:
        return
    place, shaft = _on_legs(rng, person.items)
    leather = plain(_leather(rng))
    for side in (-1, 1):
        person.wear(_boot(person.figure, side, shaft, place > 0, leather), place)
    if rng.random() < _BAG_ODDS:
        person.wear(_random_bag(rng, person.figure), len(person.garments))


def _on_legs(rng, items):
    """After how many of the garments boots are put on, and how high they are.

    High ones go over narrow trousers, but under everything else.
    """
    shaft = float(rng.choice(_SHAFTS, p=_SHAFT_ODDS))
    for place, item in enumerate(items):
        if item.category_id in LOWER:
            tight = item.category_id == _TROUSERS and item.cut.cuff < _NARROW
            return (place + 1 if tight and shaft > _SHAFTS[1] else 0), shaft
    return 0, shaft


def _leather(rng):
    colour = _LEATHERS[rng.integers(len(_LEATHERS))] + rng.normal(0, 8, 3)
    return np.clip(colour, 8, 246).round().astype(int).tolist()


def _boot(figure, side, shaft, tucked, leather):
    """One boot of the figure's `side`, its shaft ending `shaft` above the ankle."""
    chain = figure.leg(side)
    ankle = lengths(chain)[-1]
    distances = ankle - np.linspace(shaft, 0.0, 8)
    # As wide as the leg, or as the trousers on it, and a little wider.
    widths = (0.033, 0.045, 0.054) if tucked else (0.026, 0.042, 0.052)
    halves = np.interp(ankle - distances, [0.0, 0.19, 0.3], widths)
    outer, inner = beside(chain, distances, halves, side)
    foot = chain[2] + [side * 0.010, 0.017]
    outlines = [np.concatenate([outer, inner[::-1]]), ellipse(foot, (0.031, 0.024), side * 0.5),
                ellipse(chain[2], (widths[0], 0.025))]
    sole = foot + np.array([[-0.022, 0.018], [0.0, 0.021], [0.024, 0.016]])
    rim = Stroke(np.stack([outer[1], inner[1]]), 0.6, 0.003)
    frame = Frame(chain[2], figure.across, figure.axis)
    piece = Piece("boot", outlines, frame, strokes=[rim, Stroke(sole, 0.45, 0.006)])
    return _garment(BOOTS, [piece], "trunk", leather)


def _random_bag(rng, figure):
    """A bag in a hand, on a forearm or on a shoulder, of leather or of patterned cloth."""
    side = int(rng.choice([-1, 1]))
    cloth = random_cloth(rng) if rng.random() < 0.4 else plain(random_colour(rng))
    half = rng.uniform(0.04, 0.085) * np.array([1.0, rng.uniform(0.7, 1.15)])
    arm = figure.pose.arms[0 if side < 0 else 1]
    if not arm.before or abs(arm.upper) > 1.2:
        return _shoulder_bag(figure, side, half, cloth)
    _, elbow, wrist = figure.arm(side)
    hold = wrist + 0.45 * HAND * direction(side, arm.fore)
    if abs(arm.fore) > _FOLDED:
        hold = (elbow + wrist) / 2
    loop = rng.uniform(0.04, 0.10)
    top = hold + [0.0, loop]
    rise = np.array([[-0.5 * half[0], loop + 0.004], [-0.35 * half[0], 0.3 * loop], [0.0, -0.004],
                     [0.35 * half[0], 0.3 * loop], [0.5 * half[0], loop + 0.004]])
    pieces = [_handle(curve(hold + rise), figure), _body(top, half, figure)]
    return _garment(BAG, pieces, "left low" if side < 0 else "right low", cloth)


def _shoulder_bag(figure, side, half, cloth):
    """A bag at the hip, its strap straight up to the shoulder; beneath the arm."""
    x = 0.072
    strap = figure.trunk(side * np.array([x, x + 0.02, x + 0.03]),
                         np.array([shoulder_line(x), 0.15, 0.31]), 0.5)
    pieces = [_handle(curve(strap), figure), _body(strap[-1] - [0.0, 0.01], half, figure)]
    return _garment(BAG, pieces, "trunk", cloth)


def _body(top, half, figure):
    """The bag itself, hanging from the middle `top` of its upper edge; `half` width and height."""
    x = np.array([-0.85, 0.85, 1.0, 0.9, -0.9, -1.0]) * half[0]
    y = np.array([0.0, 0.0, 1.75, 2.0, 2.0, 1.75]) * half[1]
    flap = top + np.array([[-0.87, 0.25], [0.0, 1.0], [0.87, 0.25]]) * half
    strokes = [Stroke(flap, 0.6, 0.004), Stroke(top + [[0.0, half[1]]], 1.5, 0.004, dots=True)]
    frame = Frame(top, np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    return Piece("body", [top + np.stack([x, y], axis=1)], frame, strokes=strokes)


def _handle(line, figure, half=0.006):
    """A band along a line [n, 2]."""
    headings = np.gradient(line, axis=0)
    headings /= np.maximum(np.hypot(*headings.T), 1e-6)[:, None]
    aside = half * np.stack([headings[:, 1], -headings[:, 0]], axis=1)
    outline = np.concatenate([line + aside, (line - aside)[::-1]])
    return Piece("handle", [outline], Frame(line[0], figure.across, figure.axis), tone=0.85)


def _garment(kind, pieces, layer, cloth):
    points = np.concatenate([outline for piece in pieces for outline in piece.outlines])
    return Garment(kind, points, [], {layer: pieces}, cloth)
