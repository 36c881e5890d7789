"""Boxes: the only owner of box coordinates.

A box is `(y1, x1, y2, x2)` and continuous: pixel i covers `[i, i + 1]`, so a box around the
pixels 3, 4, 5 is `(3, 6)` and three pixels long. Off the graph boxes are in pixels (`boxes_px`,
float32); in the graph they are normalised by the size of the molded image.

Every function is pure and generic in its array module: NumPy by default, and the network passes
`xp=keras.ops`. Leading axes are free, `[..., (y1, x1, y2, x2)]`.
"""

import math

import numpy as np

CONVENTIONS = ("aligned", "corners")

# Detectron's bound (`BBOX_XFORM_CLIP`): one step may grow a 16 px box to at most 1000 px. Without
# it an untrained head's exp() overflows float32, and one such box makes the whole loss NaN.
MAX_LOG_SCALE = math.log(1000.0 / 16.0)

# Stands in for a side of zero length, in whichever unit. Far below a pixel in both: 1e-6 of an
# image of 1024 px is a thousandth of one. Its square is still an ordinary float32.
_TINY_SIDE = 1e-6


def area(boxes, xp=np):
    """Area of boxes `[..., 4]` as `[...]`, in the square of their unit; 0 for inverted boxes."""
    height, width = _sides(boxes)
    return xp.maximum(height, 0.0) * xp.maximum(width, 0.0)


def valid(boxes, xp=np):
    """Which boxes `[..., 4]` have a positive height and width: bool `[...]`.

    Padding (all zero), inverted boxes and boxes with NaN are not valid.
    """
    height, width = _sides(boxes)
    return xp.logical_and(height > 0, width > 0)


def iou(a, b, xp=np):
    """Intersection over union of every box in `a` with every box in `b`.

    Args:
        a: `[..., N, (y1, x1, y2, x2)]`.
        b: `[..., M, (y1, x1, y2, x2)]`, same unit and leading axes.
        xp: array module, NumPy or `keras.ops`.

    Returns:
        `[..., N, M]` in 0 to 1. A box without area overlaps nothing, itself included.
    """
    a = xp.expand_dims(a, -2)  # [..., N, 1, 4]
    b = xp.expand_dims(b, -3)  # [..., 1, M, 4]
    height = xp.minimum(a[..., 2], b[..., 2]) - xp.maximum(a[..., 0], b[..., 0])
    width = xp.minimum(a[..., 3], b[..., 3]) - xp.maximum(a[..., 1], b[..., 1])
    intersection = xp.maximum(height, 0.0) * xp.maximum(width, 0.0)
    union = area(a, xp) + area(b, xp) - intersection
    return intersection / xp.maximum(union, _TINY_SIDE**2)


def encode(boxes, gt_boxes, std_dev, xp=np):
    """Deltas that move `boxes` onto `gt_boxes`.

    The parametrisation of R-CNN (Girshick et al. 2014, appendix C), divided by the deltas'
    standard deviation as in Fast R-CNN: `(dy, dx, log dh, log dw) / std_dev`.

    Args:
        boxes: `[..., (y1, x1, y2, x2)]` anchors or proposals.
        gt_boxes: `[..., (y1, x1, y2, x2)]`, same unit.
        std_dev: four numbers, such as `Config.BBOX_STD_DEV`.
        xp: array module, NumPy or `keras.ops`.

    Returns:
        `[..., (dy, dx, log dh, log dw)]`, finite even for boxes without area.
    """
    center_y, center_x, height, width = _center_form(boxes, xp)
    gt_center_y, gt_center_x, gt_height, gt_width = _center_form(gt_boxes, xp)
    deltas = (
        (gt_center_y - center_y) / height,
        (gt_center_x - center_x) / width,
        xp.log(gt_height / height),
        xp.log(gt_width / width),
    )
    return xp.stack([d / float(s) for d, s in zip(deltas, std_dev, strict=True)], axis=-1)


def decode(boxes, deltas, std_dev, xp=np):
    """Moves `boxes` by `deltas`: the inverse of `encode`.

    Args:
        boxes: `[..., (y1, x1, y2, x2)]` anchors or proposals.
        deltas: `[..., (dy, dx, log dh, log dw)]`, divided by `std_dev` as `encode` does.
        std_dev: four numbers, such as `Config.BBOX_STD_DEV`.
        xp: array module, NumPy or `keras.ops`.

    Returns:
        `[..., (y1, x1, y2, x2)]` in the unit of `boxes`. A side grows at most 62.5 times, see
        `MAX_LOG_SCALE`. An empty side stays empty.
    """
    height, width = _sides(boxes)
    dy, dx, dh, dw = (deltas[..., i] * float(s) for i, s in enumerate(std_dev))
    center_y = boxes[..., 0] + 0.5 * height + dy * height
    center_x = boxes[..., 1] + 0.5 * width + dx * width
    height = height * xp.exp(xp.minimum(dh, MAX_LOG_SCALE))
    width = width * xp.exp(xp.minimum(dw, MAX_LOG_SCALE))
    y1 = center_y - 0.5 * height
    x1 = center_x - 0.5 * width
    return xp.stack([y1, x1, y1 + height, x1 + width], axis=-1)


def clip(boxes, window, xp=np):
    """Cuts boxes to a window.

    Args:
        boxes: `[..., (y1, x1, y2, x2)]`.
        window: four numbers, or an array `[..., (y1, x1, y2, x2)]` that broadcasts against
            `boxes` (one window an image: `[batch, 1, 4]`), same unit.
        xp: array module, NumPy or `keras.ops`.

    Returns:
        `[..., (y1, x1, y2, x2)]`; a box outside the window is left without area on its edge.
    """
    top, left, bottom, right = _coordinates(window)
    bounds = ((top, bottom), (left, right), (top, bottom), (left, right))
    sides = [
        xp.maximum(xp.minimum(boxes[..., i], high), low) for i, (low, high) in enumerate(bounds)
    ]
    return xp.stack(sides, axis=-1)


def normalise(boxes_px, shape, convention="aligned", xp=np):
    """Pixels to the network's coordinates.

    Args:
        boxes_px: `[..., (y1, x1, y2, x2)]` in pixels of the molded image.
        shape: `(height, width)` of that image.
        convention: `"aligned"` divides by the size, so that the image is 0 to 1. `"corners"` is
            Matterport's: 0 is the centre of the first pixel, 1 that of the last, and a box ends
            on its last pixel's centre, `(y2 - 1) / (height - 1)`.
        xp: array module, NumPy or `keras.ops`.
    """
    scale_y, scale_x, shift = _scale(shape, convention)
    y1, x1, y2, x2 = _coordinates(boxes_px)
    normalised = (y1 / scale_y, x1 / scale_x, (y2 - shift) / scale_y, (x2 - shift) / scale_x)
    return xp.stack(normalised, axis=-1)


def denormalise(boxes, shape, convention="aligned", xp=np):
    """The network's coordinates to pixels: the inverse of `normalise`, unrounded.

    Matterport rounds here, which moves boxes and masks by up to half a pixel.
    """
    scale_y, scale_x, shift = _scale(shape, convention)
    y1, x1, y2, x2 = _coordinates(boxes)
    boxes_px = (y1 * scale_y, x1 * scale_x, y2 * scale_y + shift, x2 * scale_x + shift)
    return xp.stack(boxes_px, axis=-1)


def normalise_points(points_px, shape, convention="aligned", xp=np):
    """Points `[..., (x, y)]` in pixels to the network's coordinates: see `normalise`.

    A point lies halfway between the first and the last edge of a box without extent.
    """
    scale_y, scale_x, shift = _scale(shape, convention)
    x, y = points_px[..., 0], points_px[..., 1]
    return xp.stack([(x - 0.5 * shift) / scale_x, (y - 0.5 * shift) / scale_y], axis=-1)


def denormalise_points(points, shape, convention="aligned", xp=np):
    """The network's coordinates to pixels, `[..., (x, y)]`: the inverse of `normalise_points`."""
    scale_y, scale_x, shift = _scale(shape, convention)
    x, y = points[..., 0], points[..., 1]
    return xp.stack([x * scale_x + 0.5 * shift, y * scale_y + 0.5 * shift], axis=-1)


def check_convention(convention):
    """Returns `convention`, or raises ValueError where it is not one of `CONVENTIONS`."""
    if convention not in CONVENTIONS:
        raise ValueError(
            f"Expected one of the conventions {CONVENTIONS}, got {convention!r}: use 'aligned', or "
            "'corners' for weights trained by Matterport's code."
        )
    return convention


def _scale(shape, convention):
    """`(height, width)` to divide by, and what to take off y2 and x2 first."""
    height, width = float(shape[0]), float(shape[1])
    if check_convention(convention) == "aligned":
        return height, width, 0.0
    return height - 1.0, width - 1.0, 1.0


def _coordinates(boxes):
    """Four numbers, or an array `[..., 4]`, as a tuple of four."""
    if isinstance(boxes, tuple | list):
        y1, x1, y2, x2 = boxes
        return y1, x1, y2, x2
    return tuple(boxes[..., i] for i in range(4))


def _sides(boxes):
    """Height and width, negative for inverted boxes."""
    return boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]


def _center_form(boxes, xp):
    """Centre and sides, the sides never below `_TINY_SIDE`."""
    height, width = _sides(boxes)
    center_y = boxes[..., 0] + 0.5 * height
    center_x = boxes[..., 1] + 0.5 * width
    return center_y, center_x, xp.maximum(height, _TINY_SIDE), xp.maximum(width, _TINY_SIDE)
