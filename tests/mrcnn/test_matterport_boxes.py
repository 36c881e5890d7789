"""Matterport's functions of boxes give the original's numbers."""

import hashlib

import numpy as np
import pytest

from mrcnn import anchors
from mrcnn.matterport import boxes
from tests.mrcnn.matterport_golden import bitmaps, golden

SCALES, RATIOS, STRIDES = (32, 64, 128, 256, 512), (0.5, 1, 2), (4, 8, 16, 32, 64)


def test_boxes_around_bitmaps():
    found = boxes.extract_bboxes(bitmaps("mask/"))
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, golden["mask/bboxes"])
    pixel = np.zeros((9, 9, 2), bool)
    pixel[3, 4, 1] = True
    np.testing.assert_array_equal(boxes.extract_bboxes(pixel), golden["mask/bboxes_with_empty"])


def test_overlaps():
    a, b = golden["box/a"], golden["box/b"]
    np.testing.assert_allclose(boxes.compute_overlaps(a, b), golden["box/overlaps"], rtol=1e-12)
    whole = boxes.compute_overlaps(golden["box/a_int"], golden["box/b_int"])
    np.testing.assert_allclose(whole, golden["box/overlaps_int"], rtol=1e-12)
    assert boxes.compute_overlaps(a, b[:0]).shape == (len(a), 0)


def test_overlaps_of_bitmaps():
    square = np.zeros((6, 6, 2), bool)
    square[:4, :4, 0] = square[2:, 2:, 1] = True
    np.testing.assert_allclose(
        boxes.compute_overlaps_masks(square, square), [[1, 4 / 28], [4 / 28, 1]], rtol=1e-6)
    assert boxes.compute_overlaps_masks(square, np.zeros((0, 0, 0))).shape == (2, 0)


@pytest.mark.parametrize("percent", [30, 50, 70])
def test_non_max_suppression(percent):
    kept = boxes.non_max_suppression(golden["box/a"], golden["box/scores"], percent / 100)
    np.testing.assert_array_equal(kept, golden[f"box/nms_{percent}"])


def test_non_max_suppression_takes_whole_numbers_and_refuses_nothing():
    same = np.array([(0, 0, 4, 4), (0, 0, 4, 4), (5, 5, 9, 9)])
    kept = boxes.non_max_suppression(same, np.array([0.1, 0.9, 0.5]), 0.5)
    np.testing.assert_array_equal(kept, [1, 2])
    with pytest.raises(ValueError, match="at least one"):
        boxes.non_max_suppression(same[:0], np.zeros(0), 0.5)


def test_deltas():
    a, deltas = golden["box/a"], golden["box/deltas"]
    applied = boxes.apply_box_deltas(a, deltas)
    assert applied.dtype == np.float32
    np.testing.assert_allclose(applied, golden["box/applied"], rtol=1e-5, atol=1e-4)
    refinement = boxes.box_refinement(a, golden["box/refinement_gt"])
    assert refinement.dtype == np.float32
    np.testing.assert_allclose(refinement, golden["box/refinement"], rtol=1e-4, atol=1e-5)


def test_normalised_boxes():
    normed = boxes.norm_boxes(golden["box/a_int"], (256, 320))
    assert normed.dtype == np.float32
    np.testing.assert_allclose(normed, golden["box/norm_256_320"], rtol=1e-6, atol=1e-7)
    back = boxes.denorm_boxes(normed, (256, 320))
    assert back.dtype == np.int32
    np.testing.assert_array_equal(back, golden["box/denorm_256_320"])
    np.testing.assert_array_equal(
        boxes.denorm_boxes(golden["box/denorm_in"], (477, 301)), golden["box/denorm_out_477_301"])


def test_denorm_boxes_of_no_area_become_slivers():
    np.testing.assert_array_equal(boxes.denorm_boxes([[0, 0, 0, 0]], (64, 64)), [[0, 0, 1, 1]])


def test_trim_zeros():
    rows = np.array([[0, 0], [1, 0], [0, 0], [-1, 1]])
    np.testing.assert_array_equal(boxes.trim_zeros(rows), rows[[1, 3]])


@pytest.mark.parametrize("name, size, anchor_stride", [
    ("256", (256, 256), 1), ("320x192", (320, 192), 1), ("256_stride2", (256, 256), 2)])
def test_anchors_to_the_last_bit(name, size, anchor_stride):
    shapes = anchors.pyramid_shapes(size, STRIDES)
    table = boxes.generate_pyramid_anchors(SCALES, RATIOS, shapes, STRIDES, anchor_stride)
    assert len(table) == golden[f"anchors/{name}_count"]
    np.testing.assert_allclose(table[::29], golden[f"anchors/{name}_every29"], rtol=1e-15)
    digest = hashlib.sha256(table.astype("<f8").tobytes()).hexdigest()
    assert digest == str(golden[f"anchors/{name}_sha256_f8"])
    network = anchors.pyramid_anchors(size, SCALES, RATIOS, STRIDES, anchor_stride, "corners")
    np.testing.assert_array_equal(network, table.astype(np.float32))


def test_anchors_of_several_scales_at_a_cell():
    table = boxes.generate_anchors((8, 16), (1, 4), (2, 1), 10, 1)
    sides = table[:, 2:] - table[:, :2]
    np.testing.assert_allclose(sides[:4], [(8, 8), (16, 16), (4, 16), (8, 32)])
    np.testing.assert_allclose(table[:, :2] + sides / 2, [(0, 0)] * 4 + [(10, 0)] * 4)
