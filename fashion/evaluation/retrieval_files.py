"""The JSON files of DeepFashion2's retrieval evaluation (its evaluation/evaluation.md).

Three lists: val_query.json and val_gallery.json, the annotated garments of users' and of shops'
photos, and the results, a row for each garment found on a user's photo with the 20 of the gallery
that are most alike. Boxes are [x1, y1, x2, y2] px; for numbers of images see `coco.image_numbers`.
"""

import json
from pathlib import Path

import numpy as np

from fashion.evaluation import coco
from fashion.evaluation.json_rows import write_rows

TRUTH = ("val_query.json", "val_gallery.json")
# The script takes 20 results of every garment: a smaller gallery's are filled up with these.
_NO_IMAGE, _NO_BOX = -1, (0.0, 0.0, 0.0, 0.0)


class Writer:
    """Writes the files of one evaluation.

    Args:
        folder: where they go.
        dataset: prepared `Dataset`.
    """

    def __init__(self, folder: str | Path, dataset):
        self._folder, self._dataset = Path(folder), dataset
        self._numbers = np.array([*coco.image_numbers(dataset, dataset.image_ids), _NO_IMAGE])

    def write_truth(self, users: dict, shops: dict, queries: dict) -> None:
        """Writes the annotated garments.

        Args:
            users: image id -> `Truth`.
            shops: the same of shops.
            queries: by image id of users [N] bool. A garment that is no query gets style 0: the
                script stops at a style that the gallery lacks.
        """
        query_name, gallery_name = TRUTH
        self._write(query_name, (
            {**row, "cls": int(class_id)} for image_id, truth in users.items()
            for row, class_id in zip(
                self._true_rows("query", image_id, truth, queries[image_id]), truth.class_ids,
                strict=True)))
        self._write(gallery_name, (
            row for image_id, truth in shops.items()
            for row in self._true_rows("gallery", image_id, truth, truth.identities > 0)))

    def _true_rows(self, side, image_id, truth, counted):
        pair_id, styles = _pair_and_styles(self._dataset.image_info[image_id], truth.identities)
        for style, box in zip(np.where(counted, styles, 0), truth.boxes, strict=True):
            yield {f"{side}_image_id": int(self._numbers[image_id]), "style": int(style),
                   "pair_id": pair_id, "bbox": box.tolist()}

    def write_results(self, task: str, found, gallery, rows: np.ndarray) -> None:
        """Writes the results of a task.

        Args:
            task: names the file.
            found: `Found` on users' photos, D of them.
            gallery: `Found` on shops' photos, G of them.
            rows: [D, 20] rows of the gallery, best first; -1 beyond its end.
        """
        self._write(f"{task}_results.json", self._result_rows(found, gallery, rows))

    def _result_rows(self, found, gallery, rows):
        images = np.append(self._numbers[gallery.images], _NO_IMAGE)  # row -1
        boxes = np.concatenate([gallery.boxes, [_NO_BOX]])
        for i, hits in enumerate(rows):
            yield {"query_image_id": int(self._numbers[found.images[i]]),
                   "query_bbox": found.boxes[i].tolist(), "query_cls": int(found.class_ids[i]),
                   "query_score": float(found.scores[i]),
                   "gallery_image_id": images[hits].tolist(), "gallery_bbox": boxes[hits].tolist()}

    def _write(self, name, rows) -> None:
        write_rows(self._folder / name, map(json.dumps, rows))


def _pair_and_styles(info: dict, identities: np.ndarray):
    """pair_id of a photo and styles [N] of its garments.

    Where the data set has none, identities serve: the script only asks whether both are equal.
    """
    if "pair_id" not in info:
        return 0, identities
    return info["pair_id"], [item["style"] for item in info["items"]]
