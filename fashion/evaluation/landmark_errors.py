"""How far landmarks are off, in pixels and as PCK: for reading, beside the average precision.

A garment's landmarks are compared with those of the best scored detection of its category whose
box overlaps its own by an IoU of at least 0.5. Garments that were not found have no errors: their
share is given, and the average precision counts them.

PCK (percentage of correct keypoints) is the share of landmarks that are off by at most so much of
the annotated box's longer side: Yang & Ramanan, "Articulated Human Detection with Flexible Mixtures
of Parts", TPAMI 2013, section 5.1, who take 0.1; 0.2 is usual for clothes.
"""

import numpy as np
from pycocotools import mask as coco_mask

SHARES = {"PCK10": 0.1, "PCK20": 0.2}
_LEAST_IOU = 0.5


class LandmarkErrors:
    """Collects the errors of garments, one by one."""

    def __init__(self):
        self._class_ids, self._sides_px = [], []
        self._visibilities, self._errors_px = [], []  # of each garment [n]; errors None: not found

    def add(self, annotation: dict, truth: np.ndarray, found: np.ndarray | None) -> None:
        """Adds one garment.

        Args:
            annotation: COCO's, with category_id and bbox [x, y, width, height] px.
            truth: [n, (x, y, v)] px.
            found: [n, (x, y)] px, or None.
        """
        self._class_ids.append(annotation["category_id"])
        self._sides_px.append(max(annotation["bbox"][2:]))
        self._visibilities.append(truth[:, 2])
        self._errors_px.append(
            None if found is None else np.linalg.norm(found - truth[:, :2], axis=1))

    def summarise(self, least: int, class_id: int | None = None) -> dict:
        """The errors of landmarks whose visibility is at least `least`, of one class or of all.

        Returns:
            "objects", garments with such landmarks; "found", the share of them that was; of the
            landmarks of those "PCK10" and "PCK20" (0 to 1) and "error_px", their mean error.
            None where there is nothing to measure.
        """
        counted = [visibility >= least for visibility in self._visibilities]
        chosen = [i for i, own in enumerate(self._class_ids)
                  if class_id in (None, own) and counted[i].any()]
        found = [i for i in chosen if self._errors_px[i] is not None]
        errors_px = [self._errors_px[i][counted[i]] for i in found]
        numbers = {"objects": len(chosen), "found": len(found) / len(chosen) if chosen else None}
        if not found:
            return {**numbers, **dict.fromkeys(SHARES), "error_px": None}
        relative = np.concatenate([errors / self._sides_px[i]
                                   for i, errors in zip(found, errors_px, strict=True)])
        return {**numbers,
                **{name: float((relative <= share).mean()) for name, share in SHARES.items()},
                "error_px": float(np.concatenate(errors_px).mean())}


def partners(annotations: list[dict], detections: list[dict]) -> list[int | None]:
    """For each annotated object the index of the detection that its landmarks are compared with.

    Args:
        annotations, detections: COCO's, with bbox and category_id; detections with score.
    """
    if not annotations or not detections:
        return [None] * len(annotations)
    overlaps = coco_mask.iou([detection["bbox"] for detection in detections],
                             [annotation["bbox"] for annotation in annotations],
                             [0] * len(annotations))  # [detections, annotations]
    return [_best(detections, annotation["category_id"], overlap)
            for annotation, overlap in zip(annotations, overlaps.T, strict=True)]


def _best(detections, class_id, overlaps):
    fitting = [i for i, detection in enumerate(detections)
               if detection["category_id"] == class_id and overlaps[i] >= _LEAST_IOU]
    return max(fitting, key=lambda i: detections[i]["score"], default=None)
