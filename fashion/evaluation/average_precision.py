"""COCO's average precision, by COCO's own code (pycocotools), as plain numbers."""

import contextlib
import copy
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


def on_subset(evaluation: COCOeval, wanted: set[int]) -> COCOeval:
    """The evaluation of a subset of the objects, by the overlaps that are known already.

    Other objects on photos with one of the subset are ignored: they are neither to be found nor,
    when they are found, a false alarm. Photos without any of the subset are left out, for what is
    found there says nothing of it. Objects of all sizes count.

    Args:
        evaluation: what `evaluate` returned.
        wanted: ids of the subset's annotations.
    """
    part, params = copy.copy(evaluation), copy.copy(evaluation.params)
    params.areaRng, params.areaRngLbl = params.areaRng[:1], params.areaRngLbl[:1]
    part._gts = {key: [{**each, "ignore": each["ignore"] or each["id"] not in wanted}
                       for each in objects] for key, objects in evaluation._gts.items()}
    chosen = {key[0] for key, objects in part._gts.items()
              if any(each["id"] in wanted for each in objects)}
    params.imgIds = [image for image in evaluation.params.imgIds if image in chosen]
    part.params = part._paramsEval = params
    part.evalImgs = list(_matches(part, evaluation))
    with contextlib.redirect_stdout(io.StringIO()):
        part.accumulate()
    return part


def _matches(part: COCOeval, evaluation: COCOeval):
    """Yields the matches of a subset, class by class; of most photos they are known already."""
    before, params = evaluation.params, part.params
    places = {image: place for place, image in enumerate(before.imgIds)}
    for row, class_id in enumerate(params.catIds):
        first = row * len(before.areaRng) * len(places)  # of the class, objects of all sizes
        for image in params.imgIds:
            key = image, class_id
            if all(now["ignore"] == then["ignore"] for now, then in zip(
                    part._gts.get(key, ()), evaluation._gts.get(key, ()), strict=True)):
                yield evaluation.evalImgs[first + places[image]]
            else:
                yield part.evaluateImg(image, class_id, params.areaRng[0], params.maxDets[-1])


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


def curves(evaluation: COCOeval) -> np.ndarray:
    """Precisions [3, 101, K] of K classes: at an IoU (or OKS) of 0.50, of 0.75, mean over all.

    At recalls 0, 0.01 .. 1; -1 for a class without objects.
    """
    precision = evaluation.eval["precision"][:, :, :, 0, _MOST_DETECTIONS]
    return np.stack([precision[0], precision[5], precision.mean(axis=0)])


def by_subset(evaluation: COCOeval, subsets: dict[str, dict[str, set]]) -> dict[str, dict]:
    """{"subsets": by division and part AP, AP50, AP75, "objects" that count and "images"}.

    Args:
        evaluation: what `evaluate` returned.
        subsets: ids of annotations by division and part, such as "scale" and "small"; see
            `on_subset`. Without any the result is empty.
    """
    if not subsets:
        return {}
    return {"subsets": {division: {name: _of_subset(on_subset(evaluation, wanted))
                                   for name, wanted in parts.items()}
                        for division, parts in subsets.items()}}


def _of_subset(part: COCOeval) -> dict:
    counted = sum(not each["ignore"] for objects in part._gts.values() for each in objects)
    return {**_of_all_sizes(part.eval["precision"]), "objects": counted,
            "images": len(part.params.imgIds)}


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
