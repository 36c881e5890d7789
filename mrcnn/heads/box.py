"""The box head: what is it, and where exactly (Mask R-CNN, section 3; Fast R-CNN).

Shapes: B batch, R boxes, T sampled ROIs, P positives (a prefix of T), C classes with background,
D detections.
"""

import keras
from keras import ops

from mrcnn import boxes
from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.fold import Fold, Unfold
from mrcnn.layers.gather import take_class, take_rows
from mrcnn.layers.nms import non_max_suppression
from mrcnn.layers.roi_align import RoIAlign
from mrcnn.layers.stage import Stage
from mrcnn.losses import classification, smooth_l1

# Candidates (a box and one class) kept by score before NMS; Detectron keeps as many per level.
MAX_CANDIDATES = 1000


class BoxHead:
    """Two fully connected layers on 7x7 features, then a class and a box per class.

    Args:
        layers: `SharedLayers`.
        align: keyword arguments of `RoIAlign`, all but sizes.
        num_classes: C.
        pool_size: side of the pooled features.
        units: of the two layers.
        train_bn: see `BatchNorm`.
        std_dev: of the deltas.
        class_weights: C numbers, or None.
        beta, normalizer: of the box loss, see `Config`.
    """

    losses_of = ("mrcnn_class_loss", "mrcnn_bbox_loss")
    best_only = False

    def __init__(self, layers, align, num_classes, pool_size, units, train_bn, std_dev,
                 class_weights, beta, normalizer):
        self.layers, self.align, self.num_classes = layers, align, num_classes
        self.pool_size, self.units, self.train_bn = pool_size, units, train_bn
        self.std_dev, self.class_weights = std_dev, class_weights
        self.beta, self.normalizer = beta, normalizer

    def predict(self, pyramid, rois, image_shape, streams=None):
        """Classify and refine boxes.

        Returns:
            A dict: class_logits and class_probs [B, R, C], deltas [B, R, C, 4].
        """
        count = rois.shape[1]
        x = RoIAlign(self.pool_size, **self.align, name="roi_align_classifier",
                     dtype=self.layers.dtype)(pyramid, rois, image_shape=image_shape[:2])
        x = Fold(name="mrcnn_class_fold", dtype=self.layers.dtype)(x)
        x = self._fully_connected(x, self.pool_size, "1")
        x = self._fully_connected(x, 1, "2")
        x = keras.layers.Reshape((self.units,), name="pool_squeeze", dtype=self.layers.dtype)(x)
        logits = self._dense(x, self.num_classes, 0.01, "mrcnn_class_logits")
        deltas = self._dense(x, 4 * self.num_classes, 0.001, "mrcnn_bbox_fc")
        logits = Unfold((count, self.num_classes), name="mrcnn_class_scores",
                        dtype="float32")(logits)
        deltas = Unfold((count, self.num_classes, 4), name="mrcnn_bbox", dtype="float32")(deltas)
        return {
            "class_logits": logits,
            "class_probs": keras.layers.Softmax(dtype="float32", name="mrcnn_class")(logits),
            "deltas": deltas,
        }

    def _fully_connected(self, x, size, number):
        """A convolution that leaves one cell, as Matterport's weights are shaped."""
        x = self.layers(keras.layers.Conv2D, self.units, size, kernel_initializer="he_normal",
                        name="mrcnn_class_conv" + number)(x)
        x = self.layers(BatchNorm, train_bn=self.train_bn, name="mrcnn_class_bn" + number)(x)
        relu = self.layers.fresh(keras.layers.Activation, "relu", name="mrcnn_class_relu" + number)
        return relu(x)

    def _dense(self, x, units, spread, name):
        start = keras.initializers.RandomNormal(stddev=spread)
        return self.layers(keras.layers.Dense, units, dtype="float32", kernel_initializer=start,
                           name=name)(x)

    def targets(self, sample, truth):
        """Class and box of the object under each sampled ROI.

        Args:
            sample: of `SampleRois`.
            truth: dict with gt_class_ids [B, G], gt_boxes [B, G, 4] normalised and
                active_class_ids [B, C].

        Returns:
            A dict: class_ids [B, T], deltas [B, T, 4], active [B, C].
        """

        def match(sample, truth):
            class_ids = take_rows(truth["gt_class_ids"], sample["gt_index"])
            matched = take_rows(truth["gt_boxes"], sample["gt_index"])
            positive = sample["positive"]
            deltas = boxes.encode(sample["rois"], matched, self.std_dev, xp=ops)
            return {
                "class_ids": class_ids * ops.cast(positive, class_ids.dtype),
                "deltas": ops.stop_gradient(ops.where(positive[..., None] > 0, deltas, 0.0)),
                "active": ops.cast(truth["active_class_ids"], "float32"),
            }

        return Stage(match, name="mrcnn_box_targets")(sample, truth)

    def losses(self, outputs, targets, sample):
        """Cross-entropy of the class over valid ROIs, smooth L1 of the box over positive ones."""

        def class_loss(logits, targets, sample):
            # A class that the image's data set does not label can neither be right nor wrong.
            logits = logits + (targets["active"][:, None] - 1.0) * 1e9
            weights = sample["valid"]
            if self.class_weights is not None:
                per_class = ops.convert_to_tensor(self.class_weights, dtype="float32")
                weights = weights * ops.take(per_class, targets["class_ids"], axis=0)
            return classification(logits, targets["class_ids"], weights)

        def bbox_loss(deltas, targets, sample):
            own = take_class(deltas, targets["class_ids"])
            sampled = own.shape[1] if self.normalizer == "sampled" else None
            return smooth_l1(own, targets["deltas"], sample["positive"], self.beta, sampled)

        return {
            "mrcnn_class_loss": Stage(class_loss, name="mrcnn_class_loss")(
                outputs["class_logits"], targets, sample),
            "mrcnn_bbox_loss": Stage(bbox_loss, name="mrcnn_bbox_loss")(
                outputs["deltas"], targets, sample),
        }

    def decode(self, outputs, rois, window, *selection):
        """Detections [B, D, (y1, x1, y2, x2, class_id, score)]: see `select_detections`."""

        def select(probs, deltas, rois, window):
            return select_detections(probs, deltas, rois, window, self.std_dev, *selection)

        return Stage(select, name="mrcnn_detection")(
            outputs["class_probs"], outputs["deltas"], rois, window)


def select_detections(probs, deltas, rois, window, std_dev, count, min_score, nms_threshold,
                      class_agnostic):
    """Refine every box for every class, drop the weak, thin the rest.

    As Detectron, and unlike Matterport, a ROI may be found as several classes: average precision
    counts the second guess too. From a threshold of 0.5 on there is no difference.

    Args:
        probs: [B, R, C]; deltas: [B, R, C, 4]; rois: [B, R, 4], zero boxes are padding.
        window: [B, 4] normalised, the part of the image that is no padding.
        std_dev: of the deltas.
        count: D.
        min_score, nms_threshold: see `Config`.
        class_agnostic: whether classes suppress one another.

    Returns:
        [B, D, (y1, x1, y2, x2, class_id, score)].
    """
    num_boxes, num_classes = probs.shape[1], probs.shape[2] - 1
    real = ops.cast(boxes.valid(rois, xp=ops), probs.dtype)[..., None]
    scores = ops.reshape(probs[..., 1:] * real, (-1, num_boxes * num_classes))
    scores, index = ops.top_k(scores, min(MAX_CANDIDATES, num_boxes * num_classes))
    box_index, class_index = index // num_classes, index % num_classes
    own_deltas = take_class(take_rows(deltas, box_index), class_index + 1)
    refined = boxes.decode(take_rows(rois, box_index), own_deltas, std_dev, xp=ops)
    refined = boxes.clip(refined, window[:, None], xp=ops)
    scores = ops.where(boxes.valid(refined, xp=ops), scores, 0.0)
    # Boxes of different classes are moved apart, so that one NMS serves all classes.
    apart = 0 if class_agnostic else 2.0 * ops.cast(class_index, refined.dtype)[..., None]
    kept, valid = non_max_suppression(refined + apart, scores, count, nms_threshold,
                                      score_threshold=max(min_score, 1e-6))
    class_ids = ops.cast(class_index + 1, refined.dtype)
    found = ops.concatenate([refined, class_ids[..., None], scores[..., None]], axis=-1)
    return take_rows(found, kept) * ops.cast(valid, found.dtype)[..., None]
