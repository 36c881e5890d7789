"""Matterport's average precision of single images.

Quick to look at in a notebook, and not COCO's: all categories of an image in one curve. Publish
numbers of pycocotools' `COCOeval` instead.
"""

import numpy as np

from mrcnn.matterport.boxes import compute_overlaps, compute_overlaps_masks, trim_zeros


def compute_matches(gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores,
                    pred_masks, iou_threshold=0.5, score_threshold=0.0):
    """Pair predictions, best score first, with the objects whose masks they overlap most.

    An object that the very best prediction took (index 0) is given away once more, as in the
    original, so that more can match than there are: `pycocotools.cocoeval` counts right.

    Args:
        gt_boxes: [N, 4] px; rows of zeros are padding.
        gt_class_ids: [N].
        gt_masks: [height, width, N].
        pred_boxes: [M, 4] px; rows of zeros are padding.
        pred_class_ids: [M].
        pred_scores: [M].
        pred_masks: [height, width, M].
        iou_threshold: least IoU of a pair.
        score_threshold: another least IoU, whatever its name says.

    Returns:
        gt_match: [N] index of the prediction, -1 for none; predictions counted by falling score.
        pred_match: [M] index of the object, -1 for none.
        overlaps: [M, N] IoU of the masks.
    """
    gt_boxes, pred_boxes = trim_zeros(gt_boxes), trim_zeros(pred_boxes)
    order = np.argsort(pred_scores[:len(pred_boxes)])[::-1]
    pred_class_ids = pred_class_ids[order]
    overlaps = compute_overlaps_masks(pred_masks[..., order], gt_masks[..., :len(gt_boxes)])
    gt_match, pred_match = np.full(len(gt_boxes), -1.0), np.full(len(pred_boxes), -1.0)
    for i, ious in enumerate(overlaps):
        for j in np.argsort(ious)[::-1]:
            if gt_match[j] > 0:
                continue
            if ious[j] < max(iou_threshold, score_threshold):
                break
            if pred_class_ids[i] == gt_class_ids[j]:
                gt_match[j], pred_match[i] = i, j
                break
    return gt_match, pred_match, overlaps


def compute_ap(gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores,
               pred_masks, iou_threshold=0.5):
    """Area under one image's precision-recall curve; see `compute_matches` for what may pass 1.

    Args:
        gt_boxes: as `compute_matches` takes them, and the others.
        iou_threshold: least IoU of a match.

    Returns:
        average precision, precisions [M + 2], recalls [M + 2], overlaps [M, N].
    """
    gt_match, pred_match, overlaps = compute_matches(
        gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks,
        iou_threshold)
    hits = np.cumsum(pred_match > -1)
    precisions = np.concatenate([[0], hits / (np.arange(len(hits)) + 1), [0]])
    recalls = np.concatenate([[0], hits.astype(np.float32) / len(gt_match), [1]])
    # Each precision becomes the best at its recall or beyond (PASCAL VOC).
    precisions = np.maximum.accumulate(precisions[::-1])[::-1]
    steps = np.flatnonzero(recalls[:-1] != recalls[1:]) + 1
    average = np.sum((recalls[steps] - recalls[steps - 1]) * precisions[steps])
    return average, precisions, recalls, overlaps


def compute_ap_range(gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask,
                     iou_thresholds=None, verbose=1):
    """Mean of `compute_ap` over IoU thresholds, by default 0.5, 0.55, ..., 0.95; prints them."""
    if iou_thresholds is None:
        iou_thresholds = np.arange(0.5, 1.0, 0.05)
    averages = []
    for threshold in iou_thresholds:
        average = compute_ap(gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score,
                             pred_mask, iou_threshold=threshold)[0]
        averages.append(average)
        if verbose:
            print(f"AP @{threshold:.2f}:\t {average:.3f}")
    mean = np.mean(averages)
    if verbose:
        print(f"AP @{iou_thresholds[0]:.2f}-{iou_thresholds[-1]:.2f}:\t {mean:.3f}")
    return mean


def compute_recall(pred_boxes, gt_boxes, iou):
    """Share of objects that are some proposal's best, at this IoU at least.

    Returns:
        recall 0..1, and the indices [K] of the proposals [N, 4] that reach the IoU.
    """
    overlaps = compute_overlaps(pred_boxes, gt_boxes)
    positive_ids = np.flatnonzero(overlaps.max(axis=1) >= iou)
    found = set(overlaps.argmax(axis=1)[positive_ids])
    return len(found) / len(gt_boxes), positive_ids
