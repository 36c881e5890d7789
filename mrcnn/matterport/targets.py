"""Matterport's training targets in NumPy, drawn from `np.random` as the originals drew theirs.

Training makes its own inside the graph, with boxes that need not be whole pixels: `mrcnn.rpn` and
`mrcnn.sampling`.
"""

import numpy as np

from mrcnn import boxes as continuous
from mrcnn.matterport.boxes import box_refinement, compute_overlaps
from mrcnn.matterport.images import expand_mask, resize

POSITIVE, NEUTRAL, NEGATIVE = 1, 0, -1


def build_rpn_targets(image_shape, anchors, gt_class_ids, gt_boxes, config):
    """What the region proposal network should say of each anchor; see `mrcnn.rpn.AnchorTargets`.

    Of several anchors that overlap an object equally well the first alone is its best, and an
    object that no anchor overlaps makes a positive of the very first, as in the original.

    Args:
        image_shape: has no effect, as in the original.
        anchors: [A, (y1, x1, y2, x2)] px.
        gt_class_ids: [N], negative for crowds: near them nothing is a negative.
        gt_boxes: [N, (y1, x1, y2, x2)] px, at least one that is no crowd.
        config: RPN_TRAIN_ANCHORS_PER_IMAGE (R), RPN_BBOX_STD_DEV.

    Returns:
        rpn_match: [A] int32, 1 positive, -1 negative, 0 neutral; at most R are not neutral.
        rpn_bbox: [R, (dy, dx, log dh, log dw)] of the positives, in order; zeros after them.
    """
    boxes = gt_boxes[gt_class_ids > 0]
    crowd_overlaps = compute_overlaps(anchors, gt_boxes[gt_class_ids < 0])
    overlaps = compute_overlaps(anchors, boxes)
    best = overlaps.max(axis=1)
    rpn_match = np.full(len(anchors), NEUTRAL, np.int32)
    rpn_match[(best < 0.3) & (crowd_overlaps.max(axis=1, initial=0.0) < 0.001)] = NEGATIVE
    rpn_match[overlaps.argmax(axis=0)] = POSITIVE
    rpn_match[best >= 0.7] = POSITIVE
    sample = config.RPN_TRAIN_ANCHORS_PER_IMAGE
    _neutralise_beyond(sample // 2, rpn_match, POSITIVE)
    _neutralise_beyond(sample - np.sum(rpn_match == POSITIVE), rpn_match, NEGATIVE)
    positive = np.flatnonzero(rpn_match == POSITIVE)
    rpn_bbox = np.zeros((sample, 4))
    rpn_bbox[:len(positive)] = continuous.encode(
        anchors[positive], boxes[overlaps[positive].argmax(axis=1)], config.RPN_BBOX_STD_DEV)
    return rpn_match, rpn_bbox


def _neutralise_beyond(limit, rpn_match, value):
    """Make random anchors neutral until at most `limit` have this value."""
    indices = np.flatnonzero(rpn_match == value)
    if len(indices) > limit:
        rpn_match[np.random.choice(indices, len(indices) - limit, replace=False)] = NEUTRAL


def generate_random_rois(image_shape, count, gt_class_ids, gt_boxes):
    """Random proposals, nine in ten around objects; `mrcnn.data.rois` draws them unrounded.

    Args:
        image_shape: (height, width, ...) px.
        count: R.
        gt_class_ids: has no effect, as in the original.
        gt_boxes: [N, (y1, x1, y2, x2)] px.

    Returns:
        [R, (y1, x1, y2, x2)] int32 px, no side shorter than a pixel.
    """
    height, width = image_shape[:2]
    per_box = int(0.9 * count / len(gt_boxes)) if len(gt_boxes) else 0
    rois = []
    for y1, x1, y2, x2 in gt_boxes:
        rows = max(2 * y1 - y2, 0), min(2 * y2 - y1, height)
        columns = max(2 * x1 - x2, 0), min(2 * x2 - x1, width)
        rois.append(_random_boxes(rows, columns, per_box))
    elsewhere = count - per_box * len(gt_boxes)
    rois.append(_random_boxes((0, height), (0, width), elsewhere))
    return np.concatenate(rois).astype(np.int32)


def _random_boxes(rows, columns, count):
    """Boxes [count, 4] with whole coordinates in the half-open ranges of rows and columns."""
    while True:
        spans = [np.random.randint(*span, (2 * count, 2)) for span in (rows, columns)]
        (y1, y2), (x1, x2) = (
            np.sort(span[span[:, 0] != span[:, 1]][:count], axis=1).T for span in spans
        )
        if len(y1) == len(x1) == count:
            return np.stack([y1, x1, y2, x2], axis=1)


def build_detection_targets(rpn_rois, gt_class_ids, gt_boxes, gt_masks, config):
    """Samples proposals and says what the heads should make of them.

    Too few negatives are repeated, so that an image always fills its sample; `mrcnn.sampling`
    leaves places empty and masks them out of the losses.

    Args:
        rpn_rois: [R, (y1, x1, y2, x2)] px.
        gt_class_ids: [N] int.
        gt_boxes: [N, (y1, x1, y2, x2)] int px.
        gt_masks: [height, width, N] bool, or mini-masks with USE_MINI_MASK.
        config: TRAIN_ROIS_PER_IMAGE (T), ROI_POSITIVE_RATIO, NUM_CLASSES (C), BBOX_STD_DEV,
            MASK_SHAPE (h, w), USE_MINI_MASK, IMAGE_SHAPE.

    Returns:
        rois: [T, 4] px, positives first.
        class_ids: [T], 0 for negatives.
        bboxes: [T, C, (dy, dx, log dh, log dw)] float32, at the ROI's own class.
        masks: [T, h, w, C] float32 0..1, at the ROI's own class.

    Raises:
        ValueError: no proposals, no objects, or no negative among the proposals.
    """
    objects = np.flatnonzero(gt_class_ids > 0)
    if not len(rpn_rois) or not len(objects):
        raise ValueError(
            f"expected proposals and objects, got {len(rpn_rois)} and {len(objects)}: leave out "
            "images without objects")
    gt_class_ids, gt_boxes = gt_class_ids[objects], gt_boxes[objects]
    gt_masks = gt_masks[..., objects].astype(bool)
    overlaps = compute_overlaps(rpn_rois, gt_boxes)
    positive, negative = _sample(overlaps.max(axis=1), config)
    rois = rpn_rois[np.concatenate([positive, negative])]
    assigned = overlaps[positive].argmax(axis=1)
    class_ids = np.zeros(len(rois), gt_class_ids.dtype)
    class_ids[:len(positive)] = gt_class_ids[assigned]
    own_class = np.arange(len(positive)), class_ids[:len(positive)]
    bboxes = np.zeros((len(rois), config.NUM_CLASSES, 4), np.float32)
    bboxes[own_class] = box_refinement(rois[:len(positive)], gt_boxes[assigned])
    bboxes /= config.BBOX_STD_DEV
    masks = np.zeros((len(rois), *config.MASK_SHAPE, config.NUM_CLASSES), np.float32)
    if config.USE_MINI_MASK:
        gt_masks = expand_mask(gt_boxes, gt_masks, config.IMAGE_SHAPE)
    for i, (class_id, object_index) in enumerate(zip(own_class[1], assigned, strict=True)):
        y1, x1, y2, x2 = rois[i].astype(np.int32)
        masks[i, ..., class_id] = resize(gt_masks[y1:y2, x1:x2, object_index], config.MASK_SHAPE)
    return rois, class_ids, bboxes, masks


def _sample(iou, config):
    """Indices of positive and negative proposals, TRAIN_ROIS_PER_IMAGE together.

    Args:
        iou: [R] of each proposal with its object.
        config: TRAIN_ROIS_PER_IMAGE, ROI_POSITIVE_RATIO.
    """
    count = config.TRAIN_ROIS_PER_IMAGE
    positive = _at_most(int(count * config.ROI_POSITIVE_RATIO), np.flatnonzero(iou > 0.5))
    negative = _at_most(count - len(positive), np.flatnonzero(iou < 0.5))
    missing = count - len(positive) - len(negative)
    if missing and not len(negative):
        raise ValueError(
            f"all {len(iou)} proposals overlap an object by half or more: give some that miss")
    if missing:
        negative = np.concatenate([negative, np.random.choice(negative, missing, replace=True)])
    return positive, negative


def _at_most(limit, indices):
    """The indices, or `limit` random ones where there are more."""
    if len(indices) <= limit:
        return indices
    return np.random.choice(indices, limit, replace=False)
