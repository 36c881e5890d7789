"""Drawn keypoints: at their places to a fraction of a pixel, and told apart."""

import numpy as np
import pytest

from mrcnn import heatmaps, skeletons

RED, BLUE = (255, 0, 0), (0, 0, 255)


def gray(height=60, width=80):
    return np.full((height, width, 3), 128, np.uint8)


def changed(picture):
    return (picture != 128).any(axis=-1)


def centre(picture):
    """(x, y) of what was drawn, weighted by how much a pixel changed."""
    weights = np.abs(picture.astype(float) - 128).sum(axis=-1)
    rows, columns = np.indices(weights.shape) + 0.5
    return np.array([(columns * weights).sum(), (rows * weights).sum()]) / weights.sum()


@pytest.mark.parametrize("mark", [1, 2])
@pytest.mark.parametrize("point", [(20.0, 30.0), (20.5, 30.5), (40.3, 10.8)])
def test_points_lie_at_fractions_of_a_pixel(point, mark):
    picture = skeletons.draw_keypoints(gray(), np.array([[point]]), [[mark]], colors=[RED])
    np.testing.assert_allclose(centre(picture), point, atol=0.1)


def test_lines_run_through_their_ends():
    points = np.array([[(10, 20.25), (70, 20.25)]])
    picture = skeletons.draw_keypoints(gray(), points, [[2, 2]], [[(0, 1)]], [RED])
    assert centre(picture)[1] == pytest.approx(20.25, abs=0.15)
    assert changed(picture)[:, 40].any()


def test_covered_points_are_hollow_and_absent_ones_not_drawn():
    points = np.array([[(10, 20, 2), (40, 20, 1), (70, 20, 0), (20, np.nan, 2)]], np.float32)
    marks = skeletons.visibility_marks(points)
    np.testing.assert_array_equal(marks, [[2, 1, 0, 0]])
    picture = skeletons.draw_keypoints(gray(), points, marks, [[(0, 2), (1, 3)]], [BLUE])
    assert tuple(picture[20, 10]) == BLUE and tuple(picture[20, 40]) == (255, 255, 255)
    assert not changed(picture)[:, 55:].any() and not changed(picture)[:, 16:32].any()


def test_unsure_points_are_hollow():
    points = np.array([[(1, 1, 0.9), (1, 1, 0.1), (0, 0, 0), (np.inf, 1, 0.9)]])
    np.testing.assert_array_equal(skeletons.score_marks(points), [[2, 1, 0, 0]])
    np.testing.assert_array_equal(skeletons.score_marks(points, sure=0.05), [[2, 2, 0, 0]])


def test_points_far_outside_and_no_points_do_no_harm():
    image = gray()
    far = np.array([[(1e9, -1e9), (1e9, 30)]])
    assert not changed(skeletons.draw_keypoints(image, far, [[2, 2]], colors=[RED])).any()
    nothing = skeletons.draw_keypoints(image, np.zeros((0, 17, 3)), np.zeros((0, 17)))
    assert nothing is not image and not changed(nothing).any()


def test_objects_have_their_own_colours_and_lines():
    points = np.array([[(10, 10), (70, 10)], [(10, 40), (70, 40)]])
    picture = skeletons.draw_keypoints(gray(), points, [[2, 2], [2, 2]], [[(0, 1)], []],
                                       [RED, BLUE])
    assert tuple(picture[10, 10]) == RED and tuple(picture[40, 10]) == BLUE
    assert changed(picture)[8:12, 40].any() and not changed(picture)[38:42, 40].any()


@pytest.mark.parametrize("mark", [1, 2])
@pytest.mark.parametrize("color", [skeletons.class_color(i) for i in range(1, 14)], ids=str)
def test_objects_stand_out_from_masks_of_their_colour(color, mark):
    mask = np.full((60, 80, 3), color, np.uint8)
    points = np.array([[(10.5, 30.5), (70.5, 30.5)]])
    picture = skeletons.draw_keypoints(mask, points, [[mark, mark]], [[(0, 1)]], [color])
    contrast = np.abs(picture.astype(int) - color).sum(axis=-1)
    assert contrast[:, 10].max() > 150 and contrast[:, 40].max() > 150, "a rim"
    assert contrast[30, 40] < 80, "around the colour"


def logits_of(point, window, size=56):
    """A heatmap that is sure of a point (x, y)."""
    cells, weights, _ = heatmaps.encode(np.array(point), np.array(window), size)
    probs = np.full(size * size, 1e-9)
    probs[cells] += weights
    return np.log(probs).reshape(size, size)


def test_a_sheet_shows_heat_where_the_point_is():
    photo, window = gray(200, 200), np.array([50.0, 20.0, 150.0, 120.0])
    points = np.array([[(95.0, 75.0, 0.9), (45.0, 125.0, 0.8), (0, 0, 0)]])
    maps = np.array([[logits_of(point[:2], window) for point in points[0]]])
    maps[0, 2] = 0
    sheet = skeletons.heatmap_sheet(photo, window[None], maps, points, most=3, side=112)
    bar = len(sheet) - 112
    assert sheet.shape == (bar + 112, 4 * 112, 3)
    assert (sheet[:, -112:] == 255).all()  # the third keypoint does not exist
    # (95, 75) lies at three quarters of it and one quarter, (45, 125) outside.
    cell = sheet[bar:, 112:224].astype(int)
    assert np.abs(cell - cell[100, 10])[60:, :50].max() < 10
    x, y = int(0.75 * 112), int(0.25 * 112)
    assert cell[y - 1:y + 1, x - 1:x + 1].sum(axis=-1).min() > 500, "the heat itself"
    for row, column in ((y, x + 10), (y, x - 10), (y + 10, x), (y - 10, x)):
        assert tuple(cell[row, column]) == skeletons._MARKER


def test_crosses_of_unsure_points_are_thin():
    points = np.array([[(30.0, 30.0, 0.9)], [(30.0, 30.0, 0.1)]])
    sheet = skeletons.heatmap_sheet(gray(), np.array([[0.0, 0, 60, 60]] * 2),
                                    np.zeros((2, 1, 56, 56)), points, most=1)
    heat = [row[-160:, 160:] for row in np.split(sheet, 2)]
    sure, unsure = ((cell[..., 0] < cell.max() - 50).sum() for cell in heat)
    assert sure > 1.5 * unsure > 0


def test_a_window_beyond_the_photo_shows_black():
    crop = skeletons._crop(gray(40, 40), (-20, -20, 20, 20), 40)
    assert not crop[:19].any() and not crop[:, :19].any()
    assert (crop[21:, 21:] == 128).all()


def test_a_crop_is_the_photo_at_its_place():
    rows, columns = np.indices((50, 60), np.float32)
    photo = np.stack([columns * 4, rows * 4, columns * 0], axis=-1).astype(np.uint8)
    crop = skeletons._crop(photo, (10, 20, 30, 40), 20)
    np.testing.assert_array_equal(crop, photo[10:30, 20:40])


def test_a_sheet_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one object"):
        skeletons.heatmap_sheet(gray(), np.zeros((0, 4)), np.zeros((0, 1, 56, 56)),
                                np.zeros((0, 1, 3)))
