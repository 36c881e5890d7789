"""Region proposal network (Ren et al., arXiv 1506.01497): where might an object be?

Shapes: B batch, A anchors, G ground-truth boxes, N sampled anchors, R proposals. Boxes are
normalised here; anchors are constants.
"""

import keras
from keras import ops

from mrcnn import boxes
from mrcnn.layers.gather import take_rows
from mrcnn.layers.nms import non_max_suppression
from mrcnn.layers.stage import Stage
from mrcnn.losses import classification, smooth_l1

# Anchors from this IoU on are positive, below the other one negative (section 3.1.2); and an
# anchor that meets a crowd by more than this is no negative.
POSITIVE_IOU = 0.7
NEGATIVE_IOU = 0.3
CROWD_IOU = 0.001


def rpn_head(layers, pyramid, channels, anchors_per_cell, anchor_stride):
    """Wire the head over all levels of the pyramid.

    Returns:
        logits [B, A, (background, object)], probabilities of the same shape, and deltas
        [B, A, (dy, dx, log dh, log dw)]; anchors by level, row, column, ratio.
    """
    shared = layers(keras.layers.Conv2D, channels, 3, padding="same", activation="relu",
                    strides=anchor_stride, name="rpn_conv_shared")
    # Logits and deltas stay in float32 under mixed precision: they rank thousands of anchors.
    classes = layers(keras.layers.Conv2D, 2 * anchors_per_cell, 1, dtype="float32",
                     kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
                     name="rpn_class_raw")
    deltas = layers(keras.layers.Conv2D, 4 * anchors_per_cell, 1, dtype="float32",
                    kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
                    name="rpn_bbox_pred")
    features = [shared(level) for level in pyramid]
    join = Stage(lambda *maps: _flatten(maps, 2), name="rpn_class_logits")
    logits = join(*[classes(x) for x in features])
    probs = layers.fresh(keras.layers.Softmax, dtype="float32", name="rpn_class")(logits)
    join = Stage(lambda *maps: _flatten(maps, 4), name="rpn_bbox")
    return logits, probs, join(*[deltas(x) for x in features])


def _flatten(maps, size):
    """[B, h, w, anchors * size] of every level -> [B, A, size]."""
    cells = [x.shape[1] * x.shape[2] * x.shape[3] // size for x in maps]
    return ops.concatenate(
        [ops.reshape(x, (-1, count, size)) for x, count in zip(maps, cells, strict=True)], axis=1
    )


class AnchorTargets(keras.layers.Layer):
    """Match anchors to ground truth and draw those that train the RPN.

    Positive: IoU of at least 0.7, and for every object the anchors that fit it best, which are
    matched to that object (Matterport's matched them to *their* best object). Negative: IoU below
    0.3 with every object and clear of crowds. All others say nothing.

    Args:
        anchors: [A, 4] normalised, constant.
        inside: [A] bool, anchors that may train.
        std_dev: of the deltas.
        sample: N, anchors drawn per image, at most half of them positive.
        seed: of the draw.
    """

    def __init__(self, anchors, inside, std_dev, sample, seed=0, dtype=None, **kwargs):
        super().__init__(dtype="float32", trainable=False, **kwargs)
        self.anchors, self.inside = anchors, inside
        self.std_dev, self.sample = std_dev, sample
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, gt_class_ids, gt_boxes):
        """Draw anchors.

        Args:
            gt_class_ids: [B, G] int; 0 padding, negative crowd.
            gt_boxes: [B, G, 4] normalised.

        Returns:
            indices [B, N + N/2] of the drawn anchors, the first N/2 for positives; positive and
            valid [B, N + N/2] as 0 or 1; deltas [B, N/2, 4] of the positives.
        """
        iou = boxes.iou(self._anchors(), gt_boxes, xp=ops)  # [B, A, G]
        positive, negative, gt_index = match_anchors(iou, gt_class_ids)
        inside = ops.convert_to_tensor(self.inside, dtype="bool")
        draw = keras.random.uniform(ops.shape(positive), seed=self.seed_generator)
        half = self.sample // 2
        chosen, is_positive = _draw(ops.logical_and(positive, inside), draw, half)
        others, is_negative = _draw(ops.logical_and(negative, inside), draw, self.sample)
        # Negatives fill what the positives leave of N.
        room = self.sample - ops.sum(is_positive, axis=1, keepdims=True)
        is_negative = is_negative * ops.cast(
            ops.arange(self.sample, dtype="float32")[None] < room, "float32")
        anchors = ops.take(ops.convert_to_tensor(self.anchors), chosen, axis=0)
        matched = take_rows(gt_index, chosen)
        targets = take_rows(gt_boxes, matched)
        deltas = boxes.encode(anchors, targets, self.std_dev, xp=ops)
        return {
            "indices": ops.concatenate([chosen, others], axis=1),
            "positive": ops.pad(is_positive, [[0, 0], [0, self.sample]]),
            "valid": ops.concatenate([is_positive, is_negative], axis=1),
            "deltas": ops.stop_gradient(deltas * is_positive[..., None]),
        }

    def _anchors(self):
        return ops.convert_to_tensor(self.anchors)[None]


def match_anchors(iou, gt_class_ids):
    """Label anchors by their overlaps.

    Args:
        iou: [B, A, G].
        gt_class_ids: [B, G]; 0 padding, negative crowd.

    Returns:
        positive [B, A] bool, negative [B, A] bool, gt_index [B, A] int32 of the matched object.
    """
    is_object = ops.cast(gt_class_ids > 0, iou.dtype)[:, None]
    is_crowd = ops.cast(gt_class_ids < 0, iou.dtype)[:, None]
    crowd = ops.max(iou * is_crowd, axis=2)
    iou = iou * is_object
    best_of_object = ops.max(iou, axis=1, keepdims=True)
    # An object that meets no anchor at all forces none: zero equals zero everywhere.
    forced = ops.logical_and(iou >= best_of_object, best_of_object > 0)
    gt_index = ops.argmax(iou + 2 * ops.cast(forced, iou.dtype), axis=2)
    forced = ops.any(forced, axis=2)
    best = ops.max(iou, axis=2)
    positive = ops.logical_or(best >= POSITIVE_IOU, forced)
    clear = ops.logical_and(best < NEGATIVE_IOU, crowd < CROWD_IOU)
    negative = ops.logical_and(clear, ops.logical_not(forced))
    return positive, negative, ops.cast(gt_index, "int32")


def _draw(eligible, draw, count):
    """Random `count` of the eligible: indices [B, count] and 1 where one was there to draw."""
    scores, indices = ops.top_k(ops.where(eligible, draw, -1.0), count)
    return indices, ops.cast(scores >= 0, "float32")


def rpn_losses(logits, deltas, targets, sample, beta, normalizer):
    """Wire both losses, [B] each, over the drawn anchors only."""

    def class_loss(logits, targets):
        drawn = take_rows(logits, targets["indices"])
        labels = ops.cast(targets["positive"], "int32")
        return classification(drawn, labels, targets["valid"])

    def bbox_loss(deltas, targets):
        half = targets["deltas"].shape[1]
        drawn = take_rows(deltas, targets["indices"][:, :half])
        return smooth_l1(drawn, targets["deltas"], targets["positive"][:, :half], beta,
                         sampled=sample if normalizer == "sampled" else None)

    return {
        "rpn_class_loss": Stage(class_loss, name="rpn_class_loss")(logits, targets),
        "rpn_bbox_loss": Stage(bbox_loss, name="rpn_bbox_loss")(deltas, targets),
    }


def proposals(probs, deltas, anchors, std_dev, pre_nms, count, nms_threshold):
    """Wire the proposal step: the best anchors, moved, clipped, thinned by NMS.

    Each step is a stage, under the name that Matterport's notebooks look for.

    Args:
        probs: [B, A, 2]; deltas: [B, A, 4].
        anchors: [A, 4] normalised NumPy constant.
        std_dev: of the deltas.
        pre_nms: anchors kept before NMS.
        count: R.
        nms_threshold: IoU.

    Returns:
        `ROI` [B, R, 4], best first, zero boxes at the end; no gradient passes.
    """
    pre_nms = min(pre_nms, len(anchors))

    def best(probs):
        scores, indices = ops.top_k(probs[..., 1], pre_nms)
        return scores, indices

    def choose(indices):
        return ops.take(ops.convert_to_tensor(anchors), indices, axis=0)

    def refine(chosen, deltas, indices):
        return boxes.decode(chosen, take_rows(deltas, indices), std_dev, xp=ops)

    def clip(refined):
        return boxes.clip(refined, (0.0, 0.0, 1.0, 1.0), xp=ops)

    def thin(clipped, scores):
        # A box that lies outside the image has no area left and is no proposal.
        scores = ops.where(boxes.valid(clipped, xp=ops), scores, -1.0)
        indices, valid = non_max_suppression(clipped, scores, count, nms_threshold,
                                             score_threshold=0.0)
        return ops.where(valid, indices, -1)

    def take(clipped, kept):
        rois = take_rows(clipped, ops.maximum(kept, 0))
        return ops.stop_gradient(rois * ops.cast(kept >= 0, rois.dtype)[..., None])

    scores, indices = Stage(best, name="top_anchors")(probs)
    chosen = Stage(choose, name="pre_nms_anchors")(indices)
    refined = Stage(refine, name="refined_anchors")(chosen, deltas, indices)
    clipped = Stage(clip, name="refined_anchors_clipped")(refined)
    kept = Stage(thin, name="rpn_non_max_suppression")(clipped, scores)
    return Stage(take, name="ROI")(clipped, kept)
