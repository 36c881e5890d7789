"""Garments cut out of their photos, square and of one size: what a landmark network looks at.

Coordinates are continuous px: pixel i covers [i, i + 1]. S is the side of a crop, K the keypoints
of the data set, E the garments of it that have any.

    crops = Crops(dataset, size=256)
    row = crops.load(0)                   # image, keypoints, class_id, matrix
    uncrop(found, row["matrix"])          # what was found on the crop, on the photo
"""

import numpy as np

from fashion.datasets.problems import Problems
from mrcnn import keypoints
from mrcnn.data import mold
from mrcnn.data.augment import Jitter

# How much longer the square is than the box's longer side: a detector's box may cut off a hem.
MARGIN = 0.25
# What training crops are changed by; shifted so far, landmarks at the box's edge stay inside.
_MOVES = {"flip": 0.5, "scale": (0.85, 1.2), "translate": 0.06, "rotate": 15.0}
SHIFT, JITTER = Jitter(**_MOVES, colour=0.0), Jitter(**_MOVES, colour=0.2)

WITHOUT_LANDMARKS = "garment without landmarks: left out"
WITHOUT_BOX = "garment without a usable box: left out"


def square(box_px, margin=MARGIN):
    """The square around a box.

    Args:
        box_px: (y1, x1, y2, x2) px.
        margin: how much longer than the box's longer side, as a share of it.

    Returns:
        (y1, x1, y2, x2) float64 px, about the box's middle; it may leave the photo.
    """
    y1, x1, y2, x2 = np.asarray(box_px, np.float64)
    half = max(y2 - y1, x2 - x1) * (1 + margin) / 2
    middle = np.array([y1 + y2, x1 + x2]) / 2
    return np.concatenate([middle - half, middle + half])


def crop_matrix(box_px, size, margin=MARGIN):
    """[2, 3]: (x, y) px of the photo -> (x, y) px of the crop of `size`. Keeps the aspect."""
    y1, x1, y2, _ = square(box_px, margin)
    scale = size / (y2 - y1)
    return np.array([[scale, 0, -x1 * scale], [0, scale, -y1 * scale]])


def crop(image, box_px, size, margin=MARGIN):
    """Cuts the square around a box out of a photo.

    Args:
        image: [H, W, 3] uint8.
        box_px: (y1, x1, y2, x2) px.
        size: S px.
        margin: see `square`.

    Returns:
        [S, S, 3] uint8, zeros where the photo does not reach, and the `crop_matrix`.
    """
    matrix = crop_matrix(box_px, size, margin)
    return mold.warp(image, matrix, (size, size)), matrix


def uncrop(points, matrix):
    """Points found on a crop, on its photo.

    Args:
        points: [..., (x, y, anything)] crop px.
        matrix: [2, 3] of `crop`.

    Returns:
        [..., (x, y, anything)] float32 photo px.
    """
    moved = np.array(points, np.float32)
    moved[..., :2] = mold.transform_points(moved[..., :2], mold.invert(matrix))
    return moved


def whole_photos(dataset):
    """For `Crops(boxes_of=)`: no box at all, so that crops are whole photos (the paper's NCSPN)."""
    return lambda image_id: np.full((len(dataset.image_class_ids(image_id)), 4), np.nan)


class Crops:
    """The garments of a data set that have landmarks, each as a square crop.

    Args:
        dataset: prepared `mrcnn.data.dataset.Dataset` with keypoints.
        size: S px.
        margin: see `square`. A whole photo gets none.
        boxes_of: function of an image id that gives [N, (y1, x1, y2, x2)] px, a row of NaN for
            the whole photo; by default the annotated boxes.
        image_ids: which images; all by default.

    Attributes:
        image_ids, items, class_ids: [E] int; items are places among an image's objects.
        boxes_px: [E, (y1, x1, y2, x2)] px, NaN for the whole photo.
        problems: garments that were left out.

    Raises:
        ValueError: no garment is left.
    """

    def __init__(self, dataset, size, margin=MARGIN, boxes_of=None, image_ids=None):
        self.dataset, self.size, self.margin = dataset, size, margin
        self.problems = Problems()
        boxes_of = boxes_of or dataset.load_boxes
        rows = [row for image_id in (dataset.image_ids if image_ids is None else image_ids)
                for row in self._usable(image_id, boxes_of(image_id))]
        if not rows:
            raise ValueError(f"None of {len(dataset.image_ids)} images has a garment with landmarks"
                             f" and a box.\n{self.problems.summary()}")
        self.image_ids, self.items, self.class_ids = (
            np.array(column) for column in list(zip(*rows, strict=True))[:3])
        self.boxes_px = np.array([box for *_, box in rows], np.float32)

    def __len__(self):
        return len(self.items)

    def _usable(self, image_id, boxes_px):
        """Yields (image id, item, class id, box) of an image's garments."""
        points = self.dataset.load_keypoints(image_id)
        class_ids = self.dataset.image_class_ids(image_id)
        for item, (class_id, box) in enumerate(zip(class_ids, boxes_px, strict=True)):
            place = f"{self.dataset.image_reference(image_id)} item{item + 1}"
            if class_id < 1 or not (points[item, :, 2] > keypoints.NOT_THERE).any():
                self.problems.add(WITHOUT_LANDMARKS, place)
            elif not (np.isnan(box).all() or box[2] > box[0] and box[3] > box[1]):
                self.problems.add(WITHOUT_BOX, place)
            else:
                yield image_id, item, int(class_id), box

    def truth(self, index):
        """[K, (x, y, v)] float32 px of the photo: v 2 visible, 1 covered, 0 absent."""
        return np.asarray(self.dataset.load_keypoints(self.image_ids[index])[self.items[index]],
                          np.float32)

    def load(self, index):
        """One garment.

        Args:
            index: 0 to E - 1.

        Returns:
            Dict of image [S, S, 3] uint8; keypoints [K, (x, y, v)] float32 px of the crop, zeros
            where it has no such landmark or the crop does not show it; class_id int32; matrix
            [2, 3] float64, photo px -> crop px.

        Raises:
            ImageError: the photo cannot be read.
        """
        photo = self.dataset.load_image(self.image_ids[index])
        box, margin = self.boxes_px[index], self.margin
        if np.isnan(box).any():
            box, margin = (0, 0, *photo.shape[:2]), 0
        image, matrix = crop(photo, box, self.size, margin)
        points = keypoints.move(self.truth(index), matrix)
        return {"image": image, "class_id": np.int32(self.class_ids[index]), "matrix": matrix,
                "keypoints": keypoints.hide_outside(points, (self.size, self.size))}
