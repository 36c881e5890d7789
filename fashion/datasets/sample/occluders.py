"""Things that hide parts of the clothes in users' photographs: a bag, a phone, something close."""

import numpy as np

from fashion.datasets.sample.geometry import curve, direction, ellipse
from fashion.datasets.sample.pieces import Frame, Piece, Stroke
from fashion.datasets.sample.textures import plain, random_colour

_PHONE = (40, 38, 38)


def random_occluder(rng, figure, camera, size):
    """Pieces to paint over the scene; in most pictures none.

    Args:
        rng: NumPy generator.
        figure: The `Figure` that carries the thing.
        camera: The scene's `Camera`.
        size: (width, height) of the picture in px.
    """
    chance = rng.random()
    cloth = plain(random_colour(rng))
    if chance < 0.16 and figure.pose.worn:
        return _bag(rng, figure, cloth)
    if chance < 0.28 and figure.pose.worn:
        return [_phone(rng, figure)]
    if chance < 0.42:
        return [_foreground(rng, figure, camera, size, cloth)]
    return []


def _thing(figure, outline, cloth, strokes=()):
    frame = Frame(figure.trunk(0.0, 0.0), figure.across, figure.axis)
    return Piece("thing", [outline], frame, cloth, strokes=list(strokes))


def _bag(rng, figure, cloth):
    """A bag at the hip with its strap across the chest."""
    side, trunk = rng.choice([-1, 1]), figure.trunk
    x, y = side * rng.uniform(0.06, 0.13), rng.uniform(0.28, 0.42)
    w, h = rng.uniform(0.035, 0.07), rng.uniform(0.035, 0.075)
    strap = trunk(np.array([-0.06 * side, x]), np.array([0.02, y]), 1)
    band = np.concatenate([strap - [0.007, 0.0], strap[::-1] + [0.007, 0.0]])
    corners = trunk(x + w * np.array([-1, 1, 1.1, -1.1]), y + h * np.array([-1, -1, 1, 1]))
    flap = trunk(x + w * np.array([-1, 0, 1]), y + h * np.array([-0.2, 0.2, -0.2]))
    bag = _thing(figure, corners, cloth, [Stroke(flap, 0.55, 0.004)])
    return [_thing(figure, band, cloth), bag]


def _phone(rng, figure):
    """A phone in one hand."""
    hand = figure.arm(int(rng.choice([-1, 1])))[2]
    along = direction(1, rng.normal(0, 0.25))
    across = np.array([along[1], -along[0]])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [0.022, 0.042]
    return _thing(figure, hand + corners @ np.stack([across, along]), plain(_PHONE))


def _foreground(rng, figure, camera, size, cloth):
    """Something near the lens that reaches in from the left or right border."""
    width, height = size
    middle = np.array([rng.choice([0, width]), rng.uniform(0.3, 1.0) * height])
    reach = rng.uniform(0.12, 0.3) * min(size)
    ring = ellipse(middle, (reach, reach * rng.uniform(0.6, 1.6)), count=9)
    ring = curve(ring + rng.normal(0, 0.08 * reach, ring.shape))
    return _thing(figure, camera.body(ring), cloth)
