"""Average precision of detected garments, by COCO's own code (pycocotools).

Four tasks. `bbox` and `segm` are COCO's: overlap of boxes or of masks, class by class, then
averaged over the classes that occur. `bbox_agnostic` and `segm_agnostic` leave the classes aside
and ask only whether the garments were found; there one garment detected as two classes is one hit
and one false alarm.

    evaluator = InstanceEvaluator(dataset)
    evaluator.add(image_id, image.shape[:2], prediction)   # for each image
    metrics = evaluator.evaluate()                         # metrics["segm"]["AP50"]
"""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fashion.evaluation import coco
from mrcnn.files import atomic_path

TASKS = ("bbox", "bbox_agnostic", "segm", "segm_agnostic")

_AGNOSTIC = "_agnostic"
_AREAS = ("all", "small", "medium", "large")  # COCOeval's order: limits at 32^2 and 96^2 px
_MOST_DETECTIONS = -1  # index of the largest of COCO's 1, 10, 100 detections an image


class InstanceEvaluator:
    """Collects truth and detections image by image; only images that were added count.

    Args:
        dataset: any prepared `Dataset`; its polygons and boxes are the truth where it has them,
            its bitmaps otherwise.

    Attributes:
        ground_truth: the truth so far as a COCO data set (dict).
        detections: the detections so far in COCO's results format (list).
    """

    def __init__(self, dataset):
        self._dataset = dataset
        ids = dataset.image_ids
        self._numbers = dict(zip(ids, coco.image_numbers(dataset, ids), strict=True))
        self.ground_truth = {"images": [], "annotations": [],
                             "categories": coco.categories(dataset)}
        self.detections: list[dict] = []

    def add(self, image_id: int, shape: tuple[int, int], prediction) -> None:
        """Adds one image.

        Args:
            image_id: the data set's.
            shape: (height, width) of the image, px.
            prediction: what was found, see `coco.detection_dicts`.
        """
        number = self._numbers[image_id]
        objects = coco.annotation_dicts(self._dataset, image_id, number, shape)
        self.detections.extend(coco.detection_dicts(prediction, number, shape))
        self.ground_truth["images"].append(
            coco.image_dict(number, self._dataset.image_info[image_id], shape))
        annotations = self.ground_truth["annotations"]
        for annotation in objects:
            # Ids start at 1: COCOeval takes the match with id 0 for no match.
            annotations.append({"id": len(annotations) + 1, **annotation})

    def evaluate(self, tasks=None) -> dict[str, dict]:
        """Computes the metrics of every task.

        Args:
            tasks: of `TASKS`; by default all that the detections allow, which for a network
                without a mask head are those of boxes.

        Returns:
            By task a dict of "AP" (mean over IoU 0.50:0.05:0.95), "AP50", "AP75", "AP_small",
            "AP_medium", "AP_large" and "AR" (recall at 100 detections an image), 0 to 1, None
            where there is nothing to find; and, where classes count, "per_class": by class name
            "AP", "AP50", "AP75" and "objects".
        """
        if tasks is None:
            has_masks = all("segmentation" in detection for detection in self.detections)
            tasks = [task for task in TASKS if has_masks or not task.startswith("segm")]
        return {task: self._evaluate_task(task) for task in tasks}

    def _evaluate_task(self, task: str) -> dict:
        if task not in TASKS:
            raise ValueError(f"Unknown task {task!r}; expected one of {', '.join(TASKS)}.")
        iou_type = task.removesuffix(_AGNOSTIC)
        is_agnostic = task.endswith(_AGNOSTIC)
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
            evaluation = COCOeval(_as_coco(self.ground_truth, self.ground_truth["annotations"]),
                                  _as_coco(self.ground_truth, self._with_areas(iou_type)), iou_type)
            evaluation.params.useCats = int(not is_agnostic)
            evaluation.evaluate()
            evaluation.accumulate()
        numbers = _summarise(evaluation.eval)
        if not is_agnostic:
            numbers["per_class"] = self._per_class(evaluation)
        return numbers

    def _with_areas(self, iou_type: str) -> list[dict]:
        """The detections as annotations. `area` bounds which false alarms a size class counts."""
        annotations = []
        for number, detection in enumerate(self.detections, start=1):
            width, height = detection["bbox"][2:]
            area = (width * height if iou_type == "bbox"
                    else float(coco_mask.area(detection["segmentation"])))
            annotations.append({**detection, "id": number, "iscrowd": 0, "area": area})
        return annotations

    def _per_class(self, evaluation: COCOeval) -> dict[str, dict]:
        annotations = self.ground_truth["annotations"]
        counts = np.bincount([a["category_id"] for a in annotations if not a["iscrowd"]],
                             minlength=len(self._dataset.class_names))
        precision = evaluation.eval["precision"]
        return {self._dataset.class_names[class_id]:
                {**_average_precisions(precision[:, :, [k]]), "objects": int(counts[class_id])}
                for k, class_id in enumerate(evaluation.params.catIds)}

    def write(self, folder: str | Path) -> None:
        """Writes ground_truth.json and detections.json, in COCO's formats, into a folder."""
        for name, content in (("ground_truth", self.ground_truth), ("detections", self.detections)):
            with atomic_path(Path(folder) / f"{name}.json") as path:
                path.write_text(json.dumps(content), encoding="utf-8")


def _as_coco(ground_truth: dict, annotations: list[dict]) -> COCO:
    """An index over annotations. `COCO.loadRes` would refuse an empty list of detections."""
    index = COCO()
    # COCOeval writes into the annotations: it gets copies.
    index.dataset = {**ground_truth, "annotations": [dict(a) for a in annotations]}
    index.createIndex()
    return index


def _summarise(result: dict) -> dict[str, float | None]:
    """COCO's summary from [IoU, recall, class, area, detections] precision and its recall."""
    precision = result["precision"]
    numbers = _average_precisions(precision)
    for i, area in enumerate(_AREAS[1:], start=1):
        numbers[f"AP_{area}"] = _mean(precision[:, :, :, i, _MOST_DETECTIONS])
    numbers["AR"] = _mean(result["recall"][:, :, 0, _MOST_DETECTIONS])
    return numbers


def _average_precisions(precision: np.ndarray) -> dict[str, float | None]:
    """AP, AP50, AP75 from [IoU, recall, class, area, detections]; IoU runs 0.50:0.05:0.95."""
    by_iou = precision[:, :, :, 0, _MOST_DETECTIONS]
    return {"AP": _mean(by_iou), "AP50": _mean(by_iou[0]), "AP75": _mean(by_iou[5])}


def _mean(values: np.ndarray) -> float | None:
    """Mean of what was measured: COCO writes -1 where a class has no object."""
    measured = values[values > -1]
    return float(measured.mean()) if measured.size else None
