"""COCO's average precision, by COCO's own code (pycocotools), as plain numbers."""

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

_MOST_DETECTIONS = -1  # index of the largest number of detections an image that is measured


def evaluate(ground_truth: dict, detections: list[dict], kind: str, **settings) -> COCOeval:
    """Runs COCO's evaluation.

    Args:
        ground_truth: a COCO data set; its annotations are written into.
        detections: annotations with ids and areas, written into. `area` bounds which false alarms
            a size class counts.
        kind: COCO's `iouType`: "bbox", "segm" or "keypoints".
        **settings: of `COCOeval.params`.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        evaluation = COCOeval(_index(ground_truth, ground_truth["annotations"]),
                              _index(ground_truth, detections), kind)
        for name, value in settings.items():
            setattr(evaluation.params, name, value)
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def _index(ground_truth: dict, annotations: list[dict]) -> COCO:
    """An index over annotations. `COCO.loadRes` would refuse an empty list of detections."""
    index = COCO()
    index.dataset = {**ground_truth, "annotations": annotations}
    index.createIndex()
    return index


def summarise(evaluation: COCOeval) -> dict[str, float | None]:
    """COCO's summary: AP, AP50, AP75, AP by size (AP_small, ...) and AR; None: nothing to find."""
    precision = evaluation.eval["precision"]  # [IoU, recall, class, area, detections]
    numbers = _of_all_sizes(precision)
    for i, size in enumerate(evaluation.params.areaRngLbl[1:], start=1):
        numbers[f"AP_{size}"] = _mean(precision[:, :, :, i, _MOST_DETECTIONS])
    numbers["AR"] = _mean(evaluation.eval["recall"][:, :, 0, _MOST_DETECTIONS])
    return numbers


def by_class(evaluation: COCOeval) -> dict[int, dict[str, float | None]]:
    """AP, AP50 and AP75 by class id."""
    precision = evaluation.eval["precision"]
    return {class_id: _of_all_sizes(precision[:, :, [k]])
            for k, class_id in enumerate(evaluation.params.catIds)}


def _of_all_sizes(precision: np.ndarray) -> dict[str, float | None]:
    """AP, AP50, AP75 from [IoU, recall, class, area, detections]; IoU runs 0.50:0.05:0.95."""
    by_iou = precision[:, :, :, 0, _MOST_DETECTIONS]
    return {"AP": _mean(by_iou), "AP50": _mean(by_iou[0]), "AP75": _mean(by_iou[5])}


def _mean(values: np.ndarray) -> float | None:
    """Mean of what was measured: COCO writes -1 where a class has no object."""
    measured = values[values > -1]
    return float(measured.mean()) if measured.size else None
