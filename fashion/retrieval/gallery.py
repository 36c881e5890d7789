"""Which of a detector's findings on a photo stand for its garments: one for each place."""

import numpy as np

from mrcnn.boxes import iou

# A found box is on a true garment from this IoU on (DeepFashion2's script of retrieval).
SAME_GARMENT = 0.5
# A detection below this score is not put into the gallery that is measured. Low, because a garment
# without an entry is never found, while `is_shown` keeps its copies out.
# `python tests/benchmarks/bench_gallery.py --weights=sample`, after the demo: 87 % of the garments
# have an entry and there are 1.5 entries a garment; at a score of 0.5 it is 35 %, and with all
# detections from 0.05 on 8 entries.
GALLERY_SCORE = 0.2


def is_shown(boxes: np.ndarray, scores: np.ndarray, least: float = GALLERY_SCORE) -> np.ndarray:
    """Which detections of a photo stand for its garments.

    The most confident detection stands for a garment (DeepFashion2, section 4.3): one that covers
    the same place as a better one is left out, whatever the classes, or copies of few garments
    would fill a search's first 20 places. The official rules leave this to the contestant.

    Args:
        boxes: [D, 4] px, (y1, x1, y2, x2) or (x1, y1, x2, y2).
        scores: [D].
        least: score of a detection that is shown.

    Returns:
        [D] bool.
    """
    shown = np.zeros(len(boxes), bool)
    same = iou(boxes, boxes) >= SAME_GARMENT
    for row in np.argsort(-scores, kind="stable"):
        shown[row] = scores[row] >= least and not (same[row] & shown).any()
    return shown
