"""Landmarks on their way from the annotation to the batch: moved, mirrored, never swapped."""

import numpy as np
import pytest

from fashion.categories import CATEGORIES, NUM_LANDMARKS
from fashion.config import TinyConfig
from fashion.datasets.deepfashion2 import DeepFashion2Dataset
from mrcnn import masks
from mrcnn.data import imgaug_compat  # noqa: F401 (before imgaug)
from mrcnn.data.augment import Jitter
from mrcnn.data.examples import load_example
from tests.fashion.made_sample import made_sample

MIRROR = Jitter(flip=1.0, scale=(1, 1), translate=0, colour=0)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return made_sample(tmp_path_factory.mktemp("sample"), 24, seed=3)


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda category: category.name)
@pytest.mark.parametrize("published", [False, True])
def test_two_flips_are_none(category, published):
    flips = DeepFashion2Dataset(published_flips=published).keypoint_flip(category.id)
    np.testing.assert_array_equal(flips[flips], np.arange(NUM_LANDMARKS))
    others = np.ones(NUM_LANDMARKS, bool)
    others[category.landmarks] = False
    np.testing.assert_array_equal(flips[others], np.flatnonzero(others))


def rows(dataset, augmentation=None):
    for image_id in dataset.image_ids:
        rng = np.random.default_rng(0) if augmentation else None
        yield load_example(dataset, image_id, TinyConfig(), augmentation, rng)[0]


def distance_from_mask(row, index):
    """Pixels from each landmark of an object to its mask, [landmarks there]."""
    shape = row["input_image"].shape[:2]
    mask = masks.paste(row["gt_masks"][index] / 255, row["gt_boxes"][index], shape)
    pixels = np.argwhere(mask)[:, ::-1] + 0.5
    points = row["gt_keypoints"][index]
    points = points[points[:, 2] == 2, :2]
    if not len(points) or not len(pixels):
        return np.zeros(0)
    return np.sqrt(((points[:, None] - pixels) ** 2).sum(axis=2)).min(axis=1)


@pytest.mark.parametrize("augmentation", [None, MIRROR, Jitter(rotate=20)],
                         ids=["plain", "mirrored", "jittered"])
def test_landmarks_lie_on_their_garment(dataset, augmentation):
    distances = np.concatenate([
        distance_from_mask(row, index) for row in rows(dataset, augmentation)
        for index in np.flatnonzero(row["gt_class_ids"])])
    assert len(distances) > 500
    assert np.median(distances) < 1 and np.percentile(distances, 95) < 3


def test_a_mirrored_row_is_the_row_mirrored(dataset):
    """Landmark i of the mirrored picture is the mirror image of what was landmark flip[i]."""
    side = TinyConfig().IMAGE_SHAPE[1]
    for plain, mirrored in zip(rows(dataset), rows(dataset, MIRROR), strict=True):
        np.testing.assert_array_equal(plain["gt_class_ids"], mirrored["gt_class_ids"])
        for index, class_id in enumerate(plain["gt_class_ids"]):
            if class_id:
                expected = plain["gt_keypoints"][index][dataset.keypoint_flip(class_id)]
                there = expected[:, 2] > 0
                expected[there, 0] = side - expected[there, 0]
                np.testing.assert_allclose(mirrored["gt_keypoints"][index], expected, atol=1e-3)


def test_left_stays_left(dataset):
    """On frontal garments the landmarks that the template has at the left stay there."""
    kept = []
    for row in rows(dataset, MIRROR):
        for class_id, points in zip(row["gt_class_ids"], row["gt_keypoints"], strict=True):
            if not class_id:
                continue
            category = CATEGORIES[class_id - 1]
            own = points[category.landmarks]
            left = (own[:, 2] > 0) & (category.template[:, 0] < -0.1)
            right = (own[:, 2] > 0) & (category.template[:, 0] > 0.1)
            if left.sum() > 2 and right.sum() > 2:
                kept.append(own[left, 0].mean() < own[right, 0].mean())
    assert len(kept) > 20 and np.mean(kept) > 0.8, "back views, seen from behind, are few"


def test_landmarks_go_through_an_imgaug_pipeline(dataset):
    from imgaug import augmenters as iaa

    pipeline = iaa.Sequential([iaa.Fliplr(0.5), iaa.Affine(rotate=(-20, 20), scale=(0.8, 1.1)),
                               iaa.GaussianBlur(0.5)])
    distances = np.concatenate([
        distance_from_mask(row, index) for row in rows(dataset, pipeline)
        for index in np.flatnonzero(row["gt_class_ids"])])
    assert np.median(distances) < 1 and np.percentile(distances, 95) < 3


def test_landmarks_outside_the_crop_are_not_there(dataset):
    config = TinyConfig().override({"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 128})
    for image_id in dataset.image_ids:
        row, _ = load_example(dataset, image_id, config)
        there = row["gt_keypoints"][row["gt_keypoints"][..., 2] > 0]
        assert (there[:, :2] >= 0).all() and (there[:, :2] <= 128).all()


def test_landmarks_that_are_no_numbers_are_absent_and_counted(dataset, monkeypatch):
    whole = dataset.load_keypoints(0)
    broken = whole.copy()
    place = tuple(np.argwhere(whole[..., 2] > 0)[0])
    broken[place] = np.nan
    monkeypatch.setattr(dataset, "load_keypoints", lambda image_id: broken)
    row, left_out = load_example(dataset, 0, TinyConfig())
    assert left_out == {"keypoints that are no numbers": 1}
    assert not row["gt_keypoints"][place].any()
    assert (row["gt_class_ids"] > 0).sum() == len(whole), "the garment stays"
