"""The mask head: which cells of a box are the object (Mask R-CNN, section 3).

Shapes: B batch, R boxes, P positive ROIs, G ground-truth objects, C classes with background.
"""

import keras
from keras import ops

from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.fold import Fold, Unfold
from mrcnn.layers.gather import take_class, take_rows
from mrcnn.layers.roi_align import RoIAlign, crop
from mrcnn.layers.stage import Stage
from mrcnn.losses import binary


class MaskHead:
    """Convolutions on 14x14 features, a deconvolution to 28x28, one mask a class.

    Args:
        layers: `SharedLayers`.
        align: keyword arguments of `RoIAlign`, all but sizes.
        num_classes: C.
        pool_size: side of the pooled features.
        mask_shape: (height, width) of the masks, twice the pooled features.
        channels, convolutions: filters and number of the 3x3 convolutions.
        train_bn: see `BatchNorm`.
        mini_masks: whether ground-truth masks are in the frame of their box.
        fractional: whether targets keep the share of each cell that the object covers.

    Raises:
        ValueError: the mask is not twice as large as the features.
    """

    losses_of = ("mrcnn_mask_loss",)
    best_only = False

    def __init__(self, layers, align, num_classes, pool_size, mask_shape, channels, convolutions,
                 train_bn, mini_masks, fractional):
        if tuple(mask_shape) != (2 * pool_size, 2 * pool_size):
            raise ValueError(
                f"MASK_SHAPE must be twice MASK_POOL_SIZE in both directions, here "
                f"{[2 * pool_size] * 2}, got {list(mask_shape)}."
            )
        self.layers, self.align, self.num_classes = layers, align, num_classes
        self.pool_size, self.size = pool_size, mask_shape[0]
        self.channels, self.convolutions, self.train_bn = channels, convolutions, train_bn
        self.mini_masks, self.fractional = mini_masks, fractional

    def predict(self, pyramid, rois, image_shape, streams=None):
        """Mask logits [B, R, h, w, C] of boxes [B, R, 4]; adds the stream "mask"."""
        shape = (rois.shape[1], self.size, self.size, self.num_classes)
        x = RoIAlign(self.pool_size, **self.align, name="roi_align_mask",
                     dtype=self.layers.dtype)(pyramid, rois, image_shape=image_shape[:2])
        x = Fold(name="mrcnn_mask_fold", dtype=self.layers.dtype)(x)
        for number in range(1, self.convolutions + 1):
            x = self.layers(keras.layers.Conv2D, self.channels, 3, padding="same",
                            kernel_initializer="he_normal", name=f"mrcnn_mask_conv{number}")(x)
            x = self.layers(BatchNorm, train_bn=self.train_bn, name=f"mrcnn_mask_bn{number}")(x)
            x = self.layers.fresh(keras.layers.Activation, "relu",
                                  name=f"mrcnn_mask_relu{number}")(x)
        if streams is not None:
            streams["mask"] = Unfold((rois.shape[1], *x.shape[1:]), name="mrcnn_mask_stream",
                                     dtype=self.layers.dtype)(x)
        x = self.layers(keras.layers.Conv2DTranspose, self.channels, 2, strides=2,
                        activation="relu", kernel_initializer="he_normal",
                        name="mrcnn_mask_deconv")(x)
        x = self.layers(keras.layers.Conv2D, self.num_classes, 1, dtype="float32",
                        name="mrcnn_mask")(x)
        return Unfold(shape, name="mrcnn_mask_logits", dtype="float32")(x)

    def targets(self, sample, truth):
        """The ground-truth mask inside each positive ROI.

        Args:
            sample: of `SampleRois`, cut to the positive prefix.
            truth: dict with gt_class_ids [B, G], gt_boxes [B, G, 4] normalised and gt_masks
                [B, G, h, w] coverage, 0 to 255.

        Returns:
            A dict: masks [B, P, size, size], 0 to 1, and class_ids [B, P].
        """

        def cut(sample, truth):
            masks = take_rows(truth["gt_masks"], sample["gt_index"])  # [B, P, h, w]
            rois = sample["rois"]
            if self.mini_masks:
                rois = _within(rois, take_rows(truth["gt_boxes"], sample["gt_index"]))
            count = rois.shape[1]
            flat = ops.cast(ops.reshape(masks, (-1, *masks.shape[2:], 1)), "float32") / 255.0
            cut = crop(flat, ops.reshape(rois, (-1, 4)), self.size, self.align["convention"])
            cut = ops.reshape(cut, (-1, count, self.size, self.size))
            if not self.fractional:
                cut = ops.cast(cut >= 0.5, "float32")
            return {
                "masks": ops.stop_gradient(cut),
                "class_ids": take_rows(truth["gt_class_ids"], sample["gt_index"]),
            }

        return Stage(cut, name="mrcnn_mask_targets")(sample, truth)

    def losses(self, outputs, targets, sample):
        """Binary cross-entropy of the true class's mask, over positives."""

        def mask_loss(logits, targets, sample):
            own = take_class(ops.transpose(logits, (0, 1, 4, 2, 3)), _object_class(targets))
            return binary(own, targets["masks"], sample["positive"])

        loss = Stage(mask_loss, name="mrcnn_mask_loss")(outputs, targets, sample)
        return {"mrcnn_mask_loss": loss}

    def decode(self, outputs, detections):
        """A dict: masks [B, D, size, size], probabilities of each detection's own class."""

        def own_mask(probs, detections):
            class_ids = ops.cast(detections[..., 4], "int32")
            return take_class(ops.transpose(probs, (0, 1, 4, 2, 3)), class_ids)

        probs = Stage(ops.sigmoid, name="mrcnn_mask_probs")(outputs)
        return {"masks": Stage(own_mask, name="mrcnn_mask_own")(probs, detections)}


def _within(rois, gt_boxes):
    """ROIs in the frame of their object's box: (0, 0, 1, 1) is the box itself."""
    y1, x1, y2, x2 = (gt_boxes[..., i] for i in range(4))
    height, width = ops.maximum(y2 - y1, 1e-6), ops.maximum(x2 - x1, 1e-6)
    origin = ops.stack([y1, x1, y1, x1], axis=-1)
    return (rois - origin) / ops.stack([height, width, height, width], axis=-1)


def _object_class(targets):
    """Class ids without the negative ones of crowds, which no positive ROI has."""
    return ops.maximum(targets["class_ids"], 0)
