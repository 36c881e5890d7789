"""The cloth of tops, dresses and outwear between their landmarks: pieces, seams and details."""

import numpy as np

from fashion.datasets.sample.figure import WAIST_Y
from fashion.datasets.sample.geometry import curve, ellipse
from fashion.datasets.sample.layout import SHOULDER
from fashion.datasets.sample.pieces import Piece, Stroke
from fashion.datasets.sample.textures import plain

_SIDES = (-1, 1)
# Prints on the chest: polygons in the figure's frame. A bar, a disc, a word of six letters, a
# diamond.
_LETTERS = [x + np.array([0.0, 0.011, 0.011, 0.0]) for x in np.arange(-0.051, 0.05, 0.0182)]
_EMBLEMS = (
    [np.array([[-0.045, 0.105], [0.045, 0.105], [0.045, 0.125], [-0.045, 0.125]])],
    [ellipse((0.0, 0.13), (0.035, 0.035), count=16)],
    [np.stack([x, [0.10, 0.10, 0.125, 0.125]], axis=1) for x in _LETTERS],
    [np.array([[-0.04, 0.13], [0.0, 0.09], [0.04, 0.13], [0.0, 0.17]])],
)
_EMBLEM_GROUNDS = ("plain", "melange", "denim")  # a print on a pattern would not be seen


def trunk_layers(upper):
    """The layers "inside" and "trunk" of an `upper.Upper` whose landmarks are placed."""
    if upper.figure.pose.back:
        back = _closed(upper, curve(upper.points[[1, 0, 5]]))
        return {"trunk": [back, *_straps(upper)]}
    if upper.layout.edge:
        trunk = [_half(upper, side) for side in _SIDES]
    else:
        front = _closed(upper, _front_neck(upper))
        front.strokes += _front_details(upper)
        trunk = [front, *_collar(upper), *_emblem(upper), *_straps(upper)]
    return {"inside": [_inside(upper)], "trunk": trunk}


def _front_neck(upper):
    """Neckline from the left over the front to the right corner."""
    points = upper.points[1:6]
    return curve(points) if upper.cut.neckline == "round" else points


def _inside(upper):
    """The back of the garment as seen through the neck, and between the halves of outwear."""
    back = curve(upper.points[[1, 0, 5]])
    if not upper.layout.edge:
        outline = np.concatenate([back, _front_neck(upper)[::-1]])
    elif upper.figure.pose.worn:
        outline = np.concatenate([back, upper.points[[4, 2]]])
    else:
        front = (2, *upper.layout.edge, upper.layout.middle)
        outline = np.concatenate([back, upper.at(front, 1), upper.at(front, -1)[::-1]])
    return Piece("inside", [outline], upper.frame, tone=0.62, counted=False)


def _closed(upper, neck):
    """The trunk in one piece below a neckline."""
    left, right = (_flank(upper, side) for side in _SIDES)
    hem = _hem(upper)
    outline = np.concatenate([neck, right, hem[1:-1], left[::-1]])
    stitching = Stroke(hem - 0.010 * upper.frame.y_axis, 0.7, 0.002)
    return Piece("trunk", [outline], upper.frame, strokes=[stitching, *_waist_seam(upper)])


def _flank(upper, side):
    """Edge from the shoulder's tip over the armpit down to the hem's corner."""
    tip, armpit = upper.at([SHOULDER], side)[0], upper.armpits[side]
    below = curve([armpit, *upper.at(upper.layout.sides, side)])
    if upper.layout.outer:
        return np.concatenate([[tip], below])
    start = upper.at([1], side)[0] if upper.sling else tip
    middle = 0.6 * start + 0.4 * armpit - [side * 0.012, 0.0]
    return np.concatenate([curve([start, middle, armpit])[:-1], below])


def _hem(upper):
    """The hem from the right to the left corner."""
    left, right = (upper.hem_corner(side) for side in _SIDES)
    if upper.layout.edge:  # the closed back of outwear
        return curve([right, upper.figure.trunk(0.0, upper.cut.hem + 0.008), left])
    middle = upper.points[upper.layout.middle]
    waves = 0.003 + 0.004 * np.sin(10 * upper.cut.hem + np.array([0.0, 2.0]))
    between = [
        (corner + middle) / 2 + [0, w] for corner, w in zip((left, right), waves, strict=True)
    ]
    return curve([right, between[1], middle, between[0], left])


def _waist_seam(upper):
    if not upper.cut.seam:
        return []
    half = float(upper.half_widths(np.array([WAIST_Y]), np.array([0.8]))[0])
    x = np.linspace(-half, half, 5)
    line = upper.figure.trunk(x, WAIST_Y + 0.004 * np.cos(x / half), 0.3)
    return [Stroke(line, 0.55, 0.006)]


def _half(upper, side):
    """One half of the front of outwear."""
    layout = upper.layout
    front = upper.at([2, *layout.edge, layout.middle], side)
    corner = upper.hem_corner(side)
    hem = curve([front[-1], (front[-1] + corner) / 2 + [0, 0.003], corner])[:-1]
    flank = _flank(upper, side)
    outline = np.concatenate([upper.at([1], side), front[:-1], hem, flank[::-1]])
    name = "left half" if side < 0 else "right half"
    strokes = [*_outwear_details(upper, side), Stroke(front, 0.5, 0.004)]
    return Piece(name, [outline], upper.frame, strokes=strokes)


def _outwear_details(upper, side):
    """The folded lapel, the buttons of one side, a pocket."""
    cut, strokes = upper.cut, []
    neck, tip = upper.at([1, 3], side)
    if cut.collar == "shirt":
        notch = 0.45 * neck + 0.55 * tip + [side * 0.03, 0.0]
        fold = np.array([neck + [side * 0.012, 0.0], notch, tip])
        strokes.append(Stroke(fold, 0.55, 0.003))
    if side > 0:
        buttons = curve(upper.at(upper.layout.edge, side))[1::3] + [0.012, 0.0]
        strokes.append(Stroke(buttons, 1.5, 0.005, dots=True))
    if cut.pocket or cut.hem > 0.38:
        y = min(0.26, cut.hem - 0.06)
        pocket = upper.figure.trunk(side * np.array([0.045, 0.085]), [y, y - 0.012], 1)
        strokes.append(Stroke(pocket, 0.55, 0.004))
    return strokes


def _front_details(upper):
    """The neck's ribbing, a row of buttons, a chest pocket."""
    cut, trunk, strokes = upper.cut, upper.figure.trunk, []
    if not upper.sling:
        strokes.append(Stroke(_front_neck(upper) + 0.004 * upper.frame.y_axis, 0.7, 0.006))
    if cut.placket:
        top = upper.neck()[1] + cut.neck_depth
        y = np.linspace(top + 0.01, min(cut.hem - 0.01, 0.40), 7)
        strokes.append(Stroke(trunk(0.012, y, 1), 0.65, 0.002))
        strokes.append(Stroke(trunk(0.0, y, 1), 1.45, 0.005, dots=True))
    if cut.pocket:
        x, y = [0.028, 0.028, 0.062, 0.062, 0.028], [0.10, 0.142, 0.142, 0.10, 0.10]
        strokes.append(Stroke(trunk(x, y, 1), 0.65, 0.002))
    return strokes


def _collar(upper):
    """A folded collar, a high one, or a hood's rim."""
    make = {"shirt": _shirt_collar, "high": _high_collar, "hood": _hood}.get(upper.cut.collar)
    return make(upper) if make else []


def _shirt_collar(upper):
    wings, low = [], upper.points[3]
    for side in _SIDES:
        neck, middle = upper.at([1, 2], side)
        tip = 0.55 * neck + 0.45 * low + [side * 0.022, 0.022]
        outline = np.array([neck + [side * 0.006, -0.006], tip, low, middle])
        wings.append(Piece("trunk", [outline], upper.frame, tone=1.06))
    return wings


def _high_collar(upper):
    trunk = upper.figure.trunk
    top = curve(trunk([-0.032, 0.0, 0.032], [-0.026, -0.020, -0.026], 1))
    outline = np.concatenate([top, upper.points[5:0:-1]])
    fold = Stroke(trunk([-0.032, 0.032], -0.012, 1), 0.7, 0.002)
    return [Piece("trunk", [outline], upper.frame, strokes=[fold])]


def _hood(upper):
    trunk = upper.figure.trunk
    rim = trunk([-0.052, -0.03, 0.0, 0.03, 0.052], [0.0, 0.030, 0.040, 0.030, 0.0], 1)
    outline = curve([*rim, *upper.points[4:1:-1], rim[0]])
    cords = [Stroke(trunk([s * 0.016, s * 0.018], [0.03, 0.075], 1), 1.5, 0.004) for s in _SIDES]
    return [Piece("trunk", [outline], upper.frame, tone=0.9, strokes=cords)]


def _emblem(upper):
    """A print on the chest in the cloth's second colour."""
    if not upper.cut.emblem or upper.cloth.pattern not in _EMBLEM_GROUNDS:
        return []
    down = max(upper.neck()[1] + upper.cut.neck_depth - 0.08, 0.0)  # below the neckline
    shapes = _EMBLEMS[upper.cut.emblem - 1]
    shapes = [upper.figure.trunk(shape[:, 0], shape[:, 1] + down, 1) for shape in shapes]
    return [Piece("trunk", shapes, upper.frame, plain(upper.cloth.colours[1]))]


def _straps(upper):
    """The straps of a sling: seen, but not part of its mask, as the template has it."""
    straps, across = [], np.array([0.006, 0.0])
    for side in _SIDES if upper.sling else ():
        end, start = upper.at([SHOULDER, 1], side)
        outline = np.array([end - across, end + across, start + across, start - across])
        straps.append(Piece("strap", [outline], upper.frame, counted=False))
    return straps
