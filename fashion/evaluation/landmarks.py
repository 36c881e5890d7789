"""Average precision of landmarks, as DeepFashion2 measures it, by COCO's own code (pycocotools).

A detection is right when its class is and the object keypoint similarity (OKS) passes a threshold,
0.50:0.05:0.95. OKS is the mean over the true landmarks that count of exp(-d^2 / (2 s^2 k^2)), where
d is the distance, s^2 the area of the annotated box, and k = 2 sigma of the landmark; DeepFashion2
published its own 294 sigmas. At most 20 detections of a class and image count. Two tasks:
`keypoints_visible` counts landmarks that can be seen, `keypoints_visible_and_occluded` also those
that something covers. An object without a landmark that counts is neither to be found nor, when it
is found, a false alarm.

Files hold all 294 landmarks of each object, memory only those of its own category: rows that COCO
reads make the whole vector anew each time. In a detection's vector the landmarks of other
categories lie in the middle of its own. They are compared with nothing, but COCO tells by all of
them whether a detection lies on an object without landmarks, and how large it is: zeros would turn
every such detection into a false alarm.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pycocotools.cocoeval import Params

from fashion.categories import CATEGORIES
from fashion.evaluation import average_precision
from fashion.evaluation.json_rows import write_rows
from fashion.evaluation.landmark_errors import LandmarkErrors, partners
from mrcnn.keypoints import hide_outside

# The least visibility that counts: 2 can be seen, 1 is covered.
TASKS = {"keypoints_visible": 2, "keypoints_visible_and_occluded": 1}
# The official names of the truth, and ours of what was found.
FILES = {"keypoints_visible": "keypoints_val_vis.json",
         "keypoints_visible_and_occluded": "keypoints_val_vis_and_occ.json"}
RESULTS = "keypoints_results.json"

WITHOUT_LANDMARKS = "objects without landmarks: ignored"
ALL_COVERED = "objects whose landmarks are all covered: ignored where only visible ones count"
BROKEN_TRUTH = "true landmarks that are no numbers: taken as absent"
BEYOND_PHOTO = "true landmarks beyond the photo: measured as annotated, though never found there"
BROKEN_FOUND = "found landmarks that are no numbers: taken as (0, 0)"
_DECIMALS = 2  # of a pixel, in files and so in the measure


@dataclass(frozen=True, eq=False)
class Standard:
    """What a data set's keypoints are measured by.

    Attributes:
        sigmas: [K].
        ranges: slice of each class id's own keypoints; None: every class has all.
        scale: where s^2 comes from: "box", the annotated width x height, or "mask", its area.
    """

    sigmas: np.ndarray
    ranges: Mapping[int, slice] | None = None
    scale: str = "box"

    def own(self, class_id: int) -> slice:
        """Places of a class's keypoints among the K."""
        return slice(0, len(self.sigmas)) if self.ranges is None else self.ranges[class_id]


DEEPFASHION2 = Standard(
    np.concatenate([category.sigmas for category in CATEGORIES]).astype(np.float64).round(4),
    {category.id: category.landmarks for category in CATEGORIES})
COCO_PERSONS = Standard(Params(iouType="keypoints").kpt_oks_sigmas, scale="mask")


class LandmarkEvaluator:
    """Collects true and found landmarks image by image.

    Args:
        standard: `Standard` of the data set.

    Attributes:
        counts: how often something odd was met, by what was done about it.
        images: how many images were added.
    """

    def __init__(self, standard: Standard = DEEPFASHION2):
        self.standard = standard
        self.counts: Counter = Counter()
        self.images = 0
        self._truth: list[tuple[dict, np.ndarray]] = []  # annotation, own [n, (x, y, v)]
        self._found: list[tuple[dict, np.ndarray]] = []  # detection, own [n, (x, y)]
        self._errors = LandmarkErrors()

    def add(self, shape: tuple[int, int], annotations: list[dict], truth,
            detections: list[dict], found) -> None:
        """Adds one image.

        Args:
            shape: (height, width) of the image, px.
            annotations: COCO's, with ids and areas (s^2), N of them.
            truth: [N, K, (x, y, v)] px.
            detections: COCO's, with boxes and scores, D of them.
            found: [D, K, (x, y, score)] px. Detections for which all is zero have no landmarks
                and are left out: the network makes none for the weakest.

        Raises:
            ValueError: K is not that of the standard.
        """
        self.images += 1
        truth = self._own(annotations, truth, BROKEN_TRUTH)
        found = self._own(detections, found, BROKEN_FOUND)
        has_some = [own.any() for own in found]
        detections = [each for each, has in zip(detections, has_some, strict=True) if has]
        found = [own[:, :2] for own, has in zip(found, has_some, strict=True) if has]
        for annotation, own, partner in zip(
                annotations, truth, partners(annotations, detections), strict=True):
            self._truth.append((annotation, own))
            self._count(own, shape)
            if not annotation["iscrowd"]:
                self._errors.add(annotation, own, None if partner is None else found[partner])
        self._found += zip(detections, found, strict=True)

    def _own(self, objects, keypoints, broken) -> list[np.ndarray]:
        """Of each object its class's own keypoints, [n, 3], zeros for those that are no numbers."""
        keypoints = np.asarray(keypoints, np.float32)
        expected = (len(objects), len(self.standard.sigmas), 3)
        if keypoints.shape != expected and (objects or keypoints.size):
            raise ValueError(
                f"Keypoints of shape {keypoints.shape}, expected {expected}: this measure is one "
                f"of {expected[1]} keypoints; give the `Standard` of the data set.")
        rows = [keypoints[i, self.standard.own(each["category_id"])]
                for i, each in enumerate(objects)]
        wrong = [~np.isfinite(own).all(axis=1, keepdims=True) for own in rows]
        self.counts.update({broken: sum(int(row.sum()) for row in wrong)})
        return [np.where(row, np.float32(0), own) for own, row in zip(rows, wrong, strict=True)]

    def _count(self, own, shape) -> None:
        visibility = own[:, 2]
        highest = visibility.max(initial=0)
        beyond = (visibility > 0) & (hide_outside(own, shape)[:, 2] == 0)
        self.counts.update({WITHOUT_LANDMARKS: int(highest <= 0),
                            ALL_COVERED: int(0 < highest < max(TASKS.values())),
                            BEYOND_PHOTO: int(beyond.sum())})

    def evaluate(self, task: str, ground_truth: dict, subsets: dict | None = None
                 ) -> tuple[dict, np.ndarray]:
        """Computes the metrics of a task.

        Args:
            task: of `TASKS`.
            ground_truth: a COCO data set with "images" and "categories".
            subsets: ids of annotations, see `average_precision.by_subset`.

        Returns:
            A dict of "AP", "AP50", "AP75", "AP_medium", "AP_large" and "AR" at OKS, 0 to 1, None
            where there is nothing to find; "objects", "found", "PCK10", "PCK20" and "error_px",
            see `LandmarkErrors.summarise`; and all but the sizes and AR "per_class", by name; with
            `subsets` also "subsets". And `average_precision.curves`.
        """
        least = TASKS[task]
        evaluation = average_precision.evaluate(
            {**ground_truth, "annotations": list(self._true_rows(least))},
            list(self._found_rows()), "keypoints", kpt_oks_sigmas=self.standard.sigmas)
        names = {category["id"]: category["name"] for category in ground_truth["categories"]}
        numbers = {**average_precision.summarise(evaluation), **self._errors.summarise(least)}
        numbers["per_class"] = {
            names[class_id]: {**precisions, **self._errors.summarise(least, class_id)}
            for class_id, precisions in average_precision.by_class(evaluation).items()}
        numbers |= average_precision.by_subset(evaluation, subsets or {})
        return numbers, average_precision.curves(evaluation)

    def _true_rows(self, least: int):
        """Annotations for COCO; landmarks below the least visibility are absent."""
        for annotation, own in self._truth:
            counted = own[:, 2] >= least
            fields = {name: annotation[name] for name in (
                "id", "image_id", "category_id", "iscrowd", "bbox", "area")}
            yield _Row({**fields, "num_keypoints": int(counted.sum())},
                       self._whole(annotation, np.where(counted[:, None], own, 0), (0, 0)))

    def _found_rows(self):
        """Detections for COCO, with the ids and areas that its `loadRes` gives them."""
        for number, (detection, own) in enumerate(self._found, start=1):
            row = _Row(_result(detection), self._whole_found(detection, own))
            x, y = row["keypoints"].reshape(-1, 3)[:, :2].T
            row.update(id=number, area=float(np.ptp(x) * np.ptp(y)))
            yield row

    def _whole_found(self, detection, own):
        marked = np.concatenate([own, np.ones((len(own), 1), np.float32)], axis=1)
        return self._whole(detection, marked, own.mean(axis=0).round())

    def _whole(self, each: dict, own: np.ndarray, elsewhere):
        """What makes the vector [3 K] of one object, with the others' landmarks elsewhere (x, y).
        """

        def make():
            values = np.zeros((len(self.standard.sigmas), 3))
            values[:, :2] = elsewhere
            values[self.standard.own(each["category_id"])] = own.astype(np.float64).round(_DECIMALS)
            return values.ravel()

        return make

    def write(self, folder: str | Path, ground_truth: dict) -> None:
        """Writes what DeepFashion2's own evaluation reads: both truths, and what was found.

        Args:
            folder: for keypoints_val_vis.json, keypoints_val_vis_and_occ.json and
                keypoints_results.json.
            ground_truth: a COCO data set with "images" and "categories".
        """
        labels = [str(number) for number in range(1, len(self.standard.sigmas) + 1)]
        head = {"images": ground_truth["images"], "categories": [
            {**category, "keypoints": labels, "skeleton": []}
            for category in ground_truth["categories"]]}
        for task, name in FILES.items():
            write_rows(Path(folder) / name, map(_text, self._true_rows(TASKS[task])),
                       json.dumps(head)[:-1] + ', "annotations": ', "}")
        write_rows(Path(folder) / RESULTS, (
            _text(_Row(_result(detection), self._whole_found(detection, own)))
            for detection, own in self._found))


class _Row(dict):
    """An annotation whose "keypoints" are made whenever they are read.

    Args:
        fields: all others.
        keypoints: makes [3 K] float64, px.
    """

    __slots__ = ("_keypoints",)

    def __init__(self, fields: dict, keypoints):
        super().__init__(fields)
        self._keypoints = keypoints

    def __missing__(self, name):
        if name != "keypoints":
            raise KeyError(name)
        return self._keypoints()


def _result(detection: dict) -> dict:
    """The fields of DeepFashion2's result format but for the keypoints."""
    return {name: detection[name] for name in ("image_id", "category_id", "score")}


def _text(row: dict) -> str:
    """JSON of a row. Most numbers are whole, which json writes as 0.0."""
    text = json.dumps({**row, "keypoints": row["keypoints"].tolist()}, separators=(",", ":"))
    return text.replace(".0,", ",").replace(".0]", "]")
