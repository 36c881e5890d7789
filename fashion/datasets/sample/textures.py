"""Cloth: colours and patterns as tiles that repeat without a seam, and the folds over them.

Colours are (blue, green, red), 0 to 255, as OpenCV paints them.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

TILE = 256  # px, the side of every tile
BARE = "bare"  # the pattern of what is no cloth

PATTERNS = (
    "plain", "melange", "stripes", "pinstripes", "check", "tartan", "dots", "flowers", "shapes",
    "denim", "knit", "camouflage",
)  # fmt: skip
_PATTERN_ODDS = (0.25, 0.08, 0.13, 0.05, 0.08, 0.06, 0.07, 0.09, 0.06, 0.07, 0.04, 0.02)

# The wardrobe's few colours, so that many identities share them: (red, green, blue) and odds.
_PALETTE = (
    ((34, 34, 38), 5), ((236, 236, 232), 5), ((142, 142, 146), 3), ((34, 42, 78), 4),
    ((76, 104, 146), 3), ((150, 182, 212), 2), ((176, 40, 48), 2), ((104, 30, 46), 1),
    ((230, 172, 180), 2), ((214, 196, 168), 3), ((116, 82, 60), 2), ((98, 102, 66), 1),
    ((54, 112, 82), 1), ((224, 186, 76), 1), ((214, 118, 60), 1), ((118, 86, 142), 1),
)  # fmt: skip
_COLOURS = np.array([colour for colour, _ in _PALETTE], float)[:, ::-1]
_COLOUR_ODDS = np.array([odds for _, odds in _PALETTE], float) / sum(o for _, o in _PALETTE)
_DENIMS = np.array([(110, 74, 48), (146, 106, 74), (178, 148, 118), (60, 48, 44)], float)


@dataclass(frozen=True)
class Cloth:
    """What a garment is made of; two garments of the same cloth look the same.

    Attributes:
        pattern: One of `PATTERNS`, or `BARE`.
        colours: Ground and two more, (blue, green, red).
        pitch: Distance at which the pattern repeats, in body heights.
        angle: Turn of the pattern in the garment's frame, radians.
        seed: Decides what is random about the pattern.
    """

    pattern: str
    colours: tuple
    pitch: float
    angle: float
    seed: int


def plain(colour):
    """What skin, hair and things are made of: one (blue, green, red) colour without folds."""
    return Cloth(BARE, (tuple(colour),) * 3, 0.05, 0.0, 0)


def random_colour(rng):
    """A colour near one of the palette's."""
    colour = _COLOURS[rng.choice(len(_COLOURS), p=_COLOUR_ODDS)] + rng.normal(0, 6, 3)
    return tuple(np.clip(colour, 8, 246).round().astype(int).tolist())


def random_cloth(rng, denim=False):
    """A new cloth; `denim` for garments that often are."""
    pattern = str(rng.choice(PATTERNS, p=_PATTERN_ODDS))
    if denim and rng.random() < 0.35:
        pattern = "denim"
    colours = [random_colour(rng) for _ in range(3)]
    if pattern == "denim":
        ground = _DENIMS[rng.integers(len(_DENIMS))] + rng.normal(0, 6, 3)
        colours[0] = tuple(np.clip(ground, 8, 246).round().astype(int).tolist())
    colours[1] = _contrasting(colours[0], colours[1])
    pitch = {"pinstripes": 0.022, "knit": 0.014, "denim": 0.05}.get(pattern, 0.045)
    turned = pattern in ("stripes", "check", "tartan") and rng.random() < 0.35
    return Cloth(
        pattern=pattern,
        colours=tuple(colours),
        pitch=float(pitch * rng.uniform(0.7, 1.7)),
        angle=float(rng.choice([np.pi / 2, np.pi / 4]) if turned else 0.0),
        seed=int(rng.integers(2**31)),
    )


def _contrasting(ground, colour):
    """`colour`, or black or white where it would not show on `ground`."""
    if np.abs(np.subtract(ground, colour)).sum() > 120:
        return colour
    return (232, 236, 236) if sum(ground) < 380 else (38, 34, 34)


def tile(cloth, scale):
    """[TILE, TILE, 3] uint8 picture of the cloth at `scale` px per body height."""
    repeats = int(np.clip(round(TILE / (cloth.pitch * scale)), 1, TILE // 6))
    rng = np.random.default_rng(cloth.seed)
    picture = _PAINTERS[cloth.pattern](cloth, repeats, rng)
    return cv2.add(cv2.subtract(picture, _weave()[0]), _weave()[1])


def _ground(cloth, index=0):
    return np.full((TILE, TILE, 3), cloth.colours[index], np.uint8)


def _bands(repeats, share, phase=0.0):
    """[TILE] 1 inside the bands of a repeating line, with edges one px soft."""
    position = (np.arange(TILE) / TILE * repeats + phase) % 1.0
    soft = repeats / TILE
    return np.clip((share / 2 - np.abs(position - 0.5)) / soft + 0.5, 0, 1).astype(np.float32)


def _mix(picture, colour, weight):
    """`picture` with `colour` laid over it by `weight` [TILE, TILE] or one that broadcasts."""
    weight = np.broadcast_to(weight, (TILE, TILE)).astype(np.float32)
    over = np.empty_like(picture)
    over[:] = np.array(colour, np.uint8)
    return cv2.blendLinear(picture, over, 1 - weight, np.ascontiguousarray(weight))


def _plain(cloth, repeats, rng):
    return _ground(cloth)


def _melange(cloth, repeats, rng):
    return _mix(_ground(cloth), cloth.colours[1], 0.45 * _fine_noise())


def _stripes(cloth, repeats, rng):
    share = rng.uniform(0.25, 0.6)
    picture = _mix(_ground(cloth), cloth.colours[1], _bands(repeats, share)[:, None])
    if rng.random() < 0.3:
        picture = _mix(picture, cloth.colours[2], _bands(repeats, 0.12, 0.5)[:, None])
    return picture


def _pinstripes(cloth, repeats, rng):
    return _mix(_ground(cloth), cloth.colours[1], 0.8 * _bands(repeats, 0.16)[None])


def _check(cloth, repeats, rng):
    lines = 0.5 * _bands(repeats, 0.5)
    return _mix(_ground(cloth), cloth.colours[1], lines[:, None] + lines[None])


def _tartan(cloth, repeats, rng):
    wide = 0.45 * _bands(repeats, 0.55)
    thin = _bands(repeats, 0.08, 0.5)
    picture = _mix(_ground(cloth), cloth.colours[1], wide[:, None] + wide[None])
    return _mix(picture, cloth.colours[2], np.maximum(thin[:, None], thin[None]) * 0.8)


def _motifs(cloth, repeats, draw):
    """The ground with `draw(picture, centre, size)` at a repeating, staggered grid of places."""
    picture = _ground(cloth)
    step = TILE / repeats
    for row in range(repeats):
        for column in range(repeats):
            centre = np.array([(column + 0.5 * (row % 2)) * step, row * step])
            for shift in _wrapped(centre, step):
                draw(picture, shift, step)
    return picture


def _wrapped(centre, step):
    """`centre` and its copies across the tile's border, where a motif reaches over it."""
    x, y = centre
    xs = [x, x + TILE] if x < step else [x]
    ys = [y, y + TILE] if y < step else [y]
    return [(a, b) for a in xs for b in ys]


def _disc(picture, centre, radius, colour):
    fixed = (int(centre[0] * 16), int(centre[1] * 16))
    cv2.circle(picture, fixed, max(int(radius * 16), 12), colour, -1, cv2.LINE_AA, 4)


def _dots(cloth, repeats, rng):
    share = rng.uniform(0.16, 0.32)
    return _motifs(
        cloth, min(repeats, 16), lambda p, c, s: _disc(p, c, share * s, cloth.colours[1])
    )


def _flowers(cloth, repeats, rng):
    petals = int(rng.integers(4, 7))
    turns = 2 * np.pi * np.arange(petals) / petals

    def draw(picture, centre, step):
        for turn in turns:
            petal = (centre[0] + 0.2 * step * np.cos(turn), centre[1] + 0.2 * step * np.sin(turn))
            _disc(picture, petal, 0.15 * step, cloth.colours[1])
        _disc(picture, centre, 0.12 * step, cloth.colours[2])

    return _motifs(cloth, int(np.clip(repeats // 2, 1, 6)), draw)


def _shapes(cloth, repeats, rng):
    corners = int(rng.integers(3, 6))
    turns = 2 * np.pi * (np.arange(corners) / corners + rng.random())
    ring = np.stack([np.cos(turns), np.sin(turns)], axis=1)

    def draw(picture, centre, step):
        points = np.round((np.array(centre) + 0.32 * step * ring) * 16).astype(np.int32)
        cv2.fillPoly(picture, [points], cloth.colours[1], cv2.LINE_AA, 4)

    return _motifs(cloth, int(np.clip(repeats // 2, 1, 8)), draw)


def _denim(cloth, repeats, rng):
    fade = cv2.resize(_fine_noise()[:32, :32], (TILE, TILE), interpolation=cv2.INTER_LINEAR)
    picture = _mix(_ground(cloth), (222, 214, 206), 0.22 * fade + 0.14 * _fine_noise())
    return _mix(picture, (40, 30, 26), 0.25 * _twill())


def _knit(cloth, repeats, rng):
    dark = tuple(int(0.6 * c) for c in cloth.colours[0])
    return _mix(_ground(cloth), dark, 0.6 * _bands(max(repeats, 12), 0.4)[None])


def _camouflage(cloth, repeats, rng):
    cells = int(np.clip(repeats, 4, 12))
    field = _smooth_noise(rng, cells, cells)
    picture = _mix(_ground(cloth), cloth.colours[1], (field > 0.58).astype(np.float32))
    return _mix(picture, cloth.colours[2], (field < 0.38).astype(np.float32))


_PAINTERS = {
    "plain": _plain, "melange": _melange, "stripes": _stripes, "pinstripes": _pinstripes,
    "check": _check, "tartan": _tartan, "dots": _dots, "flowers": _flowers, "shapes": _shapes,
    "denim": _denim, "knit": _knit, "camouflage": _camouflage,
}  # fmt: skip


def _smooth_noise(rng, rows, columns):
    """[TILE, TILE] float32 in 0 to 1, smooth, repeating without a seam."""
    grid = rng.random((rows, columns), dtype=np.float32)
    padded = np.pad(grid, 2, mode="wrap")
    height, width = (round(TILE * n / m) for n, m in zip(padded.shape, grid.shape, strict=True))
    field = cv2.resize(padded, (width, height), interpolation=cv2.INTER_CUBIC)
    top, left = round(TILE * 2 / rows), round(TILE * 2 / columns)
    field = field[top : top + TILE, left : left + TILE]
    low, high = field.min(), field.max()
    return np.ascontiguousarray((field - low) / (high - low))


@lru_cache(maxsize=1)
def _fine_noise():
    return np.random.default_rng(1).random((TILE, TILE), dtype=np.float32)


@lru_cache(maxsize=1)
def _twill():
    y, x = np.mgrid[:TILE, :TILE]
    return (((x + y) % 4) < 2).astype(np.float32)


@lru_cache(maxsize=1)
def _weave():
    """Two faint noises [TILE, TILE, 3] uint8, one to take from and one to add to every cloth."""
    rng = np.random.default_rng(2)
    noise = rng.integers(0, 9, (2, TILE, TILE, 1), dtype=np.uint8)
    return np.repeat(noise, 3, axis=3)


@lru_cache(maxsize=1)
def folds():
    """[TILE, TILE] uint8 brightness of hanging cloth around 128: creases that mostly run down."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:TILE, :TILE].astype(np.float32)
    field = 0.8 * (_smooth_noise(rng, 2, 7) - 0.5)
    for _ in range(26):
        angle = rng.normal(0, 0.35)
        length, width = rng.uniform(25, 85), rng.uniform(4, 11)
        dx, dy = (_wrapped_distance(v, rng.uniform(0, TILE)) for v in (x, y))
        down = dx * np.sin(angle) + dy * np.cos(angle)
        across = (dx * np.cos(angle) - dy * np.sin(angle)) / width
        crease = across * np.exp(-(across**2) / 2 - (down / length) ** 2 / 2)
        field += rng.choice([-1, 1]) * rng.uniform(0.5, 1.5) * crease
    return np.clip(128 + 20 * field, 60, 190).astype(np.uint8)


def _wrapped_distance(values, centre):
    """Signed distance to `centre` on a circle of TILE px."""
    return (values - centre + TILE / 2) % TILE - TILE / 2
