"""COCO's persons, one class of 17 keypoints: mirrored, learned by heart, measured as COCO does."""

import cv2
import keras
import numpy as np
import pytest

from fashion.evaluation.landmarks import COCO_PERSONS
from fashion.evaluation.watching import AveragePrecision
from mrcnn.data.augment import Jitter
from mrcnn.data.dataset import Dataset
from mrcnn.data.examples import load_example
from mrcnn.detection import Detector
from mrcnn.model import MaskRCNN
from tests.mrcnn.small_network import SmallConfig

# Nose, then left and right eyes, ears, shoulders, elbows, wrists, hips, knees, ankles.
FLIP = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
# Where the left ones are on a person that faces us, from the nose: to the right, x, and below, y.
LEFT = np.array([(0.05, -0.05), (0.1, -0.02), (0.15, 0.15), (0.2, 0.32), (0.22, 0.48),
                 (0.1, 0.5), (0.11, 0.75), (0.12, 1.0)])
LIMBS = [(5, 7), (7, 9), (5, 11), (11, 13), (13, 15)]  # of the left side
SIDE = 64  # px of every photo


class Persons(Dataset):
    """Photos of one stick figure each, its left limbs red and its right ones green."""

    num_keypoints = 17

    def __init__(self, images):
        super().__init__()
        self.add_class("coco", 1, "person")
        for number in range(images):
            self.add_image("coco", number, f"{number}.jpg", class_ids=[1])
        self.prepare()

    def keypoint_flip(self, class_id):
        return FLIP

    def load_keypoints(self, image_id):
        rng = np.random.default_rng(image_id)
        places = np.zeros((17, 2))
        places[1::2], places[2::2] = LEFT, LEFT * (-1, 1)
        places[7:] += rng.normal(0, 0.03, (10, 2))
        points = rng.uniform((25, 10), (39, 15)) + rng.uniform(35, 42) * places
        return np.column_stack([points, np.full(17, 2)])[None]

    def load_polygons(self, image_id):
        points = self.load_keypoints(image_id)[0, :, :2].astype(np.float32)
        return [[cv2.convexHull(points)[:, 0].astype(np.float64)]]

    def load_image(self, image_id):
        image = np.full((SIDE, SIDE, 3), 90 + 5 * image_id, np.uint8)
        points = np.round(self.load_keypoints(image_id)[0, :, :2]).astype(int).tolist()
        for colour, side in (((230, 30, 30), 0), ((30, 230, 30), 1)):
            for first, last in LIMBS:
                cv2.line(image, points[first + side], points[last + side], colour, 2)
        cv2.circle(image, points[0], 3, (240, 240, 240), -1)
        return image


class PersonConfig(SmallConfig):
    NAME = "persons"
    HEADS = ("box", "keypoint")
    NUM_CLASSES = 2
    NUM_KEYPOINTS = 17
    IMAGES_PER_GPU = 2
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = SIDE
    TRAIN_BN = True  # moving averages need more steps than these to arrive
    KEYPOINT_POOL_SIZE = 7
    KEYPOINT_CANONICAL_SIZE = 112
    KEYPOINT_CHANNELS = 32
    OPTIMIZER = "adam"
    LEARNING_RATE = 0.006
    WARMUP_STEPS = 20
    SCHEDULE = "one_cycle"
    STEPS_PER_EPOCH = 120


def test_a_mirrored_person_has_its_left_hand_on_the_other_side():
    persons, config = Persons(1), PersonConfig()
    mirror = Jitter(flip=1.0, scale=(1, 1), translate=0, colour=0)
    plain, _ = load_example(persons, 0, config)
    mirrored, _ = load_example(persons, 0, config, mirror, np.random.default_rng(0))
    expected = plain["gt_keypoints"][0, FLIP]
    expected[:, 0] = SIDE - expected[:, 0]
    np.testing.assert_allclose(mirrored["gt_keypoints"][0], expected, atol=1e-3)
    for row in (plain, mirrored):
        elbow, hip = row["gt_keypoints"][0, [7, 11], 0]
        assert elbow > hip, "the left elbow is right of the left hip, seen from the front"


def test_persons_are_learned_by_heart_and_measured_as_coco_does(tmp_path):
    persons, config, measured = Persons(2), PersonConfig(), {}
    model = MaskRCNN("training", config, tmp_path)
    watching = AveragePrecision(
        Detector(model.network, config.evaluation()), persons, standard=COCO_PERSONS)
    remember = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: measured.update(logs))
    model.train(persons, None, epochs=1, keep=1, custom_callbacks=[watching, remember])
    assert measured["bbox_AP50"] == pytest.approx(1)
    assert measured["keypoints_visible_AP50"] == pytest.approx(1)
    assert measured["keypoints_visible_AP"] > 0.7
