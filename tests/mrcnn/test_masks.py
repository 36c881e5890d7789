"""Rasterising, pasting and reducing masks, against hand calculation and other libraries."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from scipy import ndimage

from mrcnn import masks

SQUARE = np.array([(1, 1), (3, 1), (3, 3), (1, 3)], float)


def polygon_area(points):
    x, y = points.T
    return abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def star(rng, vertices, centre, radius):
    """A simple polygon with irregular corners."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, vertices))
    lengths = radius * rng.uniform(0.4, 1, vertices)
    return centre + lengths[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])


def test_triangle_by_hand():
    coverage = masks.rasterise([[(0, 0), (3, 0), (0, 3)]], (0, 0, 3, 3), (3, 3))
    np.testing.assert_allclose(coverage, [[1, 1, 0.5], [1, 0.5, 0], [0.5, 0, 0]], atol=1e-12)


def test_half_cells_by_hand():
    coverage = masks.rasterise([[(0.5, 0.25), (2, 0.25), (2, 1), (0.5, 1)]], (0, 0, 1, 2), (1, 2))
    np.testing.assert_allclose(coverage, [[0.375, 0.75]], atol=1e-12)


def test_either_direction_and_start_give_the_same():
    polygon = star(np.random.default_rng(0), 9, (8, 8), 9)
    one = masks.rasterise([polygon], (0, 0, 16, 16), (16, 16))
    other = masks.rasterise([np.roll(polygon[::-1], 3, axis=0)], (0, 0, 16, 16), (16, 16))
    np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_area_is_exact(seed):
    rng = np.random.default_rng(seed)
    polygon = star(rng, rng.integers(3, 60), (40.3, 30.7), 25)
    box = masks.polygon_extents([polygon])
    cells = (rng.integers(5, 60), rng.integers(5, 60))
    coverage = masks.rasterise([polygon], box, cells)
    cell_area = (box[2] - box[0]) * (box[3] - box[1]) / np.prod(cells)
    # The box is float32: its edge cuts off up to a rounding error of the outermost vertex.
    assert coverage.sum() * cell_area == pytest.approx(polygon_area(polygon), rel=1e-5)
    assert coverage.min() >= -1e-9 and coverage.max() <= 1


@pytest.mark.parametrize("seed", range(4))
def test_equals_pycocotools_on_a_fine_grid(seed):
    rng = np.random.default_rng(seed)
    polygon = star(rng, 12, (12, 10), 14)  # leaves the 20 x 24 frame on purpose
    fine = 32
    margin = 8 * fine  # pycocotools bends what lies beyond the frame: give it room
    size = (20 * fine + 2 * margin, 24 * fine + 2 * margin)
    rle = coco_mask.frPyObjects([(polygon * fine + margin).ravel().tolist()], *size)
    bitmap = coco_mask.decode(rle)[margin:-margin, margin:-margin, 0]
    expected = bitmap.reshape(20, fine, 24, fine).mean((1, 3))
    coverage = masks.rasterise([polygon], (0, 0, 20, 24), (20, 24))
    assert np.abs(coverage - expected).max() < 0.06
    assert np.abs(coverage - expected).mean() < 0.003


def test_polygon_far_beyond_the_frame_fills_it():
    around = [[(-900, -900), (900, -950), (1000, 900), (-800, 800)]]
    np.testing.assert_allclose(masks.rasterise(around, (0, 0, 5, 7), (5, 7)), 1)


@pytest.mark.parametrize("shift", [(-50, 0), (50, 0), (0, -50), (0, 50)])
def test_polygon_beside_the_frame_leaves_it_empty(shift):
    assert not masks.rasterise([SQUARE + shift], (0, 0, 5, 7), (5, 7)).any()


def test_subpixel_box():
    coverage = masks.rasterise([SQUARE], (0.5, 1.0, 2.5, 3.0), (2, 1))
    np.testing.assert_allclose(coverage, [[0.5], [1.0]], atol=1e-12)


def test_parts_that_touch_make_a_whole_and_overlap_counts_once():
    left, right = SQUARE * (0.5, 1) + (0, 0), SQUARE * (0.5, 1) + (1, 0)
    touching = masks.rasterise([left, right], (1, 0.5, 3, 2.5), (2, 1))
    np.testing.assert_allclose(touching, 1, atol=1e-12)
    twice = masks.rasterise([SQUARE, SQUARE], (0, 0, 4, 4), (4, 4))
    np.testing.assert_allclose(twice, masks.rasterise([SQUARE], (0, 0, 4, 4), (4, 4)))


def test_a_loop_that_runs_twice_is_full_not_double():
    assert masks.rasterise([np.concatenate([SQUARE, SQUARE])], (1, 1, 3, 3), (2, 2)).max() == 1


@pytest.mark.parametrize(
    "polygon, box, word",
    [(SQUARE, (1, 1, 1, 3), "y2 > y1"), ([(0, 0), (np.nan, 1), (1, 1)], (0, 0, 1, 1), "finite")],
)
def test_rasterise_refuses(polygon, box, word):
    with pytest.raises(ValueError, match=word):
        masks.rasterise([polygon], box, (4, 4))


@pytest.mark.parametrize("box", [(3.2, 4.7, 17.9, 21.1), (-6.0, -3.5, 9.3, 12.2), (8, 8, 9, 30)])
def test_paste_equals_scipy(box):
    mask = np.random.default_rng(1).random((28, 28)).astype(np.float32)
    y1, x1, y2, x2 = box
    crop, (top, left) = masks.paste_crop(mask, box, (20, 24))
    y, x = np.mgrid[top : top + crop.shape[0], left : left + crop.shape[1]] + 0.5
    assert (y >= y1).all() and (y < y2).all() and (x >= x1).all() and (x < x2).all()
    position = [(y - y1) / (y2 - y1) * 28 - 0.5, (x - x1) / (x2 - x1) * 28 - 0.5]
    expected = ndimage.map_coordinates(np.pad(mask, 1), np.add(position, 1), order=1)
    np.testing.assert_allclose(crop, expected, atol=1e-5)
    whole = masks.paste(mask, box, (20, 24))
    assert whole.shape == (20, 24) and whole.sum() == (crop >= 0.5).sum()


def test_paste_of_a_full_mask_is_the_box():
    bitmap = masks.paste(np.ones((14, 14)), (2, 3, 6, 9), (10, 12))
    assert bitmap[2:6, 3:9].all() and bitmap.sum() == 4 * 6


@pytest.mark.parametrize("box", [(50, 50, 60, 60), (-9, -9, -1, -1), (3.1, 3.1, 3.2, 3.2)])
def test_paste_where_no_pixel_centre_lies(box):
    crop, _ = masks.paste_crop(np.ones((4, 4)), box, (10, 10))
    assert crop.size == 0 and not masks.paste(np.ones((4, 4)), box, (10, 10)).any()


def test_rasterised_and_pasted_again_is_the_polygon():
    polygon = star(np.random.default_rng(5), 20, (60, 50), 45)
    box = masks.polygon_extents([polygon])
    bitmap = masks.paste(masks.rasterise([polygon], box, (56, 56)), box, (100, 120))
    truth = masks.rasterise([polygon], (0, 0, 100, 120), (100, 120)) >= 0.5
    assert (bitmap & truth).sum() / (bitmap | truth).sum() > 0.97


def test_minimize_equals_the_average_over_a_fine_grid():
    bitmap = np.random.default_rng(2).random((12, 15)) > 0.4
    fine = bitmap.repeat(10, 0).repeat(10, 1)[13:93, 27:117]  # the box (1.3, 2.7, 9.3, 11.7)
    expected = fine.reshape(8, 10, 9, 10).mean((1, 3))
    np.testing.assert_allclose(
        masks.minimize(bitmap, (1.3, 2.7, 9.3, 11.7), (8, 9)), expected, atol=1e-5
    )


def test_minimize_keeps_an_object_of_two_pixels_and_enlarges_exactly():
    bitmap = np.zeros((200, 200), bool)
    bitmap[100, 50:52] = True
    small = masks.minimize(bitmap, (0, 0, 200, 200), (4, 4))
    assert small.sum() * 50 * 50 == pytest.approx(2)
    np.testing.assert_allclose(masks.minimize(bitmap, (100, 50, 101, 52), (28, 28)), 1, atol=1e-6)


def test_minimize_beyond_the_picture_is_empty():
    np.testing.assert_allclose(
        masks.minimize(np.ones((4, 4)), (-4, 0, 4, 4), (2, 1)), [[0], [1]], atol=1e-6
    )


def test_minimize_and_expand_there_and_back():
    bitmaps = np.zeros((60, 80, 2), bool)
    bitmaps[10:50, 20:70, 0] = True
    bitmaps[12:20, 5:11, 1] = True
    boxes = masks.extents(bitmaps)
    np.testing.assert_array_equal(boxes, [[10, 20, 50, 70], [12, 5, 20, 11]])
    mini = [masks.minimize(bitmaps[..., i], boxes[i], (28, 28)) for i in range(2)]
    np.testing.assert_array_equal(masks.expand(np.array(mini), boxes, (60, 80)), bitmaps)


def test_extents_of_nothing():
    assert not masks.extents(np.zeros((5, 5, 1), bool)).any()
    assert not masks.polygon_extents([]).any()


def test_rle_there_and_back():
    bitmap = np.random.default_rng(3).random((17, 23)) > 0.5
    rle = masks.to_rle(bitmap)
    np.testing.assert_array_equal(masks.from_rle(rle), bitmap)
    assert coco_mask.area(rle) == bitmap.sum()
