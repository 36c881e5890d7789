"""Matterport's functions of boxes and anchors, in NumPy.

Boxes are `[N, (y1, x1, y2, x2)]`; in pixels y2 and x2 lie outside of the object.
"""

import numpy as np

from mrcnn import boxes as continuous
from mrcnn import masks


def extract_bboxes(mask):
    """Boxes `[N, (y1, x1, y2, x2)]` int32 px around bitmaps [height, width, N]; 0 if empty."""
    return masks.extents(mask).astype(np.int32)


def compute_iou(box, boxes, box_area, boxes_area):
    """IoU of one box `[4]` with boxes `[N, 4]` of the given areas: `[N]`.

    NaN for two boxes without area; `mrcnn.boxes.iou` gives 0, and needs no areas.
    """
    height = np.minimum(box[2], boxes[:, 2]) - np.maximum(box[0], boxes[:, 0])
    width = np.minimum(box[3], boxes[:, 3]) - np.maximum(box[1], boxes[:, 1])
    intersection = np.maximum(height, 0) * np.maximum(width, 0)
    return intersection / (box_area + boxes_area - intersection)


def compute_overlaps(boxes1, boxes2):
    """IoU of all pairs, `[N, 4]` with `[M, 4]`: `[N, M]` float64; see `compute_iou`."""
    areas1, areas2 = _areas(boxes1), _areas(boxes2)
    overlaps = np.zeros((len(boxes1), len(boxes2)))
    for i, box in enumerate(boxes2):  # by column: all at once would not fit in memory
        overlaps[:, i] = compute_iou(box, boxes1, areas2[i], areas1)
    return overlaps


def compute_overlaps_masks(masks1, masks2):
    """IoU of all pairs of bitmaps, [height, width, N] with [height, width, M]: `[N, M]` float32.

    Empty bitmaps give NaN among each other, as they always did.
    """
    if not masks1.size or not masks2.size:
        return np.zeros((masks1.shape[-1], masks2.shape[-1]))
    flat1, flat2 = (
        np.reshape(layers > 0.5, (-1, layers.shape[-1])).astype(np.float32)
        for layers in (masks1, masks2)
    )
    intersections = flat1.T @ flat2
    with np.errstate(invalid="ignore"):
        return intersections / (flat1.sum(0)[:, None] + flat2.sum(0) - intersections)


def non_max_suppression(boxes, scores, threshold):
    """Indices `[K]` int32 of the boxes kept, best score first.

    One image in NumPy; the network's own for whole batches is `mrcnn.layers.nms`.

    Args:
        boxes: `[N, (y1, x1, y2, x2)]`, at least one.
        scores: `[N]`.
        threshold: a box that overlaps a better one by more than this IoU is dropped.
    """
    if not len(boxes):
        raise ValueError("non_max_suppression expects at least one box, got none")
    if boxes.dtype.kind != "f":
        boxes = boxes.astype(np.float32)
    areas = _areas(boxes)
    left, keep = np.argsort(scores)[::-1], []
    while len(left):
        best, left = left[0], left[1:]
        keep.append(best)
        iou = compute_iou(boxes[best], boxes[left], areas[best], areas[left])
        left = left[~(iou > threshold)]
    return np.array(keep, np.int32)


def apply_box_deltas(boxes, deltas):
    """Boxes moved by deltas `[N, (dy, dx, log dh, log dw)]`, float32.

    exp() is unbounded here and can overflow; `mrcnn.boxes.decode` bounds it.
    """
    boxes = boxes.astype(np.float32)
    sides = boxes[:, 2:] - boxes[:, :2]
    centers = boxes[:, :2] + 0.5 * sides
    centers += deltas[:, :2] * sides
    sides *= np.exp(deltas[:, 2:])
    first = centers - 0.5 * sides
    return np.concatenate([first, first + sides], axis=1)


def box_refinement(box, gt_box):
    """Deltas `[N, (dy, dx, log dh, log dw)]` float32 that move boxes onto others.

    `mrcnn.boxes.encode` without standard deviations; finite also for boxes without area.
    """
    return continuous.encode(box.astype(np.float32), gt_box.astype(np.float32), (1, 1, 1, 1))


def norm_boxes(boxes, shape):
    """Pixels to Matterport's normalised coordinates, float32.

    `mrcnn.boxes.normalise` with the convention "corners"; what starts here uses "aligned".
    """
    return continuous.normalise(np.asarray(boxes), shape, "corners").astype(np.float32)


def denorm_boxes(boxes, shape):
    """The inverse of `norm_boxes`, rounded to int32.

    Rounding moves a box by up to half a pixel; `mrcnn.boxes.denormalise` does not round.
    """
    boxes = np.asarray(boxes, np.float64)
    return np.around(continuous.denormalise(boxes, shape, "corners")).astype(np.int32)


def trim_zeros(x):
    """The rows of [rows, columns] that are not all zero."""
    return x[np.any(x != 0, axis=1)]


def generate_anchors(scales, ratios, shape, feature_stride, anchor_stride):
    """Anchors of one level, centred on the upper left corners of their cells.

    In float64, which the exact comparisons of `build_rpn_targets` need; the network's own are
    `mrcnn.anchors.pyramid_anchors`.

    Args:
        scales: side of a square anchor in px, one number or several.
        ratios: width / height, one number or several.
        shape: (height, width) of the feature map.
        feature_stride: px a cell.
        anchor_stride: cells between neighbouring anchors.

    Returns:
        `[anchors, (y1, x1, y2, x2)]` float64 px; the scales vary fastest, then the ratios.
    """
    scales, roots = (grid.ravel() for grid in np.meshgrid(scales, np.sqrt(ratios)))
    sides = np.stack([scales / roots, scales * roots], axis=-1)
    rows, columns = (np.arange(0, cells, anchor_stride) * feature_stride for cells in shape)
    centers = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)[:, :, None]
    corners = np.concatenate([centers - 0.5 * sides, centers + 0.5 * sides], axis=-1)
    return corners.reshape(-1, 4)


def generate_pyramid_anchors(scales, ratios, feature_shapes, feature_strides, anchor_stride):
    """`generate_anchors` of all levels in one table, in the order of the scales.

    Args:
        scales: one entry per level, px.
        ratios: width / height, the same for all levels.
        feature_shapes: (height, width) per level, at least as many as scales.
        feature_strides: px a cell, per level.
        anchor_stride: cells between neighbouring anchors.
    """
    levels = zip(scales, feature_shapes, feature_strides, strict=False)
    return np.concatenate([
        generate_anchors(scale, ratios, shape, stride, anchor_stride)
        for scale, shape, stride in levels
    ])


def _areas(boxes):
    """Areas `[N]`; negative for a box that is inverted along one axis."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
