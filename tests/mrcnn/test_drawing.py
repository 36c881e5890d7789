"""Pictures: drawn where they should be, to the pixel, in colours that everybody can tell apart."""

import itertools

import cv2
import numpy as np
import pytest
from skimage.color import rgb2lab
from skimage.measure import find_contours

from mrcnn import drawing

# Machado, Oliveira and Fernandes (2009): linear RGB as seen without one kind of cone.
COLOR_VISION = {
    "usual": np.eye(3),
    "red-blind": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                           [-0.003882, -0.048116, 1.051998]]),
    "green-blind": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                             [-0.011820, 0.042940, 0.968881]]),
    "blue-blind": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                            [0.004733, 0.691367, 0.303900]]),
}


def gray_photo(height=120, width=160):
    return np.full((height, width, 3), 128, np.uint8)


def changed(before, after):
    """Bounding box (y1, x1, y2, x2) of the pixels that differ."""
    rows, columns = np.nonzero((before != after).any(-1))
    return rows.min(), columns.min(), rows.max() + 1, columns.max() + 1


@pytest.mark.parametrize("kind", COLOR_VISION)
def test_colors_differ_for_every_eye(kind):
    colors = np.array([drawing.class_color(i) for i in range(1, 14)]) / 255
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ COLOR_VISION[kind].T, 0, 1)
    seen = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = rgb2lab(seen[None])[0]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(lab, 2)) > 20


def test_a_color_belongs_to_its_category():
    assert drawing.class_color(1) == drawing.class_color(np.int32(1)) == (0xdd, 0x11, 0x99)
    assert drawing.class_color(2) != drawing.class_color(1)


def test_the_mask_tints_exactly_its_pixels():
    photo = gray_photo()
    mask = np.zeros((120, 160, 1), bool)
    mask[30:60, 40:90, 0] = True
    picture = drawing.draw_detections(photo, [[30, 40, 60, 90]], [1], masks=mask)
    # The outline, one pixel wide, is centred on the mask's edge: half of it outside, then a smooth
    # end that is hardly seen.
    outside = np.abs(picture.astype(int) - photo)
    assert changed(photo, np.where(outside > 12, picture, photo)) == (29, 39, 61, 91)
    inner = picture[33:57, 43:87].reshape(-1, 3)
    expected = (photo[0, 0] * 0.6 + np.array(drawing.class_color(1)) * 0.4).astype(np.uint8)
    assert (inner == expected).all()


def test_a_box_between_pixels_colors_both_sides_alike():
    picture = drawing.draw_detections(gray_photo(), [[30, 40, 60, 90]], [3]).astype(int)
    left, right = picture[45, 39] - 128, picture[45, 40] - 128
    assert (left != 0).any() and np.abs(left - right).max() <= 8
    shifted = drawing.draw_detections(gray_photo(), [[30, 40.5, 60, 90]], [3])
    assert np.abs(shifted[45, 40].astype(int) - drawing.class_color(3)).max() <= 12
    assert np.abs(shifted[45, 39].astype(int) - shifted[45, 41]).max() <= 8


def test_outlines_lie_on_the_border_of_the_bitmap():
    mask = np.zeros((20, 20), bool)
    mask[5:10, 6:8] = True
    line, = drawing.outlines(mask)
    assert line.min(0).tolist() == [6, 5] and line.max(0).tolist() == [8, 10]
    assert (line[0] == line[-1]).all() and len(line) == 9  # corners are cut
    assert drawing.outlines(np.zeros((20, 20), bool)) == []


def area_and_length(lines):
    steps = [(line[:-1], line[1:]) for line in lines]
    areas = [abs(np.sum(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])) / 2 for a, b in steps]
    return len(lines), sum(areas), sum(np.linalg.norm(b - a, axis=1).sum() for a, b in steps)


@pytest.mark.parametrize("spread", [0, 1, 2])
def test_outlines_are_those_of_marching_squares(spread):
    noise = np.random.default_rng(spread).random((40, 50))
    mask = cv2.blur(noise, (2 * spread + 1, 2 * spread + 1)) > 0.5
    theirs = find_contours(np.pad(mask, 1).astype(float), 0.5, fully_connected="high")
    np.testing.assert_allclose(area_and_length(drawing.outlines(mask)), area_and_length(theirs))


def test_the_photo_is_left_alone():
    photo = gray_photo()
    drawing.draw_detections(photo, [[1, 1, 50, 50]], [1], [0.5], class_names=["BG", "shirt"])
    assert (photo == 128).all()


def test_labels_do_not_hide_each_other():
    taken, size = [], (60, 14)
    for _ in range(6):
        x, y = drawing._free_spot((30, 40, 60, 90), size, (160, 120), taken)
        assert 0 <= x and x + size[0] <= 160 and 0 <= y and y + size[1] <= 120
        assert not any(drawing._overlap((x, y), size, other) for other in taken)
        taken.append((x, y, x + size[0], y + size[1]))


def test_no_objects_is_the_photo_itself():
    photo = gray_photo()
    picture = drawing.draw_detections(
        photo, np.zeros((0, 4)), [], [], np.zeros((120, 160, 0), bool), ["BG"])
    assert (picture == photo).all()


def test_boxes_beyond_the_photo_and_tiny_photos():
    drawing.draw_detections(gray_photo(), [[-50, -50, 500, 500]], [1], [1.0],
                              class_names=["BG", "a name longer than the picture is wide"])
    tiny = drawing.draw_detections(gray_photo(3, 2), [[0, 0, 3, 2]], [1], [1.0])
    assert tiny.shape == (3, 2, 3)


@pytest.mark.parametrize("arguments, word", [
    ((np.zeros((5, 5), np.uint8), [], []), "RGB"),
    ((gray_photo(), [[0, 0, 1, 1]], [1, 2]), "Every object"),
    ((gray_photo(), [[0, 0, 1, 1]], [1], None, np.zeros((8, 8, 1), bool)), "do not fit"),
])
def test_what_does_not_fit_is_named(arguments, word):
    with pytest.raises(ValueError, match=word):
        drawing.draw_detections(*arguments)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint32, np.float32])
def test_apply_mask_works_in_place(dtype):
    image = np.full((2, 3, 3), 101, dtype)
    mask = np.array([[1, 0, 2], [0, 1, 0]])
    result = drawing.apply_mask(image, mask, (1.0, 0.5, 0.0), alpha=0.25)
    assert result is image
    assert (image[mask != 1] == 101).all()
    expected = np.array([139.5, 107.625, 75.75])
    assert (image[mask == 1] == expected.astype(dtype)).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
def test_draw_box_works_in_place_on_any_array(dtype):
    image = np.zeros((3, 20, 30), dtype).transpose(1, 2, 0)  # a view
    result = drawing.draw_box(image, np.array([4, 6, 12.4, 20]), [255, 0, 7])
    assert result is image
    frame = np.zeros((20, 30), bool)
    frame[4:12, 6:8] = frame[4:12, 20:22] = frame[4:6, 6:20] = frame[12:14, 6:20] = True
    assert (image[frame] == (255, 0, 7)).all() and not image[~frame].any()


def test_side_by_side_keeps_both_pictures_whole():
    left, right = gray_photo(100, 200), np.full((60, 80, 3), 7, np.uint8)
    pair = drawing.side_by_side(left, right)
    assert pair.shape[0] > 100 and pair.shape[1] > 280
    assert (pair == 7).all(-1).sum() >= 60 * 80
    assert (pair == 128).all(-1).sum() >= 100 * 200


def test_contact_sheet_holds_every_picture():
    pictures = [np.full((40 + 10 * i, 50, 3), 20 * i, np.uint8) for i in range(7)]
    sheet = drawing.contact_sheet(pictures, columns=3, width=300)
    assert sheet.shape[1] == 300
    for i in range(7):
        assert (sheet == 20 * i).all(-1).sum() > 100
    with pytest.raises(ValueError, match="at least one picture"):
        drawing.contact_sheet([])
