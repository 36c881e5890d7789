"""The keypoint head: where on each object its landmarks are (Mask R-CNN, section 5).

With the widths of Match R-CNN (DeepFashion2, arXiv 1901.07973, section 4.1): eight convolutions on
14x14 features, two deconvolutions to heatmaps of 56x56. A softmax over the cells of a map says
where its keypoint is.

Shapes: B batch, R boxes, P positive ROIs, G ground-truth objects, D detections, K keypoints in all,
M keypoints of one class at most, C classes with background, S side of a heatmap.
"""

import keras
import numpy as np
from keras import ops

from mrcnn import heatmaps, keypoints
from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.fold import Fold, Unfold
from mrcnn.layers.gather import take_rows
from mrcnn.layers.keypoint_maps import KeypointMaps
from mrcnn.layers.roi_align import RoIAlign
from mrcnn.layers.stage import Stage
from mrcnn.losses import masked_mean


class KeypointHead:
    """Convolutions and a deconvolution for all classes, then heatmaps of the object's own.

    Args:
        layers: `SharedLayers`.
        align: keyword arguments of `RoIAlign`, all but sizes.
        of_classes: `keypoints.ClassKeypoints`.
        groups: [K] ints, the map of each keypoint, where several share one; None: one each.
        pool_size: side of the pooled features; a heatmap is four times as large.
        channels, convolutions: filters and number of the 3x3 convolutions.
        train_bn: see `BatchNorm`.
        margin: of the windows, see `mrcnn.heatmaps`.
        targets: "bilinear" or "one_hot", see `heatmaps.encode`.
        train_occluded: whether keypoints that something covers (v = 1) carry a loss.

    Raises:
        ValueError: `groups` does not give every keypoint a map.
    """

    losses_of = ("mrcnn_keypoint_loss",)
    best_only = True

    def __init__(self, layers, align, of_classes, groups, pool_size, channels, convolutions,
                 train_bn, margin, targets, train_occluded):
        groups = np.arange(of_classes.total) if groups is None else np.asarray(groups)
        if groups.shape != (of_classes.total,) or groups.min() < 0:
            raise ValueError(
                f"LANDMARK_GROUPS gives each of {of_classes.total} keypoints the number of its "
                f"map, 0 or more; got {groups.size} numbers from {groups.min()}.")
        self.layers, self.align, self.of_classes = layers, align, of_classes
        self.maps, self.channels_of = int(groups.max()) + 1, groups[of_classes.columns]
        self.pool_size, self.size = pool_size, 4 * pool_size
        self.channels, self.convolutions, self.train_bn = channels, convolutions, train_bn
        self.margin, self.encoding, self.train_occluded = margin, targets, train_occluded

    def predict(self, pyramid, rois, image_shape, streams=None):
        """Features [B, R, S/2, S/2, channels] of boxes [B, R, 4], still of no class.

        Adds the stream "keypoint", the features before they are enlarged.
        """
        shape = (rois.shape[1], 2 * self.pool_size, 2 * self.pool_size, self.channels)
        windows = Stage(self._windows, name="mrcnn_keypoint_windows")(rois)
        x = RoIAlign(self.pool_size, **self.align, name="roi_align_keypoint",
                     dtype=self.layers.dtype)(pyramid, windows, image_shape=image_shape[:2])
        x = Fold(name="mrcnn_keypoint_fold", dtype=self.layers.dtype)(x)
        for number in range(1, self.convolutions + 1):
            x = self.layers(keras.layers.Conv2D, self.channels, 3, padding="same",
                            kernel_initializer="he_normal", name=f"mrcnn_keypoint_conv{number}")(x)
            x = self._activated(x, str(number))
        if streams is not None:
            streams["keypoint"] = Unfold((rois.shape[1], *x.shape[1:]),
                                         name="mrcnn_keypoint_stream", dtype=self.layers.dtype)(x)
        x = self.layers(keras.layers.Conv2DTranspose, self.channels, 2, strides=2,
                        kernel_initializer="he_normal", name="mrcnn_keypoint_deconv")(x)
        x = self._activated(x, "_deconv")
        return Unfold(shape, name="mrcnn_keypoint_features", dtype=self.layers.dtype)(x)

    def _activated(self, x, place):
        x = self.layers(BatchNorm, train_bn=self.train_bn, name=f"mrcnn_keypoint_bn{place}")(x)
        return self.layers.fresh(keras.layers.Activation, "relu",
                                 name=f"mrcnn_keypoint_relu{place}")(x)

    def _maps(self, features, class_ids):
        """Heatmaps [B, R, M, S, S], logits, of the classes [B, R]."""
        channels = Stage(lambda ids: _of(self.channels_of, ids, "int32"),
                         name="mrcnn_keypoint_channels")(class_ids)
        # Logits stay in float32 under mixed precision, as those of all heads.
        return self.layers(KeypointMaps, self.maps, dtype="float32",
                           name="mrcnn_keypoint")(features, channels)

    def _windows(self, boxes):
        return heatmaps.windows(boxes, self.margin, xp=ops)

    def targets(self, sample, truth):
        """The cells of every keypoint of the object under each positive ROI.

        Keypoints outside the window (in its margin they do count, unlike in the papers, which have
        none), absent ones (v = 0) and, if so configured, covered ones (v = 1) do not.

        Args:
            sample: of `SampleRois`, cut to the positive prefix.
            truth: dict with gt_class_ids [B, G] and gt_keypoints [B, G, K, (x, y, v)], x and y
                normalised.

        Returns:
            A dict: class_ids [B, P]; cells int32 and weights [B, P, M, 4], see `heatmaps.encode`;
            counted [B, P, M], 0 or 1.
        """

        def match(sample, truth):
            class_ids = ops.maximum(take_rows(truth["gt_class_ids"], sample["gt_index"]), 0)
            points = take_rows(truth["gt_keypoints"], sample["gt_index"])  # [B, P, K, 3]
            own = _columns(points, _of(self.of_classes.columns, class_ids, "int32"))
            windows = self._windows(sample["rois"])[:, :, None]
            cells, weights, inside = heatmaps.encode(
                own[..., :2], windows, self.size, self.encoding, xp=ops)
            least = keypoints.NOT_THERE if self.train_occluded else keypoints.VISIBLE - 1
            counted = ops.logical_and(inside, own[..., 2] > least)
            counted = ops.logical_and(counted, _of(self.of_classes.exists, class_ids, "bool"))
            counted = ops.cast(counted, "float32") * sample["positive"][..., None]
            return {"class_ids": class_ids, "cells": cells,
                    "weights": ops.stop_gradient(weights), "counted": counted}

        return Stage(match, name="mrcnn_keypoint_targets")(sample, truth)

    def losses(self, outputs, targets, sample):
        """Cross-entropy over the cells of each keypoint that counts; their mean."""

        def keypoint_loss(maps, targets):
            maps = ops.reshape(maps, (-1, *maps.shape[1:3], self.size**2))
            named = ops.take_along_axis(maps, targets["cells"], axis=-1)
            loss = ops.logsumexp(maps, axis=-1) - ops.sum(named * targets["weights"], axis=-1)
            return masked_mean(loss, targets["counted"], axis=(1, 2))

        maps = self._maps(outputs, targets["class_ids"])
        return {"mrcnn_keypoint_loss": Stage(keypoint_loss, name="mrcnn_keypoint_loss")(
            maps, targets)}

    def decode(self, outputs, detections):
        """A dict: keypoints [B, D, M, (x, y, score)] of each detection's own class, normalised.

        Beyond a class's last keypoint all is 0, and so it is in the rows of padding.
        """

        def points(maps, detections):
            decoded = heatmaps.decode(maps, self._windows(detections[..., :4])[:, :, None], ops)
            exists = _of(self.of_classes.exists, detections[..., 4], "float32")
            return decoded * exists[..., None]

        class_ids = Stage(lambda x: x[..., 4], name="mrcnn_keypoint_classes")(detections)
        maps = self._maps(outputs, class_ids)
        return {"keypoints": Stage(points, name="mrcnn_keypoint_points")(maps, detections)}


def _of(table, class_ids, dtype):
    """Rows of a table [C, M] for classes [B, N]: [B, N, M]."""
    table = ops.convert_to_tensor(table.astype(dtype))
    return ops.take(table, ops.cast(class_ids, "int32"), axis=0)


def _columns(points, columns):
    """Pick each row's own keypoints: [B, P, K, 3] and [B, P, M] int -> [B, P, M, 3]."""
    count, total, values = points.shape[1:]
    flat = ops.reshape(points, (-1, total, values))
    own = take_rows(flat, ops.reshape(columns, (-1, columns.shape[2])))
    return ops.reshape(own, (-1, count, columns.shape[2], values))
