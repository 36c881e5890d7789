"""Non-maximum suppression for a batch, with static shapes.

Two implementations that agree box for box: a kernel of TensorFlow's, and a twin in `keras.ops`
for the other backends.
"""

import keras
import numpy as np
from keras import ops


def non_max_suppression(boxes, scores, max_output, iou_threshold, score_threshold=None):
    """Keeps the best of each group of overlapping boxes, greedily by falling score.

    Runs in float32 whatever the precision policy (in float16 scores near 1 collapse into ties) and
    passes no gradient. Equal scores keep the lower index first. Call it on tensors, inside a
    layer's `call`, not on Keras' symbolic ones.

    Args:
        boxes: `[batch, boxes, (y1, x1, y2, x2)]`, any unit. A box without area neither
            suppresses another nor is suppressed.
        scores: `[batch, boxes]`. A box whose score is not finite is never kept: mask boxes out
            with minus infinity.
        max_output: number of boxes to return for each image, int.
        iou_threshold: boxes that overlap a better one by more than this are dropped.
        score_threshold: boxes must score more than this, if given.

    Returns:
        indices: int32 `[batch, max_output]` into `boxes`, padded at the end with 0.
        valid: bool `[batch, max_output]`, False for the padding.
    """
    boxes = ops.stop_gradient(ops.cast(boxes, "float32"))
    scores = ops.stop_gradient(ops.cast(scores, "float32"))
    allowed = ops.isfinite(scores)
    if score_threshold is not None:
        allowed = ops.logical_and(allowed, scores > score_threshold)
    scores = ops.where(allowed, scores, -np.inf)
    if keras.backend.backend() == "tensorflow":
        return suppress_with_kernel(boxes, scores, max_output, iou_threshold)
    return suppress_with_ops(boxes, scores, max_output, iou_threshold)


def suppress_with_kernel(boxes, scores, max_output, iou_threshold):
    """`non_max_suppression` by TensorFlow's combined kernel; scores finite or minus infinity.

    On two CPU cores with 16 images of 6,000 boxes and 2,000 kept it takes 59 ms. One
    `NonMaxSuppressionV4` an image under `map_fn` takes 194 ms, `non_max_suppression_padded` 234 ms;
    for 4 images of 2,000 boxes it is 2.1, 5.2 and 5.7 ms. Repeat with
    `python tests/benchmarks/bench_layers.py`.

    The combined kernel is the only one that shares a batch out among the cores, but it returns
    boxes and scores and no indices. So it is given ranks for scores: whole numbers that float32
    holds exactly and that read as positions on the way out.
    """
    import tensorflow as tf

    count = boxes.shape[1]
    order = tf.argsort(scores, direction="DESCENDING", stable=True)  # [batch, boxes]
    masked_out = tf.gather(scores, order, batch_dims=1) == -np.inf
    ranks = tf.where(masked_out, 0.0, tf.range(count, 0, -1, dtype=tf.float32))
    _, kept_ranks, _, num_valid = tf.image.combined_non_max_suppression(
        tf.gather(boxes, order, batch_dims=1)[:, :, tf.newaxis],  # the same boxes for all classes
        ranks[:, :, tf.newaxis],  # one class
        max_output_size_per_class=max_output,
        max_total_size=max_output,
        iou_threshold=iou_threshold,
        score_threshold=0.0,
        clip_boxes=False,
    )
    valid = tf.range(max_output) < num_valid[:, tf.newaxis]
    positions = tf.where(valid, count - tf.cast(kept_ranks, tf.int32), 0)
    indices = tf.where(valid, tf.gather(order, positions, batch_dims=1), 0)
    return tf.ensure_shape(indices, [None, max_output]), valid


def suppress_with_ops(boxes, scores, max_output, iou_threshold):
    """`non_max_suppression` for any backend; scores finite or minus infinity.

    Takes the best box left, drops what overlaps it, and begins again: `max_output` steps over all
    boxes, which compiles to one loop of fixed size.
    """
    numbers = ops.arange(boxes.shape[1])
    boxes = _upright(boxes)
    # Written out, not boxes.iou: the comparison below must round as TensorFlow's kernel does.
    areas = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    slots = ops.arange(max_output)

    def keep_one(step, state):
        scores, kept = state
        best = ops.argmax(scores, axis=-1)[:, None]  # [batch, 1], the first of equals
        found = ops.take_along_axis(scores, best, axis=-1) > -np.inf
        best_box = ops.take_along_axis(boxes, best[..., None], axis=1)  # [batch, 1, 4]
        overlap = _overlap(best_box, ops.take_along_axis(areas, best, axis=-1), boxes, areas)
        dropped = ops.logical_or(overlap > iou_threshold, numbers == best)
        index = ops.where(found, ops.cast(best, "int32"), -1)
        return ops.where(dropped, -np.inf, scores), ops.where(slots == step, index, kept)

    none_kept = ops.full((ops.shape(scores)[0], max_output), -1, dtype="int32")
    _, kept = ops.fori_loop(0, max_output, keep_one, (scores, none_kept))
    return ops.maximum(kept, 0), kept >= 0


def _upright(boxes):
    """Boxes `[..., 4]` with their corners in order: TensorFlow's kernels take them in any."""
    low = ops.minimum(boxes[..., :2], boxes[..., 2:])
    high = ops.maximum(boxes[..., :2], boxes[..., 2:])
    return ops.concatenate([low, high], axis=-1)


def _overlap(box, box_area, boxes, areas):
    """IoU of one box an image with all: `[batch, 1, 4]`, `[batch, boxes, 4]` -> `[batch, boxes]`.

    0 where either has no area.
    """
    height = ops.minimum(box[..., 2], boxes[..., 2]) - ops.maximum(box[..., 0], boxes[..., 0])
    width = ops.minimum(box[..., 3], boxes[..., 3]) - ops.maximum(box[..., 1], boxes[..., 1])
    intersection = ops.maximum(height, 0.0) * ops.maximum(width, 0.0)
    has_area = ops.logical_and(areas > 0, box_area > 0)
    union = ops.where(has_area, areas + box_area - intersection, 1.0)
    return ops.where(has_area, intersection / union, 0.0)
