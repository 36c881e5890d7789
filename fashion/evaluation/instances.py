"""Average precision of detected garments, by COCO's own code (pycocotools).

Four tasks. `bbox` and `segm` are COCO's: overlap of boxes or of masks, class by class, then
averaged over the classes that occur. `bbox_agnostic` and `segm_agnostic` leave the classes aside
and ask only whether the garments were found; there one garment detected as two classes is one hit
and one false alarm. Two more measure landmarks, see `fashion.evaluation.landmarks`.

    evaluator = InstanceEvaluator(dataset)
    evaluator.add(image_id, image.shape[:2], prediction)   # for each image
    metrics = evaluator.evaluate()                         # metrics["segm"]["AP50"]
"""

import json
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask

from fashion.evaluation import average_precision, coco, landmarks
from fashion.evaluation.json_rows import write_rows

# Which head of the network each task needs.
TASKS = {"bbox": "box", "bbox_agnostic": "box", "segm": "mask", "segm_agnostic": "mask",
         **dict.fromkeys(landmarks.TASKS, "keypoint")}

# Official results of boxes and masks, and what of a detection they hold.
RESULTS = {"bbox_results.json": "bbox", "segm_results.json": "segmentation"}

_AGNOSTIC = "_agnostic"


class InstanceEvaluator:
    """Collects truth and detections image by image; only images that were added count.

    Args:
        dataset: any prepared `Dataset`; its polygons and boxes are the truth where it has them,
            its bitmaps otherwise.
        standard: what its keypoints are measured by, if it has any.

    Attributes:
        ground_truth: the truth so far as a COCO data set (dict).
        detections: the detections so far in COCO's results format (list).
        landmarks: the true and the found landmarks so far, a `LandmarkEvaluator`.
        precisions: by task that was evaluated and tells classes apart `average_precision.curves`.
    """

    def __init__(self, dataset, standard: landmarks.Standard = landmarks.DEEPFASHION2):
        self._dataset = dataset
        ids = dataset.image_ids
        self._numbers = dict(zip(ids, coco.image_numbers(dataset, ids), strict=True))
        self.ground_truth = {"images": [], "annotations": [],
                             "categories": coco.categories(dataset)}
        self.detections: list[dict] = []
        self._ids: dict[tuple[int, int], int] = {}  # (image id, place) -> annotation id
        self.landmarks = landmarks.LandmarkEvaluator(standard)
        self.precisions: dict[str, np.ndarray] = {}

    def add(self, image_id: int, shape: tuple[int, int], prediction, codes=None) -> None:
        """Adds one image.

        Args:
            image_id: the data set's.
            shape: (height, width) of the image, px.
            prediction: what was found, see `coco.detection_dicts`; with `keypoints`
                [N, K, (x, y, score)] px, or None.
            codes: N run-length codes of its masks where they are known already.
        """
        number = self._numbers[image_id]
        annotations = self.ground_truth["annotations"]
        # Ids start at 1: COCOeval takes the match with id 0 for no match.
        objects = [{"id": len(annotations) + place, **annotation} for place, annotation in
                   enumerate(coco.annotation_dicts(self._dataset, image_id, number, shape), 1)]
        found = coco.detection_dicts(prediction, number, shape, codes)
        self.ground_truth["images"].append(
            coco.image_dict(number, self._dataset.image_info[image_id], shape))
        annotations.extend(objects)
        self._ids |= {(int(image_id), place): each["id"] for place, each in enumerate(objects)}
        self.detections.extend(found)
        if prediction.keypoints is not None:
            self._add_landmarks(image_id, shape, objects, found, prediction.keypoints)

    def _add_landmarks(self, image_id, shape, objects, found, keypoints) -> None:
        truth = self._dataset.load_keypoints(image_id)
        if truth is None:
            return
        if self.landmarks.standard.scale == "mask":
            objects = [{**each, "area": coco.mask_area(each["segmentation"], shape)}
                       for each in objects]
        self.landmarks.add(shape, objects, truth, found, keypoints)

    def evaluate(self, tasks=None, subsets=None) -> dict[str, dict]:
        """Computes the metrics of every task.

        Args:
            tasks: of `TASKS`; by default all that the detections allow, which for a network
                without a mask head are those of boxes.
            subsets: see `subsets.subsets_of`.

        Returns:
            By task a dict of "AP" (mean over IoU 0.50:0.05:0.95), "AP50", "AP75", "AP_small",
            "AP_medium", "AP_large" and "AR" (recall at 100 detections an image), 0 to 1, None
            where there is nothing to find; and, where classes count, "per_class": by class name
            "AP", "AP50", "AP75" and "objects", and with `subsets` "subsets". For landmarks see
            `LandmarkEvaluator.evaluate`.

        Raises:
            ValueError: a task that is not one, or landmarks where there are none.
        """
        if tasks is None:
            tasks = [task for task in TASKS if self._allows(task)]
        annotations = {division: {name: {self._ids[key] for key in garments & self._ids.keys()}
                                  for name, garments in parts.items()}
                       for division, parts in (subsets or {}).items()}
        return {task: self._evaluate_task(task, annotations) for task in tasks}

    def _allows(self, task: str) -> bool:
        if TASKS[task] == "mask":
            return all("segmentation" in detection for detection in self.detections)
        return TASKS[task] == "box" or self.landmarks.images > 0

    def _evaluate_task(self, task: str, subsets: dict) -> dict:
        if task not in TASKS:
            raise ValueError(f"Unknown task {task!r}; expected one of {', '.join(TASKS)}.")
        if not self._allows(task):
            raise ValueError(f"Task {task!r}: the network has no {TASKS[task]} head, or the data "
                             "set nothing to compare it with.")
        if task in landmarks.TASKS:
            numbers, self.precisions[task] = self.landmarks.evaluate(
                task, self.ground_truth, subsets)
            return numbers
        kind = task.removesuffix(_AGNOSTIC)
        is_agnostic = task.endswith(_AGNOSTIC)
        # COCOeval writes into the annotations: it gets copies.
        truth = [dict(annotation) for annotation in self.ground_truth["annotations"]]
        evaluation = average_precision.evaluate(
            {**self.ground_truth, "annotations": truth}, self._with_areas(kind), kind,
            useCats=int(not is_agnostic))
        numbers = average_precision.summarise(evaluation)
        if not is_agnostic:
            numbers["per_class"] = self._per_class(evaluation)
            numbers |= average_precision.by_subset(evaluation, subsets)
            self.precisions[task] = average_precision.curves(evaluation)
        return numbers

    def _with_areas(self, kind: str) -> list[dict]:
        """The detections as annotations."""
        annotations = []
        for number, detection in enumerate(self.detections, start=1):
            width, height = detection["bbox"][2:]
            area = (width * height if kind == "bbox"
                    else float(coco_mask.area(detection["segmentation"])))
            annotations.append({**detection, "id": number, "iscrowd": 0, "area": area})
        return annotations

    def _per_class(self, evaluation) -> dict[str, dict]:
        annotations = self.ground_truth["annotations"]
        counts = np.bincount([a["category_id"] for a in annotations if not a["iscrowd"]],
                             minlength=len(self._dataset.class_names))
        return {self._dataset.class_names[class_id]: {**numbers, "objects": int(counts[class_id])}
                for class_id, numbers in average_precision.by_class(evaluation).items()}

    def write(self, folder: str | Path) -> None:
        """Writes the truth and the detections, in COCO's formats, into a folder.

        The files are ground_truth.json and detections.json, and with landmarks those that
        `LandmarkEvaluator.write` names.
        """
        self._write_truth(folder)
        write_rows(Path(folder) / "detections.json", map(json.dumps, self.detections))

    def write_official(self, folder: str | Path) -> list[str]:
        """The same as DeepFashion2's own evaluation reads it: boxes and masks apart.

        A file with both would count masks among COCO's sizes by their boxes' areas.

        Returns:
            Those of `RESULTS` that there are.
        """
        self._write_truth(folder)
        fields = {name: field for name, field in RESULTS.items()
                  if all(field in detection for detection in self.detections)}
        for name, field in fields.items():
            kept = ("image_id", "category_id", field, "score")
            write_rows(Path(folder) / name, (
                json.dumps({key: detection[key] for key in kept}) for detection in self.detections))
        return list(fields)

    def _write_truth(self, folder) -> None:
        truth = {name: self.ground_truth[name] for name in ("images", "categories")}
        write_rows(Path(folder) / "ground_truth.json",
                   map(json.dumps, self.ground_truth["annotations"]),
                   json.dumps(truth)[:-1] + ', "annotations": ', "}")
        if self.landmarks.images:
            self.landmarks.write(folder, self.ground_truth)
