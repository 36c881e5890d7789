"""Molding: Matterport's numbers in its modes, and the same map for images, boxes and points."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import skimage.transform

from mrcnn.data import mold

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "mold_small.npz"
golden = np.load(GOLDEN)


def blob(height, width, y, x, sigma=6.0):
    """An image of one soft spot whose centre is at the continuous point (y, x)."""
    rows, columns = np.mgrid[:height, :width] + 0.5
    spot = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * sigma**2))
    return np.repeat(np.round(255 * spot).astype(np.uint8)[..., None], 3, 2)


def centre(image):
    weight = image[..., 0].astype(float)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
    return (columns * weight).sum() / weight.sum(), (rows * weight).sum() / weight.sum()


@pytest.mark.parametrize("name, size, options", json.loads(str(golden["cases"])))
def test_plan_equals_matterport(name, size, options):
    plan = mold.plan(size, **options)
    assert plan.window == tuple(golden[f"{name}/window"])
    assert plan.scale == float(golden[f"{name}/scale"])
    np.testing.assert_array_equal(plan.padding, golden[f"{name}/padding"])
    assert plan.crop is None and (*plan.shape, 3) == tuple(golden[f"{name}/shape"])


@pytest.mark.parametrize("name", ["square_minscale", "pad64_up"])
def test_bilinear_pixels_equal_matterport(name):
    _, size, options = next(c for c in json.loads(str(golden["cases"])) if c[0] == name)
    plan = mold.plan(size, **options)
    rows = mold.mold_image(golden[f"{name}/image"], plan, "bilinear")[8::16]
    _, x1, _, x2 = plan.window
    inner = slice(x1 + 2, x2 - 2)  # the original blends its outermost pixels with black
    expected = golden[f"{name}/every16th_row"].astype(int)
    assert np.abs(rows.astype(int) - expected)[:, inner].max() <= 1  # it cuts off, we round
    assert not rows[:, :x1].any() and not rows[:, x2:].any()


@pytest.mark.parametrize("size", [(64, 80), (31, 47)])
def test_resizing_equals_scikit_image(size):
    image = np.random.default_rng(0).integers(0, 256, (50, 62, 3), np.uint8)
    matrix = np.array([[size[1] / 62, 0, 0], [0, size[0] / 50, 0]])
    ours = mold.warp(image, matrix, size, "bilinear")
    theirs = skimage.transform.resize(
        image, size, order=1, mode="edge", preserve_range=True, anti_aliasing=False
    )
    assert np.abs(ours - theirs).max() <= 1.01


@pytest.mark.parametrize("asked, convention, filter", [
    ("auto", "aligned", "area"), ("auto", "corners", "bilinear"), ("area", "corners", "area"),
    ("bilinear", "aligned", "bilinear")])
def test_the_filter_is_the_one_that_the_weights_know(asked, convention, filter):
    config = SimpleNamespace(RESIZE_FILTER=asked)
    assert mold.resize_filter(config, convention) == filter


def test_area_filter_averages():
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    plan = mold.plan(image.shape, "square", max_dim=20)
    small = mold.mold_image(image, plan)
    y1, _, y2, _ = plan.window
    expected = image.reshape(15, 4, 20, 4, 3).mean((1, 3))
    assert np.abs(small[y1:y2] - expected).max() <= 0.51


@pytest.mark.parametrize(
    "mode, size, scaled, shape",
    [
        ("shortest", (600, 800), (800, 1067), (832, 1088)),
        ("shortest", (600, 1600), (500, 1333), (512, 1344)),
        ("shortest", (3000, 2000), (1200, 800), (1216, 832)),
        ("none", (37, 41), (37, 41), (37, 41)),
    ],
)
def test_sizes_by_hand(mode, size, scaled, shape):
    plan = mold.plan(size, mode, min_dim=800, max_dim=1333)
    assert plan.scaled_shape == scaled and plan.shape == shape


def test_crop_is_central_without_and_random_with_a_generator():
    central = mold.plan((150, 203), "crop", min_dim=128)
    assert central.crop == (11, 37, 128, 128) and central.window == (0, 0, 128, 128)
    rng = np.random.default_rng(0)
    places = {mold.plan((150, 203), "crop", min_dim=128, rng=rng).crop[:2] for _ in range(200)}
    ys, xs = zip(*places, strict=True)
    assert (min(ys), max(ys)) == (0, 22) and min(xs) <= 2 and max(xs) >= 73
    assert mold.plan((100, 130), "crop", min_dim=128).scaled_shape == (128, 166)


@pytest.mark.parametrize("filter", mold.FILTERS)
@pytest.mark.parametrize("mode", mold.MODES)
@pytest.mark.parametrize("size", [(90, 130), (301, 203)])
def test_image_and_points_move_by_the_same_numbers(mode, size, filter):
    point = np.array([size[1] * 0.52, size[0] * 0.45])
    plan = mold.plan(size, mode, min_dim=128, max_dim=192)
    moved = centre(mold.mold_image(blob(*size, point[1], point[0]), plan, filter))
    np.testing.assert_allclose(mold.mold_points(point, plan), moved, atol=0.05)


@pytest.mark.parametrize("mode", mold.MODES)
def test_there_and_back(mode):
    plan = mold.plan((301, 203), mode, min_dim=128, max_dim=192)
    boxes = np.array([[10.5, 20, 100, 150.25], [0, 0, 301, 203]], np.float32)
    np.testing.assert_allclose(mold.unmold_boxes(mold.mold_boxes(boxes, plan), plan), boxes,
                               atol=1e-4)
    points = np.array([[[1.5, 2], [200, 300]]])
    np.testing.assert_allclose(mold.unmold_points(mold.mold_points(points, plan), plan), points)


def test_the_whole_photo_becomes_the_window():
    plan = mold.plan((477, 301), "square", min_dim=320, max_dim=320)
    np.testing.assert_allclose(mold.mold_boxes([(0, 0, 477, 301)], plan)[0], plan.window, atol=1e-4)


@pytest.mark.parametrize("scale", [0.6, 1.4])
@pytest.mark.parametrize("angle", [0.0, 0.4])
def test_warp_moves_image_and_points_alike(angle, scale):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.column_stack([scale * turn @ np.diag([-1, 1]), (150.3, 12.7)])
    moved = mold.warp(blob(90, 120, 40, 66), matrix, (170, 200))
    np.testing.assert_allclose(
        centre(moved), mold.transform_points((66, 40), matrix), atol=0.05
    )


def test_flip_is_exact():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    matrix = np.array([[-1.0, 0, 30], [0, 1, 0]])
    np.testing.assert_array_equal(mold.warp(image, matrix, (20, 30)), image[:, ::-1])
    np.testing.assert_array_equal(mold.transform_boxes([(1, 2, 5, 9)], matrix), [(1, 21, 5, 28)])
    np.testing.assert_allclose(mold.compose(matrix, matrix), np.eye(3)[:2])
    np.testing.assert_allclose(mold.compose(mold.invert(matrix), matrix), np.eye(3)[:2])


@pytest.mark.parametrize(
    "options, word",
    [
        ({"mode": "cube"}, "one of square"),
        ({"mode": "pad64", "min_dim": 100}, "64"),
        ({"mode": "square"}, "IMAGE_MAX_DIM"),
        ({"mode": "shortest", "max_dim": 100}, "IMAGE_MIN_DIM"),
    ],
)
def test_plan_refuses(options, word):
    with pytest.raises(ValueError, match=word):
        mold.plan((10, 10), **options)


def test_empty_image_and_unknown_filter_are_refused():
    with pytest.raises(ValueError, match="nothing to mold"):
        mold.plan((0, 10), "none")
    with pytest.raises(ValueError, match="RESIZE_FILTER"):
        mold.warp(np.zeros((4, 4, 3), np.uint8), np.eye(3)[:2], (4, 4), "cubic")
