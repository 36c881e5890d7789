"""Anchors of the feature pyramid: constants, computed from the image's size alone.

They are NumPy arrays that the network closes over, never variables: several ports of Matterport's
code keep them in a trainable `tf.Variable`, where they receive gradients and weight decay.
"""

import functools

import numpy as np

from mrcnn import boxes


def pyramid_shapes(image_shape, strides):
    """Feature map sizes of the pyramid.

    Args:
        image_shape: `(height, width, ...)` of the molded image, in pixels.
        strides: pixels a cell, one number per level.

    Returns:
        A tuple of `(height, width)` per level. A size that the stride does not divide is rounded
        up, as convolutions with "same" padding do.
    """
    height, width = int(image_shape[0]), int(image_shape[1])
    return tuple((-(-height // stride), -(-width // stride)) for stride in strides)


def pyramid_anchors(image_shape, scales, ratios, strides, anchor_stride=1, convention="aligned"):
    """Anchors of all levels in one table.

    An anchor of scale s and ratio r (width / height) has the height `s / sqrt(r)` and the width
    `s * sqrt(r)`: its area is `s * s` whatever its ratio (FPN, Lin et al. 2017, section 4.1).

    Args:
        image_shape: `(height, width, ...)` of the molded image, in pixels.
        scales: side of a square anchor in pixels, one entry per level; an entry may be a tuple of
            several.
        ratios: width / height, the same for all levels.
        strides: pixels a cell, one number per level.
        anchor_stride: 1 puts anchors at every cell, 2 at every second one, and so on.
        convention: `"aligned"` centres anchors on their cell, `(i + 0.5) * stride`; `"corners"`,
            Matterport's, on its upper left corner, `i * stride`.

    Returns:
        Read-only float32 `[anchors, (y1, x1, y2, x2)]` in pixels, in the order of the RPN's
        flattened output: level, row, column, ratio, scale. They may reach beyond the image.

    Raises:
        ValueError: the numbers of scales and strides differ, or the convention is unknown.
    """
    if len(scales) != len(strides):
        raise ValueError(
            f"Expected one anchor scale per pyramid level, got the scales {tuple(scales)} for the "
            f"strides {tuple(strides)}: make RPN_ANCHOR_SCALES and BACKBONE_STRIDES equally long."
        )
    return _pyramid_anchors(
        tuple(int(side) for side in image_shape[:2]),
        tuple(tuple(float(s) for s in np.atleast_1d(entry)) for entry in scales),
        tuple(float(ratio) for ratio in ratios),
        tuple(int(stride) for stride in strides),
        int(anchor_stride),
        boxes.check_convention(convention),
    )


# Bounded: a service that sees images of every shape must not grow. 32 tables of a 1024 px image
# are 130 MB.
@functools.lru_cache(maxsize=32)
def _pyramid_anchors(image_shape, scales, ratios, strides, anchor_stride, convention):
    offset = 0.5 if convention == "aligned" else 0.0
    levels = []
    for shape, scale, stride in zip(
        pyramid_shapes(image_shape, strides), scales, strides, strict=True
    ):
        sides = _sides(scale, ratios)
        centers_y, centers_x = (
            (np.arange(0, cells, anchor_stride) + offset) * stride for cells in shape
        )
        levels.append(_level_anchors(sides, centers_y, centers_x))
    anchors = np.concatenate(levels).astype(np.float32)
    anchors.flags.writeable = False
    return anchors


def _sides(scales, ratios):
    """(height, width) of the anchors of one cell: `[ratios * scales, 2]`, scales innermost."""
    roots, scales = np.meshgrid(np.sqrt(ratios), scales, indexing="ij")
    return np.stack([scales / roots, scales * roots], axis=-1).reshape(-1, 2)


def _level_anchors(sides, centers_y, centers_x):
    """Anchors of one level: `[rows * columns * anchors a cell, (y1, x1, y2, x2)]`."""
    centers = np.stack(np.meshgrid(centers_y, centers_x, indexing="ij"), axis=-1)
    centers = centers[:, :, np.newaxis]  # [rows, columns, 1, (y, x)]
    corners = np.concatenate([centers - 0.5 * sides, centers + 0.5 * sides], axis=-1)
    return corners.reshape(-1, 4)
