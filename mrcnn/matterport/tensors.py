"""Matterport's small graph functions: boxes, padding and image meta as tensors."""

import numpy as np
from keras import ops

from mrcnn import boxes as ours
from mrcnn.matterport.base import graph_function


@graph_function
def apply_box_deltas_graph(boxes, deltas):
    """Moves boxes `[..., 4]` by deltas `[..., (dy, dx, log dh, log dw)]`, whatever their size.

    `mrcnn.boxes.decode` is the better one: it bounds the growth, so that no exp() overflows.
    """
    sides = boxes[..., 2:] - boxes[..., :2]
    centers = boxes[..., :2] + 0.5 * sides + deltas[..., :2] * sides
    sides = sides * ops.exp(deltas[..., 2:])
    corners = centers - 0.5 * sides
    return ops.concatenate([corners, corners + sides], axis=-1)


@graph_function
def clip_boxes_graph(boxes, window):
    """Cuts boxes `[..., 4]` to one window `[(y1, x1, y2, x2)]`, by `mrcnn.boxes.clip`."""
    return ours.clip(boxes, window, xp=ops)


@graph_function
def overlaps_graph(boxes1, boxes2):
    """IoU `[N, M]` of boxes `[N, 4]` and `[M, 4]`, by `mrcnn.boxes.iou`.

    Where neither box has an area this is 0, which divided 0 by 0 in Matterport's.
    """
    return ours.iou(boxes1, boxes2, xp=ops)


@graph_function
def norm_boxes_graph(boxes, shape):
    """Boxes `[..., 4]` in pixels to normalised ones; the image's `[(height, width)]` a tensor.

    `mrcnn.boxes.normalise` is the better one: in its "aligned" convention pixels are areas.
    """
    scale, shift = _corners(shape)
    return (ops.cast(boxes, "float32") - shift) / scale


@graph_function
def denorm_boxes_graph(boxes, shape):
    """Normalised boxes `[..., 4]` to whole pixels, int32; the inverse of `norm_boxes_graph`.

    `mrcnn.boxes.denormalise` is the better one: rounding moves a box by up to half a pixel.
    """
    scale, shift = _corners(shape)
    return ops.cast(ops.round(boxes * scale + shift), "int32")


def _corners(shape):
    """What to divide by, `[4]`, and what to take off first: the "corners" convention."""
    shape = ops.cast(ops.convert_to_tensor(shape), "float32")
    return ops.concatenate([shape, shape]) - 1.0, np.array([0, 0, 1, 1], "float32")


@graph_function
def trim_zeros_graph(boxes, name="trim_zeros"):
    """Drops the zero rows of boxes `[N, 4]`.

    Our network keeps padding and masks it (`mrcnn.boxes.valid`), so that shapes stay static.

    Returns:
        The other rows, and bool `[N]`: which those are.
    """
    kept = ops.sum(ops.abs(boxes), axis=1) > 0
    return ops.take(boxes, ops.nonzero(kept)[0], axis=0), kept


@graph_function
def batch_pack_graph(x, counts, num_rows):
    """The first `counts[i]` entries of each of `num_rows` rows of `[batch, N, ...]`, in one list.

    Our losses mask rows instead (`mrcnn.losses.masked_mean`), so that shapes stay static.
    """
    return ops.concatenate([x[row, : counts[row]] for row in range(num_rows)], axis=0)


@graph_function
def parse_image_meta_graph(meta):
    """Image meta `[batch, 12 + classes]` by name, as `compose_image_meta` wrote it.

    Our inference graph takes the one part it needs, `input_window`, as an input of its own.

    Returns:
        A dict: image_id and scale [batch], original_image_shape and image_shape [batch, 3],
        window [batch, (y1, x1, y2, x2)] in pixels, active_class_ids [batch, classes].
    """
    return {
        "image_id": meta[:, 0],
        "original_image_shape": meta[:, 1:4],
        "image_shape": meta[:, 4:7],
        "window": meta[:, 7:11],
        "scale": meta[:, 11],
        "active_class_ids": meta[:, 12:],
    }


@graph_function
def log2_graph(x):
    """Logarithm to base 2; `keras.ops.log2` is the same."""
    return ops.log2(x)
