"""Photos of users and of shops with garments, and what a network might find on them."""

import numpy as np

from fashion.retrieval.similarity import Similarity
from mrcnn.data.dataset import Dataset
from mrcnn.detection import Raw

USER, SHOP = 1, 2
SHAPE = (200, 200)
LEFT, RIGHT = (0, 0, 100, 50), (0, 100, 100, 150)
CLOSER_IS_BETTER = Similarity(np.array([-1.0, -1.0]), 0.0)


class Closet(Dataset):
    """Photos given as (domain, pair_id, [(class_id, style, (y1, x1, y2, x2)), ...])."""

    def __init__(self, *photos):
        super().__init__()
        for class_id, name in enumerate(("top", "skirt"), start=1):
            self.add_class("test", class_id, name)
        for number, (domain, pair_id, garments) in enumerate(photos, start=1):
            self.add_image("test", f"{number:06d}", f"{number:06d}.jpg", domain=domain,
                           pair_id=pair_id, garments=garments, width=SHAPE[1], height=SHAPE[0],
                           items=[{"style": style} for _, style, _ in garments])
        self.prepare()

    def garments(self, image_id):
        return self.image_info[image_id]["garments"]

    def image_class_ids(self, image_id):
        return np.array([class_id for class_id, _, _ in self.garments(image_id)], np.int32)

    def load_boxes(self, image_id):
        return np.array([box for *_, box in self.garments(image_id)], np.float32).reshape(-1, 4)

    def load_polygons(self, image_id):
        return [[np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], np.float32)]
                for y1, x1, y2, x2 in self.load_boxes(image_id)]

    def load_identities(self, image_id):
        pair_id = self.image_info[image_id]["pair_id"]
        return np.array([100 * pair_id + style if style else 0
                         for _, style, _ in self.garments(image_id)], np.int32)

    def image_domain(self, image_id):
        return self.image_info[image_id]["domain"]

    def load_image(self, image_id):
        return np.full((*SHAPE, 3), image_id, np.uint8)


def found(*garments):
    """A `Raw` of (class_id, score, (y1, x1, y2, x2), vector (a, b)).

    All vectors are moved away from zero, which says that there is none.
    """
    class_ids, scores, boxes, vectors = zip(*garments, strict=True) if garments else [()] * 4
    return Raw(SHAPE, np.array(boxes, np.float32).reshape(-1, 4), np.array(class_ids, np.int32),
               np.array(scores, np.float32),
               embeddings=np.array(vectors, np.float32).reshape(-1, 2) + 100)
