"""Times the implementations of non-maximum suppression and RoIAlign against each other.

    python tests/benchmarks/bench_layers.py

Prints the best of several runs in milliseconds, in TensorFlow graphs. Every implementation's
output is compared with the first one's.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import tensorflow as tf

from mrcnn.layers import nms, roi_align

STRIDES = (4, 8, 16, 32)


def main():
    for batch, boxes, max_output, iou_threshold in (
        (1, 6000, 1000, 0.7),
        (4, 2000, 500, 0.7),
        (16, 6000, 2000, 0.7),
        (16, 1000, 100, 0.3),
    ):
        time_nms(batch, boxes, max_output, iou_threshold)
    for batch, regions, size, channels, image_size in (
        (4, 64, 7, 64, 224),
        (4, 64, 14, 64, 224),
        (2, 66, 14, 256, 512),
        (1, 1000, 7, 256, 512),
    ):
        time_roi_align(batch, regions, size, channels, image_size)


def best_time(function, *arguments, runs=5):
    """Milliseconds of the fastest run after a first one, and the result as NumPy arrays."""
    times = []
    for _ in range(runs + 1):
        begin = time.perf_counter()
        result = tf.nest.map_structure(np.asarray, function(*arguments))
        times.append(1000 * (time.perf_counter() - begin))
    return min(times[1:]), result


def random_boxes(batch, count, smallest, largest):
    rng = np.random.default_rng(0)
    centers = rng.uniform(0, 1, (batch, count, 2))
    sides = np.exp(rng.uniform(np.log(smallest), np.log(largest), (batch, count, 2)))
    boxes = np.concatenate([centers - sides / 2, centers + sides / 2], axis=-1)
    return tf.constant(boxes.clip(0, 1).astype("float32"))


def time_nms(batch, count, max_output, iou_threshold):
    boxes = random_boxes(batch, count, 0.02, 0.4)
    scores = tf.random.stateless_uniform([batch, count], seed=(0, 0))
    print(f"nms: {batch} images, {count} boxes, {max_output} kept, IoU {iou_threshold}")
    expected = None
    for suppress in (nms.suppress_with_kernel, one_kernel_an_image, padded_in_tiles):
        milliseconds, kept = best_time(
            tf.function(suppress), boxes, scores, max_output, iou_threshold
        )
        expected = kept if expected is None else expected
        assert all(map(np.array_equal, kept, expected)), suppress.__name__
        print(f"    {suppress.__name__:24}{milliseconds:8.1f} ms")


def one_kernel_an_image(boxes, scores, max_output, iou_threshold):
    def suppress(image):
        indices, count = tf.raw_ops.NonMaxSuppressionV4(
            boxes=image[0],
            scores=image[1],
            max_output_size=max_output,
            iou_threshold=iou_threshold,
            score_threshold=-np.inf,
            pad_to_max_output_size=True,
        )
        return indices, count

    signature = tf.TensorSpec([max_output], tf.int32), tf.TensorSpec([], tf.int32)
    indices, count = tf.map_fn(suppress, (boxes, scores), fn_output_signature=signature)
    return without_padding(indices, count)


def padded_in_tiles(boxes, scores, max_output, iou_threshold):
    indices, count = tf.image.non_max_suppression_padded(
        boxes, scores, max_output, iou_threshold, pad_to_max_output_size=True
    )
    return without_padding(indices, count)


def without_padding(indices, count):
    valid = tf.range(indices.shape[1]) < count[:, None]
    return tf.where(valid, indices, 0), valid


def time_roi_align(batch, regions, size, channels, image_size):
    rois = random_boxes(batch, regions, 0.05, 0.8)
    rng = np.random.default_rng(1)
    shapes = [(batch, image_size // s, image_size // s, channels) for s in STRIDES]
    pyramid = [tf.constant(rng.normal(size=shape).astype("float32")) for shape in shapes]
    print(
        f"RoIAlign: {batch} images of {image_size} px, {regions} regions, {size} x {size} bins, "
        f"{channels} channels"
    )
    expected = None
    for sample in (roi_align.sample_with_kernel, roi_align.sample_with_ops):
        forward, train = roi_align_functions(sample, size, image_size)
        forward_ms, windows = best_time(forward, pyramid, rois)
        train_ms, _ = best_time(train, pyramid, rois)
        expected = windows if expected is None else expected
        np.testing.assert_allclose(windows, expected, atol=1e-3)
        print(f"    {sample.__name__:24}{forward_ms:8.1f} ms, with gradient {train_ms:8.1f} ms")


def roi_align_functions(sample, size, image_size):
    """RoIAlign on one implementation: windows, and gradients of a loss on them."""
    layer = roi_align.RoIAlign(size)

    def forward(pyramid, rois):
        chosen, roi_align.sample_with_kernel = roi_align.sample_with_kernel, sample
        try:
            return layer(pyramid, rois, image_shape=(image_size, image_size))
        finally:
            roi_align.sample_with_kernel = chosen

    def train(pyramid, rois):
        with tf.GradientTape() as tape:
            tape.watch(pyramid)
            loss = tf.reduce_sum(forward(pyramid, rois) ** 2)
        return [tf.convert_to_tensor(slope) for slope in tape.gradient(loss, pyramid)]

    return tf.function(forward), tf.function(train)


if __name__ == "__main__":
    main()
