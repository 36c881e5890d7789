"""Matterport's sampling of ROIs and their targets, in the graph.

`mrcnn.sampling.SampleRois` and the heads' `targets` are the better ones: negatives fill up what
positives leave, objects' own boxes are proposals, and mask targets keep fractions of a cell.
"""

import keras
import numpy as np
from keras import ops

from mrcnn import boxes
from mrcnn.layers.gather import take_rows
from mrcnn.layers.roi_align import crop
from mrcnn.matterport.base import ConfiguredLayer, graph_function
from mrcnn.sampling import match_proposals


class DetectionTargetLayer(ConfiguredLayer):
    """Draws the ROIs that train the heads, see `detection_targets_graph`.

    Inputs, a list: proposals [batch, proposals, (y1, x1, y2, x2)] normalised, gt_class_ids
    [batch, objects], gt_boxes [batch, objects, 4] normalised, gt_masks
    [batch, height, width, objects]. Outputs: those of the function, with the batch in front.
    """

    knobs = ("TRAIN_ROIS_PER_IMAGE", "ROI_POSITIVE_RATIO", "BBOX_STD_DEV", "USE_MINI_MASK",
             "MASK_SHAPE", "SEED")

    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        self.seed_generator = keras.random.SeedGenerator(self.config.SEED)

    def call(self, inputs):
        return _targets(*inputs, self.config, self.seed_generator)


@graph_function
def detection_targets_graph(proposals, gt_class_ids, gt_boxes, gt_masks, config):
    """Draws the ROIs of one image that train the heads, and what they should become.

    At most a share ROI_POSITIVE_RATIO of TRAIN_ROIS_PER_IMAGE (T) is positive, and negatives are
    as many as keep that ratio: none where there are no positives. No gradient passes.

    Args:
        proposals: [proposals, (y1, x1, y2, x2)] normalised; zero rows are padding.
        gt_class_ids: [objects]; 0 padding, negative crowd.
        gt_boxes: [objects, 4] normalised.
        gt_masks: [height, width, objects], of the image or with USE_MINI_MASK of the boxes.
        config: a `Config`.

    Returns:
        rois [T, 4], positives first, zeros at the end; class_ids [T]; deltas [T, 4]; masks
        [T, height, width] of 0 and 1, cut to MASK_SHAPE. All but rois are zero from the first
        negative on.
    """
    image = (proposals, gt_class_ids, gt_boxes, gt_masks)
    return [output[0] for output in _targets(*(x[None] for x in image), config, seed=None)]


def _targets(proposals, gt_class_ids, gt_boxes, gt_masks, config, seed):
    """`detection_targets_graph` for a batch."""
    count, ratio = config.TRAIN_ROIS_PER_IMAGE, config.ROI_POSITIVE_RATIO
    most = int(count * ratio)
    missing = max(0, count - proposals.shape[1])
    proposals = ops.pad(ops.stop_gradient(proposals), [[0, 0], [0, missing], [0, 0]])
    positive, negative, gt_index = _match(proposals, gt_class_ids, gt_boxes)
    chosen, is_positive, is_valid = _draw(positive, negative, count, ratio, seed)
    rois = ops.where(is_valid[..., None], take_rows(proposals, chosen), 0.0)
    gt_index = take_rows(gt_index, chosen)
    matched = take_rows(gt_boxes, gt_index)
    class_ids = ops.where(is_positive, take_rows(gt_class_ids, gt_index), 0)
    deltas = boxes.encode(rois, matched, config.BBOX_STD_DEV, xp=ops)
    own_masks = take_rows(ops.transpose(gt_masks, (0, 3, 1, 2)), gt_index[:, :most])
    windows = _within(rois, matched) if config.USE_MINI_MASK else rois
    masks = _cut(own_masks, windows[:, :most], config.MASK_SHAPE)
    masks = ops.where(is_positive[:, :most, None, None], masks, 0.0)
    masks = ops.pad(masks, [[0, 0], [0, count - most], [0, 0], [0, 0]])
    return [rois, class_ids, ops.where(is_positive[..., None], deltas, 0.0), masks]


def _match(proposals, gt_class_ids, gt_boxes):
    """`match_proposals`, and boxes without area that are no padding are negatives too."""
    positive, negative, gt_index = match_proposals(proposals, gt_class_ids, gt_boxes)
    padding = ops.all(ops.equal(proposals, 0), axis=-1)
    without_area = ops.logical_not(ops.logical_or(padding, boxes.valid(proposals, xp=ops)))
    return positive, ops.logical_or(negative, without_area), gt_index


def _draw(positive, negative, count, ratio, seed):
    """Draws by falling random key: positives lie above 1, negatives in 0 to 1, others at -1.

    Returns:
        Indices [B, T], and bool [B, T]: which are positive, and which anything at all.
    """
    draw = keras.random.uniform(ops.shape(positive), seed=seed)
    best, positives = ops.top_k(ops.where(positive, 1.0 + draw, -1.0), int(count * ratio))
    rest, negatives = ops.top_k(ops.where(negative, draw, -1.0), count)
    found = ops.sum(ops.cast(best >= 1, "int32"), axis=1, keepdims=True)
    # In float32, as Matterport's: rounding decides where the product is near a whole number.
    room = ops.cast(ops.cast(found, "float32") * np.float32(1.0 / ratio), "int32") - found
    rest = ops.where(ops.arange(count) < room, rest, -1.0)
    keys, order = ops.top_k(ops.concatenate([best, rest], axis=1), count)
    chosen = take_rows(ops.concatenate([positives, negatives], axis=1), order)
    return chosen, keys >= 1, keys >= 0


def _within(rois, frames):
    """ROIs [B, T, 4] in the frames [B, T, 4]: (0, 0, 1, 1) is the frame itself."""
    origin = frames[..., :2]
    sides = ops.maximum(frames[..., 2:] - origin, 1e-6)
    return (rois - ops.tile(origin, (1, 1, 2))) / ops.tile(sides, (1, 1, 2))


def _cut(masks, windows, mask_shape):
    """Masks [B, P, h, w] in their windows [B, P, 4]: [B, P, *mask_shape] of 0 and 1."""
    if mask_shape[0] != mask_shape[1]:
        raise ValueError(f"Expected a square MASK_SHAPE such as [28, 28], got {list(mask_shape)}.")
    size, count = int(mask_shape[0]), masks.shape[1]
    flat = ops.reshape(ops.cast(masks, "float32"), (-1, *masks.shape[2:], 1))
    cut = crop(flat, ops.reshape(windows, (-1, 4)), size, "corners")
    return ops.round(ops.reshape(cut, (-1, count, size, size)))
