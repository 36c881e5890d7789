"""Garments with landmarks, and what a network might say of them."""

from dataclasses import dataclass

import numpy as np

from fashion.categories import CATEGORIES, NUM_LANDMARKS, by_id
from fashion.evaluation.instances import InstanceEvaluator
from mrcnn.data.dataset import Dataset

SHAPE = (400, 300)
VISIBLE, BOTH = "keypoints_visible", "keypoints_visible_and_occluded"
SKIRT, TOP = 9, 1


@dataclass
class Prediction:
    boxes_px: np.ndarray
    class_ids: np.ndarray
    scores: np.ndarray
    keypoints: np.ndarray
    mask_probs: np.ndarray | None = None


class Garments(Dataset):
    """Objects by image: (class_id, (y1, x1, y2, x2), own landmarks [n, (x, y, v)])."""

    num_keypoints = NUM_LANDMARKS

    def __init__(self, *images):
        super().__init__()
        for category in CATEGORIES:
            self.add_class("test", category.id, category.name)
        for number, objects in enumerate(images, start=1):
            self.add_image("test", f"{number:06d}", f"{number:06d}.jpg", objects=objects,
                           class_ids=[each[0] for each in objects])
        self.prepare()

    def load_boxes(self, image_id):
        return np.array([box for _, box, _ in self.image_info[image_id]["objects"]]).reshape(-1, 4)

    def load_polygons(self, image_id):
        return [[np.array([(x1, y1), (x2, y1), (x2, y2)])]
                for y1, x1, y2, x2 in self.load_boxes(image_id)]

    def load_keypoints(self, image_id):
        objects = self.image_info[image_id]["objects"]
        return spread([(abs(class_id), own) for class_id, _, own in objects])


def spread(objects):
    """[N, 294, 3] of N (class_id, own [n, 3])."""
    keypoints = np.zeros((len(objects), NUM_LANDMARKS, 3), np.float32)
    for row, (class_id, own) in enumerate(objects):
        keypoints[row, by_id(class_id).landmarks] = own
    return keypoints


def predict(*found):
    """A prediction from (class_id, score, box, own [n, 2 or 3])."""
    rows = [(class_id, np.column_stack([np.asarray(own)[:, :2], np.full(len(own), 0.7)]))
            for class_id, _, _, own in found]
    return Prediction(np.array([box for _, _, box, _ in found], np.float32).reshape(-1, 4),
                      np.array([each[0] for each in found], int),
                      np.array([each[1] for each in found], np.float32), spread(rows))


def evaluator_of(dataset, *predictions):
    evaluator = InstanceEvaluator(dataset)
    for image_id, prediction in zip(dataset.image_ids, predictions, strict=True):
        evaluator.add(image_id, SHAPE, prediction)
    return evaluator


def garment(class_id, box, visibility=2):
    """True landmarks spread over a box."""
    y1, x1, y2, x2 = box
    steps = np.linspace(0.05, 0.95, by_id(class_id).count)
    own = np.stack([x1 + (x2 - x1) * steps ** 2, y1 + (y2 - y1) * steps,
                    np.broadcast_to(visibility, len(steps))], axis=1)
    return class_id, box, own
