"""Which proposals train the heads: a fixed number an image, positives first.

Shapes: B batch, R proposals, G ground-truth boxes, T sampled ROIs. Boxes are normalised.
"""

import keras
from keras import ops

from mrcnn import boxes
from mrcnn.layers.gather import take_rows
from mrcnn.rpn import CROWD_IOU

# A proposal from this IoU with an object on is positive (Mask R-CNN, section 3.1).
POSITIVE_IOU = 0.5


class SampleRois(keras.layers.Layer):
    """Match proposals to objects and draw those that train the heads.

    Matterport drew negatives as a ratio of the positives, so that an image without positives
    trained nothing; here negatives fill up whatever the positives leave of `count`.

    Args:
        count: T, ROIs drawn per image.
        positive_ratio: largest share of positives among them.
        add_ground_truth: whether the objects' own boxes are proposals too.
        ground_truth_first: whether they are drawn before all others, so that every object has a
            ROI close to it.
        seed: of the draw.
    """

    def __init__(self, count, positive_ratio, add_ground_truth=True, ground_truth_first=False,
                 seed=0, dtype=None, **kwargs):
        super().__init__(dtype="float32", trainable=False, **kwargs)
        self.count = count
        self.max_positives = max(1, int(count * positive_ratio))
        self.add_ground_truth = add_ground_truth
        self.ground_truth_first = ground_truth_first
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, proposals, gt_class_ids, gt_boxes):
        """Draw ROIs.

        Args:
            proposals: [B, R, 4], zero boxes are padding.
            gt_class_ids: [B, G] int; 0 padding, negative crowd.
            gt_boxes: [B, G, 4].

        Returns:
            A dict: rois [B, T, 4], positives first, zero boxes at the end; gt_index [B, T] of the
            object each one lies on; positive [B, T] and valid [B, T], as 0 or 1. No gradient
            passes.
        """
        if self.add_ground_truth:
            is_object = ops.cast(gt_class_ids > 0, gt_boxes.dtype)[..., None]
            proposals = ops.concatenate([proposals, gt_boxes * is_object], axis=1)
        positive, negative, gt_index = match_proposals(proposals, gt_class_ids, gt_boxes)
        draw = keras.random.uniform(ops.shape(positive), seed=self.seed_generator)
        if self.add_ground_truth and self.ground_truth_first:
            others = proposals.shape[1] - gt_boxes.shape[1]
            draw = draw + ops.cast(ops.arange(proposals.shape[1]) >= others, draw.dtype)
        chosen, is_positive, is_valid = self._draw(positive, negative, draw)
        rois = take_rows(proposals, chosen) * is_valid[..., None]
        sample = {
            "rois": rois,
            "gt_index": take_rows(gt_index, chosen),
            "positive": is_positive,
            "valid": is_valid,
        }
        return {name: ops.stop_gradient(value) for name, value in sample.items()}

    def _draw(self, positive, negative, draw):
        """Indices [B, T] by falling key: positives lie above 1, negatives in 0..1, others at -1."""
        most = min(self.max_positives, positive.shape[1])
        positive_keys, positive_index = ops.top_k(ops.where(positive, 1.0 + draw, -1.0), most)
        # Too few proposals to choose from: pad the candidates, so that T stays T.
        negative_keys, negative_index = ops.top_k(
            ops.where(negative, draw, -1.0), min(self.count, positive.shape[1]))
        keys = ops.concatenate([positive_keys, negative_keys], axis=1)
        index = ops.concatenate([positive_index, negative_index], axis=1)
        missing = max(0, self.count - keys.shape[1])
        keys = ops.pad(keys, [[0, 0], [0, missing]], constant_values=-1.0)
        index = ops.pad(index, [[0, 0], [0, missing]])
        keys, order = ops.top_k(keys, self.count)
        chosen = take_rows(index, order)
        return chosen, ops.cast(keys >= 1, "float32"), ops.cast(keys >= 0, "float32")


def match_proposals(proposals, gt_class_ids, gt_boxes):
    """Label proposals by their overlaps.

    Returns:
        positive [B, R] bool: IoU of at least 0.5 with an object. negative [B, R] bool: less than
        that with every object, and clear of crowds. gt_index [B, R] int32 of the best object.
    """
    iou = boxes.iou(proposals, gt_boxes, xp=ops)  # [B, R, G]
    crowd = ops.max(iou * ops.cast(gt_class_ids < 0, iou.dtype)[:, None], axis=2)
    iou = iou * ops.cast(gt_class_ids > 0, iou.dtype)[:, None]
    best = ops.max(iou, axis=2)
    gt_index = ops.cast(ops.argmax(iou, axis=2), "int32")
    real = boxes.valid(proposals, xp=ops)
    positive = ops.logical_and(best >= POSITIVE_IOU, real)
    negative = ops.logical_and(best < POSITIVE_IOU, crowd < CROWD_IOU)
    return positive, ops.logical_and(negative, real), gt_index
