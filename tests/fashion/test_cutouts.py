"""Cut-outs: alpha is the garment's share of each pixel, and all colours are the photo's own."""

import cv2
import numpy as np
import pytest

from fashion import cutouts
from fashion.categories import by_id
from fashion.datasets.own import OwnDataset
from fashion.datasets.regions import Annotations, Photo, Region
from mrcnn import masks
from mrcnn.detection import Raw
from tests.fashion.made_sample import made_sample
from tests.fashion.own_photos import SQUARE, save_photo
from tests.fashion.rectangles import Rectangles

SHAPE = (150, 120)


def sock():
    """An outline [V, (x, y)] px with curves, a concave corner and a slanted edge."""
    turn = np.linspace(0, np.pi, 30)
    foot = np.stack([70 + 25.3 * np.cos(turn), 100 + 20.7 * np.sin(turn)], axis=1)
    return np.concatenate([foot, [(45, 20.4), (78.6, 15.2), (75.1, 90)]])


def cloth(name):
    """A garment's texture [H, W, 3], and that of the wall behind it, as like it as can be."""
    if name == "patterned":
        pattern = np.random.default_rng(0).integers(0, 256, (2, *SHAPE, 3), dtype=np.uint8)
        return pattern[0], pattern[1]
    value = {"black": 0, "white": 255}[name]
    return np.full((*SHAPE, 3), value, np.uint8), np.full((*SHAPE, 3), 128, np.uint8)


def annotated(polygon):
    return cutouts.Garment(1, None, masks.polygon_extents([polygon]),
                           cutouts._polygon_coverage([polygon]))


def found(probs, *boxes_px, class_ids=None, keypoints=None):
    count = len(boxes_px)
    return cutouts.found_garments(Raw(
        SHAPE, np.array(boxes_px, np.float32), np.array(class_ids or [1] * count),
        np.linspace(0.9, 0.8, count, dtype=np.float32), np.stack([probs] * count), keypoints))


def away_from_edge(bitmap):
    """Where a bitmap, with nothing around it, says the same within a pixel."""
    padded = np.pad(bitmap.astype(np.uint8), 1)
    square = np.ones((3, 3), np.uint8)
    return (cv2.dilate(padded, square) == cv2.erode(padded, square))[1:-1, 1:-1]


def part(picture, window):
    y1, x1, y2, x2 = window
    return picture[y1:y2, x1:x2]


@pytest.mark.parametrize("name", ["black", "white", "patterned"])
def test_alpha_is_the_mask_and_colours_are_the_photos(name):
    inside, wall = cloth(name)
    whole = (0, 0, *SHAPE)
    mask = masks.rasterise([sock()], whole, SHAPE)
    image = np.rint(wall + (inside.astype(float) - wall) * mask[..., None]).astype(np.uint8)
    garment = annotated(sock())
    window = cutouts.frame(garment.box_px, SHAPE)
    cutout = cutouts.cut(image, garment, window)
    np.testing.assert_array_equal(cutout[..., :3], part(image, window))
    alpha, bitmap = cutout[..., 3], part(mask, window) >= 0.5
    assert np.abs(alpha / 255 - part(mask, window)).max() <= 0.5 / 255 + 1e-9
    sure = away_from_edge(bitmap)
    np.testing.assert_array_equal(alpha[sure], 255 * bitmap[sure])
    assert 50 < ((alpha > 0) & (alpha < 255)).sum() < 2 * cv2.arcLength(
        sock().astype(np.float32), True)
    np.testing.assert_array_equal(cutout[alpha == 255][:, :3], part(inside, window)[alpha == 255])


def test_a_coarse_mask_gets_edges_of_a_pixel():
    box = masks.polygon_extents([sock()])
    probs = masks.rasterise([sock()], box, (7, 7)).astype(np.float32)
    [garment] = found(probs, box)
    window = cutouts.frame(box, SHAPE)
    alpha = cutouts.cut(np.zeros((*SHAPE, 3), np.uint8), garment, window)[..., 3]
    bitmap = part(masks.paste(probs, box, SHAPE), window)
    sure = away_from_edge(bitmap)
    np.testing.assert_array_equal(alpha[sure], 255 * bitmap[sure])
    partial = ((alpha > 0) & (alpha < 255)).sum(axis=1)
    assert 0 < np.median(partial) <= 4 and len(np.unique(alpha)) > 10


def test_alpha_at_the_border_of_a_float_box_by_hand():
    [garment] = found(np.ones((28, 28), np.float32), (10.25, 20.5, 50.75, 60.0))
    window = cutouts.frame(garment.box_px, SHAPE)
    assert window == (10, 20, 51, 60)
    alpha = cutouts.cut(np.zeros((*SHAPE, 3), np.uint8), garment, window)[..., 3] / 255
    assert alpha[1:-1, 1:-1].min() == 1
    # Not at the corners, which a mask with nothing around it rounds a little.
    np.testing.assert_allclose(alpha[0, 3:-3], 0.75, atol=1 / 21)
    np.testing.assert_allclose(alpha[-1, 3:-3], 0.75, atol=1 / 21)
    np.testing.assert_allclose(alpha[3:-3, 0], 0.5, atol=1 / 21)


@pytest.mark.parametrize("margin, square, window", [
    (0, False, (30, 20, 70, 41)),
    (0.25, False, (20, 10, 80, 51)),
    (0, True, (30, 10, 70, 50)),
    (0.5, True, (10, -10, 90, 70)),
])
def test_windows_by_hand(margin, square, window):
    assert cutouts.frame((30, 20, 70, 40.2), SHAPE, margin, square) == window


def test_boxes_are_cut_at_the_photo():
    assert cutouts.frame((-10, 100, 1e6, 130), SHAPE) == (0, 100, 150, 120)
    y1, x1, y2, x2 = cutouts.frame((200, 10, 220, 50), SHAPE)
    assert y1 == y2


def test_beyond_the_photo_is_nothing_of_the_garment():
    image = np.arange(SHAPE[0] * SHAPE[1] * 3, dtype=np.uint32).reshape(*SHAPE, 3).astype(np.uint8)
    polygon = np.array([(-30.0, 20), (20, 20), (20, 60), (-30, 60)])
    cutout = cutouts.cut(image, annotated(polygon), (20, -5, 60, 30))
    assert cutout.shape == (40, 35, 4)
    np.testing.assert_array_equal(cutout[:, 5:, :3], image[20:60, :30])
    np.testing.assert_array_equal(cutout[:, :5, :3], np.repeat(image[20:60, :1], 5, axis=1))
    np.testing.assert_array_equal(cutout[..., 3], [[0] * 5 + [255] * 20 + [0] * 10] * 40)


@pytest.mark.parametrize("longest", [40, 200])
def test_resizing_keeps_the_wall_out_of_the_edge(longest):
    cutout = np.zeros((80, 60, 4), np.uint8)  # white cloth before a black wall
    cutout[20:60, 10:37] = 255
    small = cutouts.resized(cutout, longest)
    assert small.shape == (longest, 3 * longest // 4, 4)
    assert small[small[..., 3] > 2][:, :3].min() > 250
    assert small[0, 0].tolist() == [0, 0, 0, 0]
    share = (small[..., 3] / 255).sum() / small[..., 3].size
    np.testing.assert_allclose(share, 40 * 27 / 4800, rtol=0.02)


def test_a_plain_ground_by_hand():
    cutout = np.array([[(0, 0, 0, 255), (10, 20, 30, 0), (0, 100, 200, 51)]], np.uint8)
    assert cutouts.on_ground(cutout, (255, 255, 255)).tolist() == [
        [[0, 0, 0], [255, 255, 255], [204, 224, 244]]]


def test_splash_is_colour_on_gray():
    image = np.random.default_rng(1).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
    # They meet within the pixels of column 50, which are garment all over.
    upper = np.array([(20.0, 30), (50.5, 30), (50.5, 90), (20, 90)])
    lower = np.array([(50.5, 30), (80.0, 30), (80, 90), (50.5, 90)])
    picture = cutouts.splash(image, [annotated(upper), annotated(lower)])
    np.testing.assert_array_equal(picture[30:90, 20:80], image[30:90, 20:80])
    outside = np.ones(SHAPE, bool)
    outside[30:90, 20:80] = False
    assert np.ptp(picture[outside], axis=1).max() == 0
    np.testing.assert_array_equal(
        picture[outside][:, 0], cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[outside])


@pytest.mark.parametrize("bitmaps", [False, True])
def test_annotated_garments_of_polygons_and_bitmaps(bitmaps):
    dataset = Rectangles([(1, (10, 20, 40, 60)), (-2, (0, 0, 90, 90)), (3, (50, 20, 90, 80))],
                         bitmaps=bitmaps)
    garments = cutouts.true_garments(dataset, 0)
    assert [garment.class_id for garment in garments] == [1, 3]  # -2 is a crowd
    assert [garment.box_px.tolist() for garment in garments] == [
        [10, 20, 40, 60], [50, 20, 90, 80]]
    coverage = garments[1].coverage((45, 10, 60, 30))
    assert coverage[5:, 10:].min() == 1 and coverage.sum() == 100


def test_a_mask_on_the_photo_leaves_outlines_their_soft_edges(tmp_path):
    bitmap = np.zeros((60, 80), bool)
    bitmap[5:25, 5:25] = True
    slanted = SQUARE + np.array([(0.5, 0.5), (0.25, 0), (0, 0.5), (0, 0)], np.float32)
    photo = Photo(save_photo(tmp_path / "a.jpg"), 80, 60, [
        Region("top", rle=masks.to_rle(bitmap), crowd=True), Region("top", [slanted]),
        Region("bag", rle=masks.to_rle(bitmap))])
    dataset = OwnDataset()
    dataset.add(Annotations([photo], ("top", "bag"), "coco"))
    dataset.prepare()
    top, bag = cutouts.true_garments(dataset, 0)
    whole = (0, 0, 60, 80)
    np.testing.assert_array_equal(top.coverage(whole), masks.rasterise([slanted], whole, (60, 80)))
    assert len(np.unique(top.coverage(whole))) > 5
    np.testing.assert_array_equal(bag.coverage(whole), bitmap)
    assert (top.class_id, bag.class_id) == (1, 2)


def test_landmarks_are_those_of_the_garments_category(tmp_path):
    dataset = made_sample(tmp_path, 2, seed=3)
    garments = cutouts.true_garments(dataset, 0)
    keypoints = dataset.load_keypoints(0)
    for garment, points in zip(garments, keypoints, strict=True):
        own = by_id(garment.class_id).landmarks
        np.testing.assert_array_equal(garment.landmarks, points[own])
    [garment] = found(np.ones((2, 2)), (0, 0, 9, 9), class_ids=[8], keypoints=keypoints[:1])
    assert garment.landmarks.shape == (by_id(8).count, 3)
    [garment] = found(np.ones((2, 2)), (0, 0, 9, 9), keypoints=np.ones((1, 5, 3)))
    assert garment.landmarks.shape == (5, 3)


def test_a_network_without_masks_cannot_cut_out():
    raw = Raw(SHAPE, np.zeros((0, 4)), np.zeros(0), np.zeros(0))
    with pytest.raises(ValueError, match="mask head"):
        cutouts.found_garments(raw)
