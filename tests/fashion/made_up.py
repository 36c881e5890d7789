"""Photos that nobody took: garments as DeepFashion2 annotates them, and what is found on them.

There are no pictures, only numbers, so that a whole validation set takes a minute.
"""

import numpy as np
from pycocotools import mask as coco_mask

from fashion.benchmark.results import ImageResult
from fashion.categories import CATEGORIES, NUM_LANDMARKS, by_id
from fashion.datasets.annotations import ATTRIBUTES
from mrcnn.data.dataset import Dataset
from mrcnn.detection import Raw

SHAPE = 800, 600
# Shares of the whole data set, read off the charts of its paper (section 2).
CATEGORY_SHARES = np.array([190, 95, 6, 38, 42, 8, 92, 147, 83, 47, 24, 49, 20]) / 841
ATTRIBUTE_SHARES = {"scale": (0.26, 0.5, 0.24), "occlusion": (0.47, 0.47, 0.06),
                    "zoom_in": (0.67, 0.21, 0.12), "viewpoint": (0.07, 0.78, 0.15)}
USERS = 10_844 / 32_153
SIZE = 256  # numbers of a vector


class MadeUp(Dataset):
    """`photos` photos with one or two garments each, users' first, as DeepFashion2's.

    Args:
        rng: `numpy.random.Generator`.
        photos: how many.
    """

    num_keypoints = NUM_LANDMARKS

    def __init__(self, rng, photos):
        super().__init__()
        self._users, self._garments = round(USERS * photos), []
        for category in CATEGORIES:
            self.add_class("deepfashion2", category.id, category.name)
        for photo in range(photos):
            garments = [garment(rng) for _ in range(1 + (rng.random() < 0.63))]
            self._garments.append(garments)
            name = f"{photo + 1:06d}"
            self.add_image("deepfashion2", name, f"{name}.jpg",
                           pair_id=int(rng.integers(max(1, photos // 9))),
                           items=[items for items, *_ in garments])
        self.prepare()

    def image_class_ids(self, image_id):
        return np.array([item["category_id"] for item, *_ in self._garments[image_id]], np.int32)

    def load_boxes(self, image_id):
        return np.array([box for _, box, _, _ in self._garments[image_id]], np.float32)

    def load_polygons(self, image_id):
        return [polygons for _, _, polygons, _ in self._garments[image_id]]

    def load_keypoints(self, image_id):
        return np.stack([spread(item["category_id"], own)
                         for item, _, _, own in self._garments[image_id]])

    def load_identities(self, image_id):
        info = self.image_info[image_id]
        styles = np.array([item["style"] for item in info["items"]])
        return np.where(styles > 0, 3 * info["pair_id"] + styles, 0)

    def image_domain(self, image_id):
        return 1 if image_id < self._users else 2


def garment(rng):
    """Its item, box (y1, x1, y2, x2), polygons and own landmarks [n, (x, y, v)]."""
    class_id = 1 + int(rng.choice(13, p=CATEGORY_SHARES))
    item = {"category_id": class_id, "style": int(rng.integers(0, 3))}
    for name in ATTRIBUTES:
        item[name] = 1 + int(rng.choice(3, p=ATTRIBUTE_SHARES[name]))
    sides = rng.uniform(0.2, 0.7, 2) * SHAPE
    corner = rng.uniform(0, 1, 2) * (np.array(SHAPE) - sides)
    box = np.concatenate([corner, corner + sides])
    visible = rng.choice(3, by_id(class_id).count, p=(0.05, 0.35, 0.6))
    own = np.column_stack([points(class_id, box), visible]).astype(np.float32)
    own[visible == 0] = 0
    return item, box, outline(class_id, box), own


def points(class_id, box):
    """Landmarks [n, (x, y)] of a category that fill a box."""
    template = by_id(class_id).template
    low, high = template.min(axis=0), template.max(axis=0)
    return (template - low) / (high - low) * (box[2:] - box[:2])[::-1] + box[:2][::-1]


def outline(class_id, box):
    """Its polygons, list of [vertices, (x, y)] px."""
    return [points(class_id, box)[list(ring)] for ring in by_id(class_id).front_outline]


def spread(class_id, own):
    """[294, 3] of a category's own landmarks [n, 3]."""
    whole = np.zeros((NUM_LANDMARKS, 3), np.float32)
    whole[by_id(class_id).landmarks] = own
    return whole


def find(rng, dataset, image_id, count=8):
    """`ImageResult` of a photo: garments found somewhat off, some as another class, false alarms.

    Args:
        rng: `numpy.random.Generator`.
        dataset: `MadeUp`.
        image_id: its.
        count: of detections.
    """
    true = dataset.load_boxes(image_id), dataset.image_class_ids(image_id)
    owners = rng.integers(0, len(true[1]), count)
    owners[:len(true[1])] = np.arange(len(true[1]))
    boxes_px = true[0][owners] + rng.normal(0, 1, (count, 4)) * rng.choice([4, 15, 60], (count, 1))
    boxes_px = np.clip(boxes_px, 0, [*SHAPE, *SHAPE])
    boxes_px[:, 2:] = np.maximum(boxes_px[:, 2:], boxes_px[:, :2] + 20)
    class_ids = np.where(rng.random(count) < 0.8, true[1][owners], rng.integers(1, 14, count))
    scores = np.sort(rng.uniform(0.05, 1, count))[::-1].astype(np.float32)
    keypoints = np.stack([spread(class_id, _found_points(rng, class_id, box))
                          for class_id, box in zip(class_ids, boxes_px, strict=True)])
    identities = dataset.load_identities(image_id)
    raw = Raw(SHAPE, boxes_px.astype(np.float32), class_ids.astype(np.int32), scores,
              keypoints=keypoints, embeddings=vectors(rng, identities[owners]))
    return ImageResult(image_id, raw, [
        coco_mask.merge(coco_mask.frPyObjects([ring.ravel().tolist() for ring in outline(
            class_id, box)], *SHAPE)) for class_id, box in zip(class_ids, boxes_px, strict=True)
    ], vectors(rng, identities))


def _found_points(rng, class_id, box):
    places = points(class_id, box)
    return np.column_stack([places + rng.normal(0, 4, places.shape), np.ones(len(places))])


def vectors(rng, identities):
    """[N, 256] float32, alike for the same identity."""
    centres = np.stack([np.random.default_rng(int(identity)).standard_normal(SIZE)
                        for identity in identities])
    return (centres + rng.standard_normal(centres.shape)).astype(np.float32)
