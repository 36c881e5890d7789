import numpy as np
import pytest

from mrcnn import anchors, boxes

SCALES, RATIOS, STRIDES = (32, 64, 128, 256, 512), (0.5, 1, 2), (4, 8, 16, 32, 64)


def test_shapes_round_up():
    assert anchors.pyramid_shapes((256, 192, 3), (4, 64)) == ((64, 48), (4, 3))
    assert anchors.pyramid_shapes((101, 100), (4, 32)) == ((26, 25), (4, 4))


def test_anchors_by_hand():
    table = anchors.pyramid_anchors((8, 16), (10,), (0.25, 1), (8,))
    # One row of two cells with centres (4, 4) and (4, 12); sides 20 x 5 and 10 x 10.
    expected = [[-6, 1.5, 14, 6.5], [-1, -1, 9, 9], [-6, 9.5, 14, 14.5], [-1, 7, 9, 17]]
    np.testing.assert_allclose(table, expected)
    corners = anchors.pyramid_anchors((8, 16), (10,), (0.25, 1), (8,), convention="corners")
    np.testing.assert_allclose(corners, np.array(expected) - 4)


def test_order_is_level_row_column_ratio():
    table = anchors.pyramid_anchors((128, 64), (16, 32), RATIOS, (16, 32))
    assert len(table) == (8 * 4 + 4 * 2) * 3
    first = table[: 8 * 4 * 3].reshape(8, 4, 3, 4)
    centers = (first[..., :2] + first[..., 2:]) / 2
    np.testing.assert_allclose(centers[5, 2, :, 0], 5.5 * 16)
    np.testing.assert_allclose(centers[5, 2, :, 1], 2.5 * 16)
    np.testing.assert_allclose(boxes.area(table[8 * 4 * 3 :]), 32**2, rtol=1e-5)


def test_same_as_matterport():
    # Recorded from Matterport's utils.generate_pyramid_anchors for a 320 x 192 image.
    table = anchors.pyramid_anchors((320, 192), SCALES, RATIOS, STRIDES, convention="corners")
    assert table.shape == (15345, 4)
    recorded = {
        0: [-22.627417, -11.3137085, 22.627417, 11.3137085],
        2900: [68.686292, 1.372583, 91.313708, 46.627417],
        13050: [122.745166, 25.372583, 213.254834, 70.627417],
        14500: [-32.0, 80.0, 96.0, 208.0],
        15341: [74.980664, -298.038672, 437.019336, 426.038672],
    }
    for row, box in recorded.items():
        np.testing.assert_allclose(table[row], box, rtol=1e-6)


def test_anchor_stride_skips_cells():
    every = anchors.pyramid_anchors((40, 40), (32,), (1,), (8,)).reshape(5, 5, 4)
    second = anchors.pyramid_anchors((40, 40), (32,), (1,), (8,), anchor_stride=2)
    np.testing.assert_array_equal(second.reshape(3, 3, 4), every[::2, ::2])


def test_several_scales_a_level():
    table = anchors.pyramid_anchors((8, 8), ((8, 16),), (1, 4), (8,))
    sides = table[:, 2:] - table[:, :2]
    np.testing.assert_allclose(sides, [[8, 8], [16, 16], [4, 16], [8, 32]])


def test_anchors_are_shared_float32_constants():
    table = anchors.pyramid_anchors((64, 64, 3), SCALES, list(RATIOS), np.array(STRIDES))
    assert table.dtype == np.float32
    assert table is anchors.pyramid_anchors([64, 64], list(SCALES), RATIOS, STRIDES)
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 0


def test_one_scale_per_level_is_required():
    with pytest.raises(ValueError, match="RPN_ANCHOR_SCALES"):
        anchors.pyramid_anchors((64, 64), (32, 64), RATIOS, (8,))
