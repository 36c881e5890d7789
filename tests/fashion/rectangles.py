"""Rectangles as objects, and what a network might say of them."""

from dataclasses import dataclass

import numpy as np

from mrcnn.data.dataset import Dataset

SHAPE = (120, 100)
INSTANCES = ("bbox", "bbox_agnostic", "segm", "segm_agnostic")
BIG, SMALL, APART = (10, 20, 90, 80), (30, 30, 50, 55), (95, 5, 115, 35)


@dataclass
class Prediction:
    boxes_px: np.ndarray
    class_ids: np.ndarray
    scores: np.ndarray
    mask_probs: np.ndarray
    shape: tuple = SHAPE
    keypoints: np.ndarray | None = None
    embeddings: np.ndarray | None = None


def predict(*found):
    """A prediction from (class_id, score, box) with masks that fill their boxes."""
    class_ids, scores, boxes = zip(*found, strict=True) if found else ((), (), ())
    return Prediction(np.array(boxes, float).reshape(-1, 4), np.array(class_ids, int),
                      np.array(scores, float), np.ones((len(found), 28, 28), np.float32))


class Rectangles(Dataset):
    """Objects given as (class_id, (y1, x1, y2, x2)) by image."""

    def __init__(self, *images, bitmaps=False):
        super().__init__()
        for class_id, name in enumerate(("top", "skirt", "shoe"), start=1):
            self.add_class("test", class_id, name)
        for number, objects in enumerate(images, start=5):
            self.add_image("test", f"{number:06d}", f"folder/{number:06d}.jpg", objects=objects)
        self.bitmaps = bitmaps
        self.prepare()

    def objects(self, image_id):
        return self.image_info[image_id]["objects"]

    def image_class_ids(self, image_id):
        return np.array([class_id for class_id, _ in self.objects(image_id)], np.int32)

    def load_boxes(self, image_id):
        return np.array([box for _, box in self.objects(image_id)], np.float32).reshape(-1, 4)

    def load_polygons(self, image_id):
        if self.bitmaps:
            return None
        return [[np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], np.float32)]
                for _, (y1, x1, y2, x2) in self.objects(image_id)]

    def load_mask(self, image_id):
        bitmaps = np.zeros((*SHAPE, len(self.objects(image_id))), bool)
        for i, (_, (y1, x1, y2, x2)) in enumerate(self.objects(image_id)):
            bitmaps[y1:y2, x1:x2, i] = True
        return bitmaps, self.image_class_ids(image_id)
