"""Garments cut out of photos, and points brought back to them."""

import numpy as np
import pytest

from fashion.cspn import crops
from fashion.cspn.crops import Crops, crop, square, uncrop, whole_photos
from tests.fashion.landmark_lists_files import (
    BOXES,
    LANDMARKS,
    UPPER,
    load,
    replaced,
    write_lists,
)

SIZE = 64


@pytest.fixture
def dataset(tmp_path):
    return load(write_lists(tmp_path))


def test_the_square_is_about_the_box_and_longer_by_the_margin():
    np.testing.assert_allclose(square((10, 20, 50, 40), margin=0.25), (5, 5, 55, 55))
    np.testing.assert_allclose(square((10, 20, 50, 40), margin=0), (10, 10, 50, 50))


def test_a_crop_shows_the_box_enlarged_and_black_beyond_the_photo():
    image = np.full((40, 40, 3), 50, np.uint8)
    image[10:20, 20:30] = 250
    cut, matrix = crop(image, (10, 20, 20, 30), 40, margin=1)  # 20 px become 40
    np.testing.assert_allclose(matrix @ (20, 10, 1), (10, 10))
    assert cut[20, 20].tolist() == [250] * 3 and cut[5, 5].tolist() == [50] * 3
    beyond, _ = crop(image, (0, 0, 10, 10), 40, margin=1)
    assert beyond[2, 2].tolist() == [0, 0, 0] and beyond[20, 20].tolist() == [50] * 3


def test_points_find_their_way_there_and_back():
    _, matrix = crop(np.zeros((50, 60, 3), np.uint8), (3, 7, 33, 29), SIZE)
    points = np.array([(8.0, 4.5, 0.3), (28.25, 31.0, 0.9)], np.float32)
    there = points.copy()
    there[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(there[:, :2] - points[:, :2]).max() > 5
    np.testing.assert_allclose(uncrop(there, matrix), points, atol=1e-4)


def test_every_garment_with_landmarks_is_a_crop(dataset):
    cut = Crops(dataset, SIZE)
    assert (len(cut), cut.class_ids.tolist()) == (2, [1, 2])
    row = cut.load(0)
    assert row["image"].shape == (SIZE, SIZE, 3) and row["class_id"] == 1
    np.testing.assert_array_equal(row["keypoints"][:, 2], [2, 2, 1, 2, 0, 0, 2, 0])
    back = uncrop(row["keypoints"][[0, 3]], row["matrix"])
    np.testing.assert_allclose(back, [(30, 10, 2), (70, 30, 2)], atol=1e-4)
    assert not row["keypoints"][[4, 5, 7]].any()


def test_landmarks_that_the_crop_does_not_show_are_absent_in_it(dataset):
    cut = Crops(dataset, SIZE, boxes_of=lambda image_id: np.array([[0, 20, 30, 50]]))
    row = cut.load(0)
    assert row["keypoints"][0, 2] == 2
    assert not row["keypoints"][6].any()  # the hem is at y = 80
    np.testing.assert_array_equal(cut.truth(0)[6], (20, 80, 2))


def test_whole_photos_have_no_margin(dataset):
    row = Crops(dataset, SIZE, boxes_of=whole_photos(dataset)).load(0)  # 80 x 100 px
    np.testing.assert_allclose(row["matrix"] @ (0, 0, 1), (SIZE / 10, 0), atol=1e-6)
    np.testing.assert_allclose(row["matrix"] @ (80, 100, 1), (0.9 * SIZE, SIZE), atol=1e-6)


def test_garments_without_landmarks_or_box_are_counted(tmp_path):
    none = f"{UPPER} 1 1 " + " ".join(["2 000 000"] * 6)
    write_lists(tmp_path, landmarks=replaced(LANDMARKS, 2, none), boxes=BOXES)
    dataset = load(tmp_path)
    assert Crops(dataset, SIZE).problems.counts == {crops.WITHOUT_LANDMARKS: 1}
    with pytest.raises(ValueError, match="None of 2 images has a garment"):
        Crops(dataset, SIZE, boxes_of=lambda image_id: np.zeros((1, 4)))


def test_of_deepfashion2_every_item_is_a_crop(tmp_path):
    from tests.fashion.made_sample import made_sample

    sample = made_sample(tmp_path, 2, seed=5)
    cut = Crops(sample, SIZE)
    assert len(cut) == sum(len(sample.image_class_ids(i)) for i in sample.image_ids) > 2
    assert cut.load(1)["keypoints"].shape == (294, 3)
    assert cut.items.max() > 0
