"""A landmark network behind a detector."""

from types import SimpleNamespace

import numpy as np
import pytest

from fashion.config import TinyConfig
from fashion.cspn.refine import RefinedDetector
from mrcnn.detection import Raw

SHAPE = (100, 80)


def raw_of(*scores):
    """Detections with landmarks at (1, 1); those with a negative score have none."""
    points = np.zeros((len(scores), 294, 3), np.float32)
    points[np.array(scores) > 0, :8] = (1, 1, 0.5)
    return Raw(SHAPE, np.array([(0, 0, 10 * (i + 1), 20) for i in range(len(scores))], np.float32),
               np.full(len(scores), 8, np.int32), np.abs(scores), keypoints=points)


class Detector:
    def __init__(self, config, *results):
        self.config, self.network, self.results = config, object(), results

    def predict(self, images, batch_size=None):
        """Reads all images before it gives the first result, as a batch does."""
        assert len(list(images)) == len(self.results)
        yield from self.results


class Refiner:
    """Puts the landmarks at 50 times the photo's gray value."""

    def __init__(self, config):
        self.config, self.asked = config, []

    def find(self, image, boxes_px, class_ids):
        self.asked.append((boxes_px.tolist(), class_ids.tolist()))
        return np.full((len(boxes_px), 294, 3), (50 * image[0, 0, 0], 7, 0.9), np.float32)


def photos(count):
    return (np.full((*SHAPE, 3), value, np.uint8) for value in range(count))


def test_strong_detections_with_landmarks_are_refined_on_their_own_photo():
    config = TinyConfig()
    refiner = Refiner(config)
    detector = RefinedDetector(
        Detector(config, raw_of(0.9, 0.1), raw_of(-0.8), raw_of(0.7)), refiner, least_score=0.2)
    first, second, third = detector.predict(photos(3))
    np.testing.assert_array_equal(first.keypoints[0, 0], (0, 7, np.float32(0.9)))
    np.testing.assert_array_equal(first.keypoints[1, 0], (1, 1, 0.5))  # too weak
    assert not second.keypoints.any()  # the detector had none
    np.testing.assert_array_equal(third.keypoints[0, 0], (80, 7, np.float32(0.9)))  # on the photo
    assert refiner.asked == [([[0, 0, 10, 20]], [8]), ([[0, 0, 10, 20]], [8])]


def test_what_the_detector_found_is_left_as_it_is():
    config = TinyConfig()
    raw = raw_of(0.9)
    (refined,) = RefinedDetector(Detector(config, raw), Refiner(config)).predict(photos(1))
    np.testing.assert_array_equal(raw.keypoints[0, 0], (1, 1, 0.5))
    assert refined.boxes_px is raw.boxes_px and refined.scores is raw.scores


def test_networks_of_other_landmarks_are_refused():
    config = TinyConfig()
    other = SimpleNamespace(config=SimpleNamespace(NUM_KEYPOINTS=8, CLASS_NAMES=("BG", "a")))
    with pytest.raises(ValueError, match="294 landmarks of 13 classes, the refiner for 8 of 1"):
        RefinedDetector(Detector(config), other)
    without = SimpleNamespace(HEADS=("box",), NUM_KEYPOINTS=0, CLASS_NAMES=config.CLASS_NAMES)
    with pytest.raises(ValueError, match="no keypoint head"):
        RefinedDetector(Detector(without), Refiner(config))
