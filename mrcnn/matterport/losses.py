"""Matterport's five loss functions: one number a batch.

Ours, in `mrcnn.losses`, are one number an image, so that a batch's images do not weigh on each
other. Here the images of a batch are joined into one, and ours does the rest.
"""

from keras import ops

from mrcnn import losses as ours
from mrcnn.layers.gather import take_class, take_rows
from mrcnn.matterport.base import graph_function


@graph_function
def smooth_l1_loss(y_true, y_pred):
    """Smooth L1 of each number, any shape; `mrcnn.losses.smooth_l1` masks padding and averages."""
    difference = ops.abs(y_true - y_pred)
    return ops.where(difference < 1, 0.5 * difference**2, difference - 0.5)


@graph_function
def rpn_class_loss_graph(rpn_match, rpn_class_logits):
    """Cross-entropy of the anchors that say something, mean over the batch.

    `mrcnn.rpn.rpn_losses` is the better one: it takes as many anchors from every image.

    Args:
        rpn_match: [batch, anchors, 1]; 1 positive, -1 negative, 0 neutral.
        rpn_class_logits: [batch, anchors, (background, object)].
    """
    match = ops.squeeze(rpn_match, axis=-1)
    labels = ops.cast(ops.equal(match, 1), "int32")
    counted = ops.cast(ops.not_equal(match, 0), "float32")
    return ours.classification(_joined(rpn_class_logits), _joined(labels), _joined(counted))[0]


@graph_function
def rpn_bbox_loss_graph(config, target_bbox, rpn_match, rpn_bbox):
    """Smooth L1 of the deltas of positive anchors, mean over the batch; 0 without positives.

    `mrcnn.rpn.rpn_losses` is the better one: each image counts as much as the next.

    Args:
        config: not read; the images are as many as come.
        target_bbox: [batch, max positives, 4], in the order of the positive anchors, then zeros.
        rpn_match: [batch, anchors, 1]; 1 positive, -1 negative, 0 neutral.
        rpn_bbox: [batch, anchors, (dy, dx, log dh, log dw)].
    """
    positive = ops.cast(ops.equal(ops.squeeze(rpn_match, axis=-1), 1), "int32")
    order = ops.cumsum(positive, axis=1) - 1  # an anchor's number among its image's positives
    target = take_rows(target_bbox, ops.clip(order, 0, target_bbox.shape[1] - 1))
    return _joined_smooth_l1(rpn_bbox, target, positive)


@graph_function
def mrcnn_class_loss_graph(target_class_ids, pred_class_logits, active_class_ids):
    """Cross-entropy of the ROIs whose predicted class is active, mean over the batch.

    The first image's active classes hold for the whole batch, padded ROIs count as background, and
    without a prediction that is active the result is NaN. `BoxHead.losses` has none of the three.

    Args:
        target_class_ids: [batch, rois], zeros at the end.
        pred_class_logits: [batch, rois, classes].
        active_class_ids: [batch, classes]; 1 for the classes of the image's data set, else 0.
    """
    active = ops.cast(active_class_ids[0], "float32")
    counted = ops.take(active, ops.argmax(pred_class_logits, axis=2), axis=0)
    labels = ops.cast(target_class_ids, "int32")
    loss = ops.sparse_categorical_crossentropy(labels, pred_class_logits, from_logits=True)
    return ops.sum(loss * counted) / ops.sum(counted)


@graph_function
def mrcnn_bbox_loss_graph(target_bbox, target_class_ids, pred_bbox):
    """Smooth L1 of the true class's deltas, mean over the batch's positive ROIs; 0 without.

    `BoxHead.losses` is the better one: each image counts as much as the next.

    Args:
        target_bbox: [batch, rois, (dy, dx, log dh, log dw)].
        target_class_ids: [batch, rois], zeros for background and padding.
        pred_bbox: [batch, rois, classes, 4].
    """
    own = take_class(pred_bbox, _object_class(target_class_ids))
    return _joined_smooth_l1(own, target_bbox, target_class_ids > 0)


@graph_function
def mrcnn_mask_loss_graph(target_masks, target_class_ids, pred_masks):
    """Cross-entropy of the true class's mask, mean over the batch's positive ROIs; 0 without.

    `MaskHead.losses` is the better one: it takes logits, where a probability of 1 has no gradient.

    Args:
        target_masks: [batch, rois, height, width], 0 or 1.
        target_class_ids: [batch, rois], zeros for background and padding.
        pred_masks: [batch, rois, height, width, classes], probabilities.
    """
    own = take_class(ops.transpose(pred_masks, (0, 1, 4, 2, 3)), _object_class(target_class_ids))
    loss = ops.binary_crossentropy(ops.cast(target_masks, own.dtype), own)
    positive = ops.cast(target_class_ids > 0, own.dtype)
    return ours.masked_mean(ops.mean(loss, axis=(2, 3)), positive, axis=(0, 1))


def _joined_smooth_l1(predicted, target, positive):
    """Mean over the rows `[batch, N, 4]` where `positive` `[batch, N]` is set."""
    positive = ops.cast(positive, "float32")
    target = ops.cast(target, predicted.dtype)
    return ours.smooth_l1(_joined(predicted), _joined(target), _joined(positive), beta=1.0)[0]


def _joined(values):
    """The rows of all images as one image's: [batch, N, ...] -> [1, batch * N, ...]."""
    return ops.reshape(values, (1, -1, *values.shape[2:]))


def _object_class(class_ids):
    """Class ids as int32, none negative."""
    return ops.maximum(ops.cast(class_ids, "int32"), 0)
