"""RoIAlign: feature windows of one size from regions of any size.

Two conventions, see `Config.ROI_ALIGN`. "aligned" is the paper's RoIAlign (He et al. 2017, section
3): pixel i of a map lies at i + 0.5, and every bin averages a grid of bilinear samples. "corners"
is Matterport's, which calls `tf.image.crop_and_resize` where the paper has RoIAlign: one sample a
bin, and pixel i lies at i, so that windows are half a pixel off. Weights trained that way need it.

Both come down to one operation, bilinear samples on a regular grid, which has two implementations
that agree: TensorFlow's `crop_and_resize` kernel, and a twin in `keras.ops` for other backends.
"""

import keras
import numpy as np
from keras import ops

from mrcnn.boxes import check_convention

# A side this small, as a share of the image's, counts as this long: log2(0) is no level.
_TINY_SIDE = 1e-6


@keras.saving.register_keras_serializable(package="mrcnn")
class RoIAlign(keras.layers.Layer):
    """Pools every region from the pyramid level that suits its size.

    Coordinates and interpolation are float32 under every precision policy; the windows come in the
    policy's compute dtype. Gradient goes to the maps only, never to the regions.

    Args:
        pool_size: bins along each side of a window.
        convention: "aligned" or "corners", see the module.
        canonical_size: side in pixels of a region that belongs to P4 (FPN, Lin et al. 2017,
            equation 1; 224 for ImageNet's pictures).
        sampling_ratio: samples along each side of a bin; "corners" always takes one.
        strides: pixels a cell of each level, finest first.
        **kwargs: as `keras.layers.Layer`.
    """

    def __init__(
        self,
        pool_size,
        convention="aligned",
        canonical_size=224,
        sampling_ratio=2,
        strides=(4, 8, 16, 32),
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # keeps coordinates from becoming float16
        self.pool_size = int(pool_size)
        self.convention = check_convention(convention)
        self.canonical_size = float(canonical_size)
        self.sampling_ratio = int(sampling_ratio)
        self.strides = tuple(strides)
        self.supports_jit = keras.backend.backend() != "tensorflow"  # the kernel routes by size

    def call(self, pyramid, rois, image_shape):
        """Pools windows.

        Args:
            pyramid: list of `[batch, height, width, channels]`, one map per stride.
            rois: `[batch, rois, (y1, x1, y2, x2)]`, normalised to the molded image. Padding and
                other regions without area give windows too, which the caller masks.
            image_shape: `(height, width)` of the molded image in pixels, ints.

        Returns:
            `[batch, rois, pool_size, pool_size, channels]`.

        Raises:
            ValueError: the numbers of maps and strides differ.
        """
        if len(pyramid) != len(self.strides):
            raise ValueError(
                f"Expected one map per stride {self.strides}, got {len(pyramid)} maps: leave out "
                "levels that only the RPN reads, such as P6."
            )
        rois = _boxes(rois)
        levels = pyramid_level(
            rois, image_shape, self.convention, self.canonical_size, len(self.strides)
        )
        cells = [[side / stride for side in image_shape[:2]] for stride in self.strides]
        windows = _pool(
            pyramid, rois, levels, cells, self.pool_size, self.convention, self.sampling_ratio
        )
        return ops.cast(windows, self.compute_dtype)

    def compute_output_shape(self, pyramid_shape, rois_shape):
        size = self.pool_size
        return (*rois_shape[:2], size, size, pyramid_shape[0][-1])

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "convention": self.convention,
            "canonical_size": self.canonical_size,
            "sampling_ratio": self.sampling_ratio,
            "strides": self.strides,
        }


def crop(maps, boxes, size, convention, sampling_ratio=2):
    """One window out of each map, such as the mask target of a region out of its object's mask.

    Args:
        maps: `[N, height, width, channels]`.
        boxes: `[N, (y1, x1, y2, x2)]`, normalised to the map as `mrcnn.boxes.normalise` does.
            Samples beyond the map are 0.
        size: side of the window.
        convention: "aligned" or "corners", see the module.
        sampling_ratio: samples along each side of a bin; "corners" always takes one.

    Returns:
        float32 `[N, size, size, channels]`.
    """
    boxes = _boxes(boxes)[:, None]  # [N, 1, 4]: an image with one region each
    levels = ops.zeros_like(boxes[..., 0], dtype="int32")
    cells = [maps.shape[1:3]]
    return _pool([maps], boxes, levels, cells, size, convention, sampling_ratio)[:, 0]


def pyramid_level(rois, image_shape, convention, canonical_size=224.0, num_levels=4):
    """The level each region is pooled from (FPN, Lin et al. 2017, equation 1).

    The paper rounds down; Matterport rounds to the nearest, so that a window of 160 to 224 px comes
    from P4 and not from P3.

    Args:
        rois: float32 `[batch, rois, (y1, x1, y2, x2)]`, normalised.
        image_shape: `(height, width)` in pixels.
        convention: "aligned" rounds down, "corners" to the nearest.
        canonical_size: side in pixels of a region that belongs to P4.
        num_levels: levels from P2 on.

    Returns:
        int32 `[batch, rois]`, 0 for P2.
    """
    height = ops.maximum(rois[..., 2] - rois[..., 0], _TINY_SIDE)
    width = ops.maximum(rois[..., 3] - rois[..., 1], _TINY_SIDE)
    canonical = canonical_size / float(image_shape[0] * image_shape[1]) ** 0.5
    octaves = ops.log(ops.sqrt(height * width) / canonical) / np.log(2.0)
    octaves = ops.floor(octaves) if convention == "aligned" else ops.round(octaves)
    return ops.cast(ops.clip(2.0 + octaves, 0, num_levels - 1), "int32")


def _boxes(boxes):
    """float32 without gradient, 0 for what is not finite."""
    # The kernel would turn a NaN into an address.
    boxes = ops.stop_gradient(ops.cast(boxes, "float32"))
    return ops.where(ops.isfinite(boxes), boxes, 0.0)


def _pool(maps, boxes, levels, cells, size, convention, sampling_ratio):
    """Windows of boxes `[B, R, 4]` from their levels `[B, R]`: float32 `[B, R, size, size, C]`.

    `cells` is the (height, width) of the normalised unit square on each map, in its pixels.
    """
    ratio = 1
    if check_convention(convention) == "aligned":
        ratio = sampling_ratio
        boxes = _sampled_span(boxes, levels, cells, maps, size * ratio)
        # One pixel more on every side holds the border's value beyond the outer pixels' centres,
        # and 0 after that, as in torchvision and Detectron2.
        maps = [ops.pad(m, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="symmetric") for m in maps]
    on_tensorflow = keras.backend.backend() == "tensorflow"
    sample = sample_with_kernel if on_tensorflow else sample_with_ops
    return sample(maps, boxes, levels, size, ratio)


def _sampled_span(boxes, levels, cells, maps, samples):
    """From the first to the last of `samples` evenly spaced points of each box.

    The points are centres of `samples` equal parts. Returns boxes in the coordinates of
    `tf.image.crop_and_resize` on a map padded by one pixel: 0 at the first pixel's centre, 1 at the
    last's.
    """
    cells = ops.take(np.array(cells, "float32"), levels, axis=0)  # [B, R, (y, x)]
    lasts = np.array([[side + 1 for side in m.shape[1:3]] for m in maps], "float32")
    lasts = ops.take(lasts, levels, axis=0)
    low, high = boxes[..., :2] * cells, boxes[..., 2:] * cells
    half_part = 0.5 * (high - low) / samples
    # Pixel i has its centre at i + 0.5 and is number i + 1 of the padded map: half a pixel to add.
    return ops.concatenate(
        [(low + half_part + 0.5) / lasts, (high - half_part + 0.5) / lasts], axis=-1
    )


def _average(samples, ratio):
    """Means of `ratio` x `ratio` samples, `[windows, side, side, channels]` -> one a bin."""
    # As a pooling: six times faster on a CPU than the mean of a reshaped array.
    return ops.average_pool(samples, ratio, ratio, data_format="channels_last")


def sample_with_kernel(maps, boxes, levels, size, ratio):
    """Bins of `ratio` x `ratio` samples by TensorFlow's kernel: each level serves its own boxes.

    On two CPU cores, forwards and back, 4 images of 224 px with 64 regions, 7 x 7 bins and 64
    channels take 7 ms; 2 of 512 px with 66 regions, 14 x 14 bins and 256 channels 58 ms. The twin
    takes 3.7 and 3.8 times as long. Repeat with `python tests/benchmarks/bench_layers.py`.

    On a CPU with several threads the kernel's gradient adds without locks and loses terms. On two
    busy cores the norm of a tensor's gradient was off by 0.6 % as a rule, once by 2 %; on one
    thread, to which TensorFlow's op determinism keeps it, by 1e-5.

    Args:
        maps: list of `[batch, height, width, channels]`, one per level.
        boxes: float32 `[batch, boxes, 4]` from first to last sample, as `tf.image.crop_and_resize`.
        levels: int32 `[batch, boxes]`.
        size: bins along each side.
        ratio: samples along each side of a bin.

    Returns:
        float32 `[batch, boxes, size, size, channels]`.
    """
    import tensorflow as tf

    count, channels = boxes.shape[1], maps[0].shape[-1]
    images = tf.repeat(tf.range(tf.shape(boxes)[0]), count)
    boxes, levels = tf.reshape(boxes, [-1, 4]), tf.reshape(levels, [-1])
    windows, origins = [], []
    for level, features in enumerate(maps):
        origin = tf.where(levels == level)[:, 0]
        samples = tf.image.crop_and_resize(
            tf.cast(features, tf.float32),  # the kernel has no bfloat16
            tf.gather(boxes, origin),
            tf.gather(images, origin),
            [size * ratio, size * ratio],
        )
        windows.append(_average(samples, ratio))
        origins.append(origin)
    in_order = tf.argsort(tf.concat(origins, axis=0))
    windows = tf.gather(tf.concat(windows, axis=0), in_order)
    return tf.reshape(windows, [-1, count, size, size, channels])


def sample_with_ops(maps, boxes, levels, size, ratio):
    """`sample_with_kernel` for any backend: all levels in one table, four neighbours gathered."""
    table, starts = _one_table(maps, levels)
    shapes = np.array([m.shape[1:3] for m in maps], "int32")
    heights, widths = (ops.take(shapes[:, axis], levels, axis=0) for axis in (0, 1))
    rows = _neighbours(boxes[..., 0], boxes[..., 2], heights, size * ratio)
    columns = _neighbours(boxes[..., 1], boxes[..., 3], widths, size * ratio)
    samples = 0.0
    for row, row_weight in rows:
        for column, column_weight in columns:
            index = row[..., None] * widths[..., None, None] + column[..., None, :]
            values = ops.take(table, index + starts[..., None, None], axis=0)
            weight = row_weight[..., None] * column_weight[..., None, :]
            samples += ops.cast(values, "float32") * weight[..., None]
    samples = ops.reshape(samples, (-1, *samples.shape[2:]))
    windows = _average(samples, ratio)
    return ops.reshape(windows, (-1, boxes.shape[1], *windows.shape[1:]))


def _one_table(maps, levels):
    """All pixels of all images and levels in one table, image by image.

    Returns:
        `[batch * pixels, channels]`, and int32 `[B, R]`: the row where the map of each box begins.
    """
    areas = [m.shape[1] * m.shape[2] for m in maps]
    channels = maps[0].shape[-1]
    tables = [ops.reshape(m, (-1, area, channels)) for m, area in zip(maps, areas, strict=True)]
    table = ops.reshape(ops.concatenate(tables, axis=1), (-1, channels))
    firsts = np.cumsum([0, *areas[:-1]], dtype="int32")
    images = ops.arange(ops.shape(levels)[0], dtype="int32")[:, None]
    return table, ops.take(firsts, levels, axis=0) + images * sum(areas)


def _neighbours(first, last, length, samples):
    """Along one axis, the two pixels beside each sample and their weights.

    Args:
        first: `[B, R]` position of the first sample, 0 for the first pixel, 1 for the last.
        last: `[B, R]` position of the last.
        length: int32 `[B, R]`, pixels along the axis.
        samples: how many.

    Returns:
        Two pairs of pixel number int32 and weight float32, `[B, R, samples]`. Samples beyond the
        outer pixels' centres have no weight.
    """
    end = ops.cast(length - 1, "float32")[..., None]
    first, last = first[..., None], last[..., None]
    if samples == 1:
        position = 0.5 * (first + last) * end
    else:
        step = (last - first) * end / (samples - 1)
        position = first * end + ops.arange(samples, dtype="float32") * step
    inside = ops.logical_and(position >= 0, position <= end)
    position = ops.where(inside, position, 0.0)
    lower = ops.floor(position)
    upper_weight = position - lower
    weights = ops.cast(inside, "float32") * (1.0 - upper_weight), upper_weight
    numbers = lower, ops.minimum(lower + 1.0, end)
    return [(ops.cast(n, "int32"), w) for n, w in zip(numbers, weights, strict=True)]
