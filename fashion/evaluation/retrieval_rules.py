"""DeepFashion2's rules of retrieval, on arrays (its `deepfashion2_retrieval_test.py`).

Boxes are [N, (x1, y1, x2, y2)] float64 px here, rounded as files hold them, and overlaps come from
pycocotools: so the official script decides on the same numbers to the last bit.
"""

import numpy as np
from pycocotools import mask as coco_mask

_DECIMALS = 3  # of a pixel


def corners(boxes_px: np.ndarray) -> np.ndarray:
    """Boxes [N, (y1, x1, y2, x2)] px as files hold them."""
    return np.asarray(boxes_px, np.float64).reshape(-1, 4)[:, [1, 0, 3, 2]].round(_DECIMALS)


def overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[A, B] IoU of boxes [A, 4] with boxes [B, 4]."""
    if not len(a) or not len(b):
        return np.zeros((len(a), len(b)))
    return coco_mask.iou(_sides(a), _sides(b), [0] * len(b))


def _sides(boxes):
    """[N, (x, y, width, height)], row after row in memory: pycocotools takes that for granted."""
    return np.ascontiguousarray(np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]))


def stand_ins(boxes, class_ids, found_boxes, found_class_ids, scores) -> np.ndarray:
    """Which detection stands for each true garment of a photo.

    A detection belongs to the garment that it overlaps most, however little. Of those that belong
    to a garment and have its class the one with the highest score stands for it.

    Args:
        boxes: [N, 4] true.
        class_ids: [N].
        found_boxes: [D, 4].
        found_class_ids: [D].
        scores: [D].

    Returns:
        [N] int, -1 for a garment that was missed.
    """
    chosen = np.full(len(boxes), -1)
    if not len(boxes) or not len(found_boxes):
        return chosen
    owners = overlaps(found_boxes, boxes).argmax(axis=1)
    for garment, class_id in enumerate(class_ids):
        own = np.flatnonzero((owners == garment) & (found_class_ids == class_id))
        if len(own):
            chosen[garment] = own[np.argmax(scores[own])]
    return chosen


def chance(right: np.ndarray, gallery: int, most: int) -> float:
    """Expected top-k accuracy of a gallery in random order: 1 - C(G - m, k) / C(G, k).

    Args:
        right: [Q] m, right entries of the gallery for each query; 0 for a missed one.
        gallery: G.
        most: k.

    Returns:
        Mean over the queries, 0 to 1.
    """
    if not len(right):
        return 0.0
    drawn = np.arange(min(most, gallery))
    wrong = np.maximum(gallery - np.asarray(right)[:, None] - drawn, 0) / (gallery - drawn)
    return float(1 - wrong.prod(axis=1).mean())
