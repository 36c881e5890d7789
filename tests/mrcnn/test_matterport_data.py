"""Matterport's data road, with data sets written as its samples write them."""

import logging

import numpy as np
import pytest

from mrcnn import utils
from mrcnn.data.augment import AugmentationError, Jitter
from mrcnn.matterport import data, images
from tests.mrcnn.drawn_dataset import Drawn, DrawnConfig


class SquaresConfig(DrawnConfig):
    RPN_TRAIN_ANCHORS_PER_IMAGE = 16
    TRAIN_ROIS_PER_IMAGE = 8


class SquaresDataset(utils.Dataset):
    """Gray and coloured squares, in the style of Matterport's shapes sample.

    Args:
        numbers: squares on each photo.
    """

    def load_squares(self, numbers):
        self.add_class("squares", 1, "gray")
        self.add_class("squares", 2, "red")
        for i, number in enumerate(numbers):
            self.add_image("squares", image_id=i, path=None, width=80, height=60, number=number)

    def load_image(self, image_id):
        image = np.full((60, 80, 3), 30, np.uint8)
        for k in range(self.image_info[image_id]["number"]):
            image[10:30, 5 + 25 * k:25 + 25 * k] = (200, 200 * (k % 2), 0)
        return image

    def image_reference(self, image_id):
        info = self.image_info[image_id]
        if info["source"] == "squares":
            return info["number"]
        return super(self.__class__, self).image_reference(image_id)

    def load_mask(self, image_id):
        number = self.image_info[image_id]["number"]
        if not number:
            return np.empty([0, 0, 0]), np.empty([0], np.int32)
        mask = np.zeros([60, 80, number], dtype=np.uint8)
        for k in range(number):
            mask[10:30, 5 + 25 * k:25 + 25 * k, k] = 1
        return mask.astype(bool), np.array([2, 1, 2][:number]).astype(np.int32)


def squares(*numbers):
    dataset = SquaresDataset()
    dataset.load_squares(numbers)
    dataset.prepare()
    return dataset


def test_an_image_with_its_masks():
    image, meta, class_ids, bbox, mask = data.load_image_gt(squares(2), SquaresConfig(), 0)
    assert image.shape == (128, 128, 3) and mask.shape == (128, 128, 2) and mask.dtype == bool
    parsed = images.parse_image_meta(meta[None])
    np.testing.assert_array_equal(parsed["window"][0], (16, 0, 112, 128))
    np.testing.assert_array_equal(parsed["original_image_shape"][0], (60, 80, 3))
    assert parsed["scale"][0] == np.float32(1.6)
    np.testing.assert_array_equal(parsed["active_class_ids"][0], [1, 1, 1])
    np.testing.assert_array_equal(class_ids, [2, 1])
    np.testing.assert_allclose(bbox, [(32, 8, 64, 40), (32, 48, 64, 80)], atol=1)
    assert (mask.any(-1) == (image[..., 0] > 115)).mean() > 0.99


def test_mini_masks_and_photos_without_objects():
    *_, bbox, mask = data.load_image_gt(squares(3), SquaresConfig(), 0, use_mini_mask=True)
    assert mask.shape == (28, 28, 3) and mask.all() and len(bbox) == 3
    *_, class_ids, bbox, mask = data.load_image_gt(squares(0), SquaresConfig(), 0)
    assert len(class_ids) == 0 and bbox.shape == (0, 4) and mask.shape == (128, 128, 0)


def test_the_old_flip_warns(monkeypatch):
    monkeypatch.setattr(data.random, "randint", lambda low, high: 1)
    dataset, config = squares(2), SquaresConfig()
    plain = data.load_image_gt(dataset, config, 0)
    with pytest.warns(UserWarning, match="augmentation"):
        flipped = data.load_image_gt(dataset, config, 0, augment=True)
    np.testing.assert_array_equal(flipped[0], plain[0][:, ::-1])
    np.testing.assert_array_equal(flipped[4], plain[4][:, ::-1])
    np.testing.assert_array_equal(flipped[3][:, 1], 128 - plain[3][:, 3])


def augmentations():
    from imgaug import augmenters

    # The two in the middle are not among those that Matterport let masks through.
    return {
        "mirror": augmenters.Fliplr(1.0),
        "quarter turn": augmenters.Rot90(1),
        "waves": augmenters.ElasticTransformation(alpha=30, sigma=5),
        "jitter": Jitter(rotate=10),
    }


@pytest.mark.parametrize("name", ["mirror", "quarter turn", "waves", "jitter"])
def test_masks_follow_every_augmentation(name):
    np.random.seed(3)
    image, _, class_ids, bbox, mask = data.load_image_gt(
        squares(2), SquaresConfig(), 0, augmentation=augmentations()[name])
    assert len(class_ids) == mask.shape[-1] == len(bbox) > 0
    bright = image[..., 0] > 115
    assert (mask.any(-1) & bright).sum() > 0.9 * (mask.any(-1) | bright).sum()


def test_what_is_no_augmentation_is_refused():
    with pytest.raises(AugmentationError, match="imgaug"):
        data.load_image_gt(squares(1), SquaresConfig(), 0, augmentation="flip")


def test_batches():
    config = SquaresConfig()
    batches = data.data_generator(squares(2, 0, 1), config, shuffle=False, batch_size=2)
    inputs, outputs = next(batches)
    assert isinstance(inputs, list) and outputs == []
    image, meta, match, deltas, class_ids, boxes, masks = inputs
    assert image.shape == (2, 128, 128, 3) and image.dtype == np.float32
    np.testing.assert_array_equal(meta[:, 0], [0, 2])  # the photo without objects is passed over
    assert match.shape == (2, 4092, 1) and (np.sum(match != 0, axis=(1, 2)) == 16).all()
    assert deltas.shape == (2, 16, 4)
    np.testing.assert_array_equal(class_ids, [[2, 1, 0, 0], [2, 0, 0, 0]])
    assert boxes.shape == (2, 4, 4) and boxes.dtype == np.int32 and not boxes[1, 1:].any()
    assert masks.shape == (2, 28, 28, 4) and masks.dtype == bool
    np.testing.assert_array_equal(next(batches)[0][1][:, 0], [0, 2])


def test_batches_with_targets_of_the_heads():
    inputs, outputs = next(data.data_generator(
        squares(2), SquaresConfig(), random_rois=50, batch_size=1, detection_targets=True))
    assert [array.shape for array in inputs[7:]] == [(1, 50, 4), (1, 8, 4)]
    assert [array.shape for array in outputs] == [(1, 8, 1), (1, 8, 3, 4), (1, 8, 28, 28, 3)]
    assert len(next(data.data_generator(squares(2), SquaresConfig(), random_rois=50))[0]) == 8


def test_too_many_objects_are_drawn_from():
    config = SquaresConfig()
    config.MAX_GT_INSTANCES = 2
    inputs, _ = next(data.data_generator(squares(3), config))
    assert inputs[4].all() and inputs[6].shape == (1, 28, 28, 2)


def test_sources_that_no_augmentation_touches():
    flip = augmentations()["mirror"]
    plain, spared, flipped = (
        next(data.data_generator(squares(2), SquaresConfig(), **options))[0][0]
        for options in ({}, {"augmentation": flip, "no_augmentation_sources": ["squares"]},
                        {"augmentation": flip}))
    np.testing.assert_array_equal(spared, plain)
    np.testing.assert_array_equal(flipped, plain[:, :, ::-1])


def test_a_broken_image_is_passed_over_a_few_times(caplog):
    class Broken(Drawn):
        def load_image(self, image_id):
            if image_id == 1:
                raise OSError("unreadable")
            return super().load_image(image_id)

    batches = data.data_generator(Broken(2), DrawnConfig(), shuffle=False)
    with caplog.at_level(logging.ERROR):
        ids = [next(batches)[0][1][0, 0] for _ in range(data.MAX_ERRORS + 1)]
        assert set(ids) == {0} and "unreadable" in caplog.text and "1.png" in caplog.text
        with pytest.raises(OSError, match="unreadable"):
            next(batches)


def test_a_data_set_without_objects_does_not_turn_for_ever():
    with pytest.raises(ValueError, match="none of 2 images"):
        next(data.data_generator(squares(0, 0), SquaresConfig()))
