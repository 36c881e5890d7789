"""Matterport's functions of images and masks give the original's numbers."""

import json
import random

import numpy as np
import pytest
import skimage.transform

from mrcnn.config import Config
from mrcnn.matterport import images
from tests.mrcnn.matterport_golden import bitmaps, golden

CASES = {name: (size, options) for name, size, options in json.loads(str(golden["resize/cases"]))}
WITH_PIXELS = [name for name in CASES if f"resize/{name}/image" in golden]


def resized(name, image):
    """`resize_image` of a recorded case; those with a seed in their name were drawn with it."""
    random.seed(7)
    return images.resize_image(image, **CASES[name][1])


@pytest.mark.parametrize("name", CASES)
def test_where_an_image_goes_and_its_masks(name):
    size, _ = CASES[name]
    image, window, scale, padding, crop = resized(name, np.full((*size, 3), 9, np.uint8))
    mask = images.resize_mask(bitmaps(f"resize/{name}/mask_"), scale, padding, crop)
    assert window == tuple(golden[f"resize/{name}/window"])
    assert scale == golden[f"resize/{name}/scale"]
    np.testing.assert_array_equal(padding, golden[f"resize/{name}/padding"])
    recorded = tuple(golden[f"resize/{name}/crop"])
    assert (crop or (-1, -1, -1, -1)) == recorded
    np.testing.assert_array_equal(mask, bitmaps(f"resize/{name}/mask_out_"))
    assert image.dtype == np.uint8 and image.shape[:2] == mask.shape[:2]


@pytest.mark.parametrize("name", WITH_PIXELS)
def test_pixels(name):
    image = resized(name, golden[f"resize/{name}/image"])[0]
    difference = np.abs(image[4::8].astype(int) - golden[f"resize/{name}/every8th_row"])
    # The original found its scale by least squares: 99.9999999 was cut off to 99.
    assert difference.max() <= 1 and (difference > 0).mean() < 0.02


def test_an_image_of_other_types_keeps_its_type_and_mode_none_its_pixels():
    image = np.random.default_rng(0).random((30, 40, 3)).astype(np.float32)
    assert images.resize_image(image, 64, 64)[0].dtype == np.float32
    assert images.resize_image(image, mode="none")[0] is image
    with pytest.raises(ValueError, match="one of square"):
        images.resize_image(image, 64, 64, mode="cube")


def test_resize_does_not_smooth_and_takes_bitmaps():
    stripes = np.zeros((8, 8), bool)
    stripes[:, ::2] = True
    halved = images.resize(stripes, (4, 4))
    np.testing.assert_allclose(halved, 0.5)
    spot = np.zeros((9, 9))
    spot[4, 4] = 1
    assert images.resize(spot, (3, 3))[1, 1] == 1
    assert skimage.transform.resize(spot, (3, 3), anti_aliasing=True)[1, 1] < 0.5


@pytest.mark.parametrize("side", [56, 28])
def test_mini_masks(side):
    mask, bbox = bitmaps("mask/"), golden["mask/bboxes"]
    mini = images.minimize_mask(bbox, mask, (side, side))
    assert mini.dtype == bool
    np.testing.assert_array_equal(mini, bitmaps(f"mask/mini{side}_"))
    expanded = images.expand_mask(bbox, mini, (*mask.shape[:2], 3))
    bits = golden[f"mask/mini{side}_expanded_bits"]
    recorded = np.unpackbits(bits, count=mask.size).reshape(mask.shape)
    for i, (y1, x1, y2, x2) in enumerate(bbox):
        # What falls on exactly a half went either way in the original, by its rounding errors.
        half = np.abs(images.resize(mini[..., i], (y2 - y1, x2 - x1)) - 0.5) < 1e-9
        differs = (expanded != recorded)[..., i]
        assert not differs[y1:y2, x1:x2][~half].any()
        assert differs.sum() == differs[y1:y2, x1:x2].sum() < 20


def test_a_mini_mask_of_an_empty_box_is_refused():
    with pytest.raises(ValueError, match=str(golden["mask/minimize_empty_raises"])):
        images.minimize_mask(np.zeros((1, 4), int), np.zeros((5, 5, 1), bool), (28, 28))


def test_unmolded_masks():
    expected = bitmaps("mask/unmold_")
    for i, (mask, box) in enumerate(
            zip(golden["mask/unmold_in"], golden["mask/unmold_boxes"], strict=True)):
        full = images.unmold_mask(mask, box, (*expected.shape[:2], 3))
        assert full.dtype == bool
        np.testing.assert_array_equal(full, expected[..., i])


def test_mean_pixel_there_and_back():
    image = np.random.default_rng(0).integers(0, 256, (2, 5, 6, 3), np.uint8)
    molded = images.mold_image(image, Config())
    np.testing.assert_allclose(molded, image - np.array([123.7, 116.8, 103.9]))
    assert np.abs(images.unmold_image(molded, Config()).astype(int) - image).max() <= 1


def test_meta_there_and_back():
    parts = {
        "image_id": 7, "original_image_shape": (480, 640, 3), "image_shape": (1024, 1024, 3),
        "window": (128, 0, 896, 1024), "scale": 1.6, "active_class_ids": [1, 0, 1, 1],
    }
    meta = images.compose_image_meta(*parts.values())
    assert meta.shape == (16,)
    parsed = images.parse_image_meta(np.stack([meta, meta]))
    assert list(parsed) == list(parts)
    for name, value in parts.items():
        np.testing.assert_allclose(parsed[name][1], value, rtol=1e-6)
        assert parsed[name].dtype == (np.float32 if name == "scale" else np.int32)
