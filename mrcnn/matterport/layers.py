"""Matterport's layers under their old names: proposals, pooling, detections.

They take batches of any size; `IMAGES_PER_GPU` is not read.
"""

import keras
import numpy as np
from keras import ops

from mrcnn import boxes
from mrcnn.layers.gather import take_class, take_rows
from mrcnn.layers.nms import non_max_suppression
from mrcnn.layers.roi_align import sample_with_kernel, sample_with_ops
from mrcnn.matterport.base import SUPPORTS_JIT, ConfiguredLayer, graph_function
from mrcnn.matterport.tensors import (
    apply_box_deltas_graph,
    log2_graph,
    norm_boxes_graph,
    parse_image_meta_graph,
)


class ProposalLayer(ConfiguredLayer):
    """The best anchors, moved, clipped, thinned by non-maximum suppression.

    `mrcnn.rpn.proposals` is the better one: anchors are constants, and boxes that lie outside the
    image are no proposals; here they stay, without area.

    Inputs, a list: rpn_probs [batch, anchors, (background, object)], rpn_bbox
    [batch, anchors, (dy, dx, log dh, log dw)], anchors [batch, anchors, (y1, x1, y2, x2)]
    normalised. Output: [batch, proposal_count, (y1, x1, y2, x2)], best first, zeros at the end.

    Args:
        proposal_count: boxes returned for an image.
        nms_threshold: IoU from which the weaker one is dropped.
        config: a `Config`.
        **kwargs: as `keras.layers.Layer`.
    """

    knobs = ("RPN_BBOX_STD_DEV", "PRE_NMS_LIMIT")

    def __init__(self, proposal_count, nms_threshold, config=None, **kwargs):
        super().__init__(config, **kwargs)
        self.proposal_count = proposal_count
        self.nms_threshold = nms_threshold

    def call(self, inputs):
        probs, deltas, anchors = inputs
        limit = min(self.config.PRE_NMS_LIMIT, anchors.shape[1])
        scores, best = ops.top_k(probs[..., 1], limit)
        deltas = take_rows(deltas, best) * np.asarray(self.config.RPN_BBOX_STD_DEV, "float32")
        refined = apply_box_deltas_graph(take_rows(anchors, best), deltas)
        clipped = boxes.clip(refined, (0.0, 0.0, 1.0, 1.0), xp=ops)
        kept, valid = non_max_suppression(
            clipped, scores, self.proposal_count, self.nms_threshold)
        return ops.stop_gradient(ops.where(valid[..., None], take_rows(clipped, kept), 0.0))

    def get_config(self):
        own = {"proposal_count": self.proposal_count, "nms_threshold": self.nms_threshold}
        return {**super().get_config(), **own}


class PyramidROIAlign(keras.layers.Layer):
    """Windows of one size out of the pyramid, by `tf.image.crop_and_resize`.

    `mrcnn.layers.roi_align.RoIAlign` is the better one: in its "aligned" convention windows are
    not half a pixel off, and each bin averages four samples.

    Inputs, a list: boxes [batch, boxes, (y1, x1, y2, x2)] normalised, image_meta (of which the
    first image's molded shape is read), then the maps P2 to P5 [batch, height, width, channels].
    Output: [batch, boxes, pool height, pool width, channels].

    Args:
        pool_shape: (height, width) of a window in cells, equal.
        **kwargs: as `keras.layers.Layer`.

    Raises:
        ValueError: the window is not square.
    """

    def __init__(self, pool_shape, **kwargs):
        super().__init__(autocast=False, **kwargs)  # keeps coordinates from becoming float16
        self.pool_shape = tuple(pool_shape)
        if len(set(self.pool_shape)) != 1:
            raise ValueError(f"Expected a square pool_shape such as [7, 7], got {pool_shape}.")
        self.supports_jit = SUPPORTS_JIT

    def call(self, inputs):
        rois, image_meta, *maps = inputs
        rois = ops.stop_gradient(ops.cast(rois, "float32"))
        image_shape = parse_image_meta_graph(image_meta)["image_shape"][0]
        on_tensorflow = keras.backend.backend() == "tensorflow"
        sample = sample_with_kernel if on_tensorflow else sample_with_ops
        windows = sample(maps, rois, _level(rois, image_shape), self.pool_shape[0], 1)
        return ops.cast(windows, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape[0][:2], *self.pool_shape, input_shape[2][-1])

    def get_config(self):
        return {**super().get_config(), "pool_shape": self.pool_shape}


def _level(rois, image_shape):
    """int32 `[batch, rois]`, 0 for P2: a side of 224 px belongs to P4, rounded to the nearest.

    `mrcnn.layers.roi_align.pyramid_level` for an image shape that is a tensor.
    """
    image_shape = ops.cast(image_shape, "float32")
    area = (rois[..., 2] - rois[..., 0]) * (rois[..., 3] - rois[..., 1])
    canonical = 224.0 / ops.sqrt(image_shape[0] * image_shape[1])
    octaves = ops.round(log2_graph(ops.sqrt(ops.maximum(area, 1e-12)) / canonical))
    return ops.cast(ops.clip(2.0 + octaves, 0, 3), "int32")


class DetectionLayer(ConfiguredLayer):
    """Classified and refined ROIs to detections, see `refine_detections_graph`.

    Inputs, a list: rois [batch, rois, (y1, x1, y2, x2)] normalised, probabilities
    [batch, rois, classes], deltas [batch, rois, classes, 4], image_meta (windows, and the first
    image's molded shape). Output: the function's, with the batch in front.

    Args:
        config: a `Config`.
        **kwargs: as `keras.layers.Layer`.
    """

    knobs = ("BBOX_STD_DEV", "DETECTION_MIN_CONFIDENCE", "DETECTION_MAX_INSTANCES",
             "DETECTION_NMS_THRESHOLD")

    def call(self, inputs):
        rois, probs, deltas, image_meta = inputs
        meta = parse_image_meta_graph(image_meta)
        windows = norm_boxes_graph(meta["window"], meta["image_shape"][0, :2])
        return _detections(rois, probs, deltas, windows, self.config)


@graph_function
def refine_detections_graph(rois, probs, deltas, window, config):
    """One image's ROIs to detections: the best class of each, NMS within the class.

    `mrcnn.heads.box.select_detections` is the better one: a ROI may be found as several classes,
    and boxes without area are none.

    Args:
        rois: [rois, (y1, x1, y2, x2)] normalised.
        probs: [rois, classes].
        deltas: [rois, classes, (dy, dx, log dh, log dw)].
        window: [(y1, x1, y2, x2)] normalised, the part of the image that is no padding.
        config: a `Config`.

    Returns:
        [DETECTION_MAX_INSTANCES, (y1, x1, y2, x2, class_id, score)], best first, zeros at the end.
    """
    return _detections(rois[None], probs[None], deltas[None], window[None], config)[0]


def _detections(rois, probs, deltas, windows, config):
    """`refine_detections_graph` for a batch."""
    class_ids = ops.cast(ops.argmax(probs, axis=2), "int32")
    scores = ops.max(probs, axis=2)
    deltas = take_class(deltas, class_ids) * np.asarray(config.BBOX_STD_DEV, "float32")
    refined = boxes.clip(apply_box_deltas_graph(rois, deltas), windows[:, None], xp=ops)
    allowed = class_ids > 0
    if config.DETECTION_MIN_CONFIDENCE:
        allowed = ops.logical_and(allowed, scores >= config.DETECTION_MIN_CONFIDENCE)
    count = config.DETECTION_MAX_INSTANCES
    class_ids = ops.where(allowed, class_ids, 0)
    kept = _suppress(refined, scores, class_ids, probs.shape[2], count,
                     config.DETECTION_NMS_THRESHOLD)
    found = ops.concatenate(
        [refined, ops.cast(class_ids, "float32")[..., None], scores[..., None]], axis=-1)
    # A row of zeros for the number that stands for none.
    found = ops.pad(found, [[0, 0], [0, 1], [0, 0]])
    _, order = ops.top_k(take_rows(found, kept)[..., 5], count)
    return ops.stop_gradient(take_rows(found, take_rows(kept, order)))


def _suppress(refined, scores, class_ids, num_classes, count, threshold):
    """NMS within each class but 0.

    Returns:
        Numbers of the ROIs that stay, rising, [B, (classes - 1) * count]; filled up with the number
        of ROIs, which is none's.
    """
    num_rois, objects = refined.shape[1], np.arange(1, num_classes, dtype="int32")
    own = ops.equal(class_ids[:, None], objects[:, None])  # [B, C - 1, N]
    scores = ops.where(own, scores[:, None], -np.inf)
    # Each class is an image by itself: boxes moved apart by class would lose digits.
    kept, valid = non_max_suppression(
        ops.repeat(refined, len(objects), axis=0), ops.reshape(scores, (-1, num_rois)),
        count, threshold)
    kept = ops.where(valid, kept, num_rois)
    return ops.sort(ops.reshape(kept, (-1, len(objects) * count)), axis=1)
