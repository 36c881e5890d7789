"""Pictures: drawn where they should be, to the pixel, in colours that everybody can tell apart."""

import itertools

import cv2
import numpy as np
import pytest
from skimage.color import rgb2lab

from mrcnn import drawing, masks

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


def test_masks_of_a_network_tint_the_pixels_of_their_bitmaps():
    photo, boxes = gray_photo(), np.array([[20.3, 30.6, 90.1, 130.2], [-40.0, 100, 60, 300]])
    rows, columns = (np.indices((14, 14)) + 0.5) / 14
    probs = np.stack([0.9 - 0.8 * np.abs(columns - rows), 1.2 * columns])
    bitmaps = masks.expand(probs, boxes, photo.shape[:2])
    drawn = [drawing.draw_detections(photo, boxes, [1, 2], **given)
             for given in ({"mask_probs": probs}, {"masks": bitmaps})]
    # The same but for the outlines, which leave those of the bitmaps by half a pixel.
    differs = (drawn[0] != drawn[1]).any(-1)
    near = cv2.dilate(cv2.morphologyEx(bitmaps.view(np.uint8).max(2), cv2.MORPH_GRADIENT,
                                       np.ones((3, 3))), np.ones((5, 5)))
    near |= cv2.dilate((bitmaps[..., 0] != bitmaps[..., 1]).view(np.uint8), np.ones((3, 3)))
    assert changed(photo, drawn[0]) == changed(photo, drawn[1])
    assert not differs[near == 0].any() and differs.mean() < 0.05


def test_outlines_of_a_networks_masks_have_no_steps():
    columns = np.tile((np.arange(8) + 0.5) / 8, (8, 1))
    probs = np.clip(0.5 + (columns - 0.5 + 0.02 * (np.arange(8)[:, None] - 3.5)), 0, 1)
    picture = drawing.draw_detections(np.zeros((400, 400, 3), np.uint8), [[0, 0, 400, 400]], [2],
                                      mask_probs=probs[None], show_boxes=False)
    # The edge leaves the vertical by 56 px on its way down: the line moves with every row.
    brightest = picture[100:300, 100:300, 1].astype(float)
    line = (brightest > 130) * np.arange(200)
    middle = line.sum(1) / (brightest > 130).sum(1)
    assert len(np.unique(middle)) > 20


def test_a_box_between_pixels_colors_both_sides_alike():
    picture = drawing.draw_detections(gray_photo(), [[30, 40, 60, 90]], [3]).astype(int)
    left, right = picture[45, 39] - 128, picture[45, 40] - 128
    assert (left != 0).any() and np.abs(left - right).max() <= 8
    shifted = drawing.draw_detections(gray_photo(), [[30, 40.5, 60, 90]], [3])
    assert np.abs(shifted[45, 40].astype(int) - drawing.class_color(3)).max() <= 12
    assert np.abs(shifted[45, 39].astype(int) - shifted[45, 41]).max() <= 8


def test_the_photo_is_left_alone():
    photo = gray_photo()
    drawing.draw_detections(photo, [[1, 1, 50, 50]], [1], [0.5], class_names=["BG", "shirt"])
    assert (photo == 128).all()


def test_labels_do_not_hide_each_other():
    taken, size = [], (60, 14)
    for _ in range(14):  # of 16 that there is room for
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
    ((gray_photo(), [[0, 0, 1, 1]], [1], [0.5, 0.5]), "'scores': 2"),
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
