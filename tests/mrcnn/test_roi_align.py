from pathlib import Path

import keras
import numpy as np
import pytest

from mrcnn.layers import roi_align
from mrcnn.layers.roi_align import RoIAlign
from tests.mrcnn.layer_harness import check_layer

GOLDEN = Path(__file__).parents[1] / "golden" / "layers_small.npz"
BACKEND = keras.backend.backend()
IMAGE_SHAPE = (128, 192)
STRIDES = (4, 8, 16, 32)
IMPLEMENTATIONS = [
    pytest.param(
        roi_align.sample_with_kernel,
        id="kernel",
        marks=pytest.mark.skipif(BACKEND != "tensorflow", reason="the kernel is TensorFlow's"),
    ),
    pytest.param(roi_align.sample_with_ops, id="ops"),
]


@pytest.fixture(params=IMPLEMENTATIONS, autouse=True)
def implementation(request, monkeypatch):
    """Runs each test on one implementation and then the other."""
    used = "sample_with_kernel" if BACKEND == "tensorflow" else "sample_with_ops"
    monkeypatch.setattr(roi_align, used, request.param)


def random_pyramid(batch=2, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    shapes = [(batch, IMAGE_SHAPE[0] // s, IMAGE_SHAPE[1] // s, channels) for s in STRIDES]
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def random_rois(batch=2, count=12, seed=0):
    """Regions of all levels, some ending at the image's border, one padded and one inverted."""
    rng = np.random.default_rng(seed)
    centers = rng.uniform(0, 1, (batch, count, 2))
    sides = np.exp(rng.uniform(np.log(0.05), np.log(1.6), (batch, count, 2)))
    rois = np.concatenate([centers - sides / 2, centers + sides / 2], axis=-1).clip(0, 1)
    rois[:, -1] = 0
    rois[:, -2] = rois[:, -2, [2, 3, 0, 1]]
    return rois.astype("float32")


def inner_rois():
    """Regions that end short of the border: in "corners" one rounding of a side at 1 decides
    whether the last sample is read or is 0."""
    return random_rois() * 0.98 + np.float32(0.01)


def reference_window(features, box, size, ratio):
    """RoIAlign of one box in pixels of one map, sample by sample (He et al. 2017, section 3)."""
    y1, x1, y2, x2 = (float(side) for side in box)
    window = np.zeros((size, size, features.shape[-1]))
    for i, j in np.ndindex(size * ratio, size * ratio):
        y = y1 + (i + 0.5) * (y2 - y1) / (size * ratio)
        x = x1 + (j + 0.5) * (x2 - x1) / (size * ratio)
        window[i // ratio, j // ratio] += bilinear(features, y - 0.5, x - 0.5) / ratio**2
    return window


def bilinear(features, y, x):
    """The value at (y, x), 0 being the first pixel's centre: torchvision's rules at the border."""
    height, width = features.shape[:2]
    if not (-1 <= y <= height and -1 <= x <= width):
        return 0.0
    y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    fy, fx = y - top, x - left
    upper = (1 - fx) * features[top, left] + fx * features[top, right]
    lower = (1 - fx) * features[bottom, left] + fx * features[bottom, right]
    return (1 - fy) * upper + fy * lower


def reference_level(roi, rounding):
    height, width = (roi[2] - roi[0]) * IMAGE_SHAPE[0], (roi[3] - roi[1]) * IMAGE_SHAPE[1]
    if height <= 0 or width <= 0:
        return None  # any level will do
    return int(np.clip(rounding(4 + np.log2(np.sqrt(height * width) / 224)), 2, 5)) - 2


def aligned_reference(pyramid, rois, size, ratio):
    windows = np.zeros((*rois.shape[:2], size, size, pyramid[0].shape[-1]))
    for b, r in np.ndindex(rois.shape[:2]):
        level = reference_level(rois[b, r], np.floor)
        if level is not None:
            box = rois[b, r] * (IMAGE_SHAPE * 2) / STRIDES[level]
            windows[b, r] = reference_window(pyramid[level][b], box, size, ratio)
    return windows


def with_area(rois):
    return (rois[..., 2] > rois[..., 0]) & (rois[..., 3] > rois[..., 1])


def run(layer, pyramid, rois, image_shape=IMAGE_SHAPE):
    return keras.ops.convert_to_numpy(layer(pyramid, rois, image_shape=image_shape))


def ramp(height, width, stride):
    """A map that holds its cells' centres along x in pixels: `[1, height, width, 1]`."""
    centers = (np.arange(width, dtype="float32") + 0.5) * stride
    return np.tile(centers[:, None], (1, height, 1, 1))


def gradient(loss, maps):
    """Of a scalar function of a list of arrays, on whichever backend runs."""
    if BACKEND == "jax":
        import jax

        return [np.array(g) for g in jax.grad(loss)([np.array(m) for m in maps])]
    tf = pytest.importorskip("tensorflow")
    maps = [tf.constant(m) for m in maps]
    with tf.GradientTape() as tape:
        tape.watch(maps)
        value = loss(maps)
    return [tf.convert_to_tensor(g).numpy() for g in tape.gradient(value, maps)]


@pytest.mark.parametrize("convention", ["aligned", "corners"])
def test_as_a_layer(convention):
    pyramid, rois = random_pyramid(), inner_rois()
    windows = check_layer(lambda: RoIAlign(7, convention), (pyramid, rois), image_shape=IMAGE_SHAPE)
    assert windows.shape == (2, 12, 7, 7, 3)
    assert np.isfinite(windows).all()


@pytest.mark.parametrize(("size", "ratio"), [(7, 2), (3, 1), (1, 1), (2, 3)])
def test_aligned_is_the_papers(size, ratio):
    pyramid, rois = random_pyramid(), random_rois()
    windows = run(RoIAlign(size, sampling_ratio=ratio), pyramid, rois)
    real = with_area(rois)
    expected = aligned_reference(pyramid, rois, size, ratio)
    np.testing.assert_allclose(windows[real], expected[real], atol=1e-4)


def test_aligned_beyond_the_image_is_torchvisions():
    pyramid = random_pyramid(batch=1)
    rois = np.float32([[[-0.3, -0.2, 0.4, 1.3], [0.8, 0.9, 1.2, 1.1], [1.5, 1.5, 1.9, 1.9]]])
    windows = run(RoIAlign(7), pyramid, rois)
    np.testing.assert_allclose(windows, aligned_reference(pyramid, rois, 7, 2), atol=1e-4)


def test_aligned_reads_a_ramp_exactly():
    ramps = [ramp(IMAGE_SHAPE[0] // s, IMAGE_SHAPE[1] // s, s) for s in STRIDES]
    rois = np.float32([[[0.25, 0.25, 0.75, 0.75]]])
    windows = run(RoIAlign(4), ramps, rois)
    np.testing.assert_allclose(windows[0, 0, 1, :, 0], [60, 84, 108, 132], rtol=1e-5)


def test_maps_whose_size_the_stride_does_not_divide():
    image_shape = (100, 90)
    shapes = [(-(-100 // stride), -(-90 // stride)) for stride in STRIDES]
    ramps = [ramp(*shape, stride) for shape, stride in zip(shapes, STRIDES, strict=True)]
    rois = np.float32([[[0.3, 0.2, 0.6, 0.6], [0.1, 0.2, 1.0, 0.6]]])
    windows = run(RoIAlign(2), ramps, rois, image_shape)
    np.testing.assert_allclose(windows[0, :, 0, :, 0], [[27, 45]] * 2, rtol=1e-5)


def test_corners_is_crop_and_resize_by_tensorflow():
    tf = pytest.importorskip("tensorflow")
    pyramid, rois = random_pyramid(), inner_rois()
    windows = run(RoIAlign(7, "corners"), pyramid, rois)
    for b, r in np.argwhere(with_area(rois)):
        level = reference_level(rois[b, r], np.round)
        expected = tf.image.crop_and_resize(
            pyramid[level][b : b + 1], rois[b, r : r + 1], [0], [7, 7]
        )
        np.testing.assert_allclose(windows[b, r], expected[0], atol=1e-4)


def test_corners_is_matterports():
    # Recorded from PyramidROIAlign of Matterport's code, 64 regions of a 256 x 256 image.
    with np.load(GOLDEN) as golden:
        pyramid = [golden[f"p{level}"] for level in (2, 3, 4, 5)]
        windows = run(RoIAlign(7, "corners"), pyramid, golden["boxes"], (256, 256))
        np.testing.assert_allclose(windows, golden["windows"], atol=1e-4)


def test_level_rounds_down_or_to_the_nearest():
    sides = np.float32([0, 100, 112, 150, 170, 224, 300, 330, 448, 900]) / 1024
    rois = np.stack([0 * sides, 0 * sides, sides, sides], axis=-1)[None]
    for convention, expected in (
        ("aligned", [0, 0, 1, 1, 1, 2, 2, 2, 3, 3]),
        ("corners", [0, 1, 1, 1, 2, 2, 2, 3, 3, 3]),
    ):
        levels = roi_align.pyramid_level(rois, (1024, 1024), convention)
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(levels)[0], expected)


@pytest.mark.parametrize("convention", ["aligned", "corners"])
def test_gradient_of_the_maps(convention):
    pyramid, rois = random_pyramid(batch=1, channels=1), random_rois(batch=1)
    layer = RoIAlign(3, convention)
    upstream = np.random.default_rng(1).normal(size=(1, 12, 3, 3, 1)).astype("float32")

    def loss(maps):
        return keras.ops.sum(layer(maps, rois, image_shape=IMAGE_SHAPE) * upstream)

    gradients = gradient(loss, pyramid)
    rng = np.random.default_rng(2)
    for features, got in zip(pyramid, gradients, strict=True):
        # The windows are linear in the maps: a large step is exact.
        direction = rng.normal(size=features.shape).astype("float32")
        stepped = [f + direction if f is features else f for f in pyramid]
        expected = float(loss(stepped)) - float(loss(pyramid))
        assert np.sum(got * direction) == pytest.approx(expected, abs=2e-2)


def test_no_gradient_to_the_regions():
    pyramid = random_pyramid()

    def loss(rois):
        return keras.ops.sum(RoIAlign(3)(pyramid, rois[0], image_shape=IMAGE_SHAPE))

    if BACKEND == "jax":
        assert not gradient(loss, [random_rois()])[0].any()
    else:
        tf = pytest.importorskip("tensorflow")
        rois = tf.constant(random_rois())
        with tf.GradientTape() as tape:
            tape.watch(rois)
            value = loss([rois])
        assert tape.gradient(value, rois) is None


def test_regions_that_are_not_finite_do_no_harm():
    pyramid, rois = random_pyramid(), random_rois()
    broken = rois.copy()
    broken[0, 0] = [np.nan, 0, np.inf, 1]
    windows, expected = run(RoIAlign(3), pyramid, broken), run(RoIAlign(3), pyramid, rois)
    assert np.isfinite(windows).all()
    np.testing.assert_array_equal(windows[:, 1:], expected[:, 1:])


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("convention", ["aligned", "corners"])
def test_reduced_precision_keeps_coordinates_in_float32(precision, convention):
    dtype = precision.removeprefix("mixed_")
    pyramid, rois = random_pyramid(), random_rois()
    coarse = [keras.ops.cast(features, dtype) for features in pyramid]
    windows = RoIAlign(7, convention, dtype=precision)(coarse, rois, image_shape=IMAGE_SHAPE)
    assert keras.backend.standardize_dtype(windows.dtype) == dtype
    expected = run(RoIAlign(7, convention), pyramid, rois)
    windows = keras.ops.convert_to_numpy(keras.ops.cast(windows, "float32"))
    np.testing.assert_allclose(windows, expected, atol=0.05)


def test_crop_takes_one_window_from_each_map():
    maps = np.random.default_rng(3).normal(size=(4, 9, 11, 2)).astype("float32")
    boxes = np.float32([[0, 0, 1, 1], [0.2, 0.1, 0.7, 0.9], [-0.5, 0, 0.5, 1], [0, 0, 0, 0]])
    windows = keras.ops.convert_to_numpy(roi_align.crop(maps, boxes, 5, "aligned"))
    for i in range(4):
        expected = reference_window(maps[i], boxes[i] * [9, 11, 9, 11], 5, 2)
        np.testing.assert_allclose(windows[i], expected, atol=1e-5)


def test_crop_in_corners_is_crop_and_resize():
    tf = pytest.importorskip("tensorflow")
    maps = np.random.default_rng(3).normal(size=(3, 9, 11, 2)).astype("float32")
    boxes = np.float32([[0, 0, 1, 1], [0.2, 0.1, 0.7, 0.9], [-0.5, 0, 0.5, 0.9]])
    windows = keras.ops.convert_to_numpy(roi_align.crop(maps, boxes, 6, "corners"))
    expected = tf.image.crop_and_resize(maps, boxes, [0, 1, 2], [6, 6])
    np.testing.assert_allclose(windows, expected, atol=1e-5)


def test_crop_of_its_own_frame_is_the_map_itself():
    maps = np.random.default_rng(4).uniform(size=(2, 28, 28, 1)).astype("float32")
    whole = np.float32([[0, 0, 1, 1]] * 2)
    windows = keras.ops.convert_to_numpy(roi_align.crop(maps, whole, 28, "aligned", 1))
    np.testing.assert_allclose(windows, maps, atol=1e-5)


def test_one_map_per_stride_is_required():
    with pytest.raises(ValueError, match="P6"):
        RoIAlign(7)([*random_pyramid(), np.zeros((2, 2, 3, 3))], random_rois(), image_shape=(9, 9))


def test_unknown_convention_is_refused():
    with pytest.raises(ValueError, match="aligned"):
        RoIAlign(7, "algined")
