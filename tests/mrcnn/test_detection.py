"""From photos to objects and back to the photos' own pixels."""

import keras
import numpy as np
import pytest

from mrcnn import boxes, detection
from mrcnn.network import Network
from tests.mrcnn.small_network import SmallConfig


class BrightSpotNetwork:
    """Stands in for a trained network: finds the bright rectangle of each molded photo.

    Its score is the rectangle's brightness, so that a test knows which photo an answer is of.
    """

    def __init__(self, config, convention="aligned"):
        self.config, self.convention, self.batches = config, convention, []

    def inference_graph(self, image_shape, config, given=None):
        self.shape = image_shape
        return self

    def predict_on_batch(self, inputs):
        images = inputs["input_image"]
        self.batches.append(len(images))
        detections = np.zeros((len(images), 3, 6), np.float32)
        for found, image in zip(detections, images, strict=True):
            rows, columns = np.nonzero(image[..., 0] > 99)
            if len(rows):
                box_px = np.array([rows.min(), columns.min(), rows.max() + 1, columns.max() + 1])
                found[0, :4] = boxes.normalise(box_px, image.shape[:2], self.convention)
                found[0, 4:] = 2, image.max() / 255
        masks = np.full((len(images), 3, 28, 28), 0.1, np.float32)
        masks[:, :, :14] = 0.9  # the upper half
        return {"detections": detections, "masks": masks}


class SquareConfig(SmallConfig):
    IMAGE_MAX_DIM = 256


class PadConfig(SmallConfig):
    IMAGE_RESIZE_MODE = "pad64"


def photo(height, width, box=None, brightness=255):
    image = np.zeros((height, width, 3), np.uint8)
    if box:
        image[box[0]:box[2], box[1]:box[3]] = brightness
    return image


@pytest.mark.parametrize("convention", boxes.CONVENTIONS)
@pytest.mark.parametrize("size", [(256, 256), (480, 320), (333, 1000), (60, 40)])
def test_boxes_and_masks_return_to_the_photo(size, convention):
    height, width = size
    box = (height // 4, width // 8, height // 2 + 7, width // 2 + 1)
    network = BrightSpotNetwork(SquareConfig(), convention)
    [found] = detection.Detector(network).detect([photo(*size, box)])
    molded_pixel = max(1, max(size) / 256)
    assert np.abs(found["rois"] - box).max() <= molded_pixel
    assert found["class_ids"].tolist() == [2] and found["scores"] == pytest.approx([1])
    upper_half = photo(*size, (*box[:2], (box[0] + box[2]) // 2, box[3]))[..., 0] > 0
    mask = found["masks"][..., 0]
    assert mask.shape == size and mask.dtype == bool
    assert (mask & upper_half).sum() / (mask | upper_half).sum() > 0.9


def test_a_photo_at_scale_one_comes_back_exactly():
    box = (10, 20, 110, 61)
    [found] = detection.Detector(BrightSpotNetwork(SquareConfig())).detect([photo(256, 256, box)])
    assert found["rois"].tolist() == [list(box)]
    rows, columns = np.nonzero(found["masks"][..., 0])
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (10, 60, 20, 61)


def test_whole_pixels_can_cut_the_photo():
    boxes_px = np.array([(10.4, 20.6, 30.5, 41), (0, 0.2, 0.4, 0.3), (49.7, 69.6, 50, 70)])
    raw = detection.Raw((50, 70), boxes_px, np.ones(3, np.int32), np.ones(3))
    found = raw.to_dict()
    assert found["rois"].tolist() == [[10, 21, 30, 41], [0, 0, 1, 1], [49, 69, 50, 70]]
    assert found["rois"].dtype == np.int32 and "masks" not in found
    np.testing.assert_array_equal(found["boxes"], boxes_px)


def test_a_photo_without_objects():
    [found] = detection.Detector(BrightSpotNetwork(SquareConfig())).detect([photo(50, 70)])
    assert found["rois"].shape == (0, 4) and found["masks"].shape == (50, 70, 0)


class PointsNetwork(BrightSpotNetwork):
    """Finds the bright rectangle as class 2, then nothing, and three points on the first."""

    def __init__(self, config, convention, points_px):
        super().__init__(config, convention)
        self.points_px = points_px

    def predict_on_batch(self, inputs):
        found = super().predict_on_batch(inputs)
        shape = inputs["input_image"].shape[1:3]
        own = np.full((len(inputs["input_image"]), 2, 3, 3), 0.5, np.float32)
        own[..., :2] = boxes.normalise_points(self.points_px, shape, self.convention)
        return found | {"keypoints": own}


@pytest.mark.parametrize("convention", boxes.CONVENTIONS)
def test_keypoints_return_to_the_photo(convention):
    config = type("Three", (SquareConfig,), {
        "NUM_KEYPOINTS": 5, "NUM_CLASSES": 3, "KEYPOINTS_OF_CLASS": [(0, 3), (3, 2)]})()
    # 480x320 molds to 256x171 at (42, 0): the factor is 480/256; the last point is none of class 2.
    molded = np.array([(42, 0), (62.5, 100.25), (99, 99)])
    network = PointsNetwork(config, convention, molded)
    [found] = detection.Detector(network).detect([photo(480, 320, (100, 100, 200, 200))])
    assert found["keypoints"].shape == (1, 5, 3) and found["class_ids"].tolist() == [2]
    factor = 480 / 256
    expected = [(0, 0, 0.5), (20.5 * factor, 100.25 * factor, 0.5)]
    np.testing.assert_allclose(found["keypoints"][0, 3:], expected, atol=0.1)
    assert not found["keypoints"][0, :3].any()
    network.points_px = np.array([(20, -9), (250, 300), (0, 0)])  # beyond the photo
    [found] = detection.Detector(network).detect([photo(480, 320, (100, 100, 200, 200))])
    np.testing.assert_allclose(found["keypoints"][0, 3:, :2], [(0, 0), (320, 480)])


def test_many_photos_of_many_shapes_keep_their_order():
    network = BrightSpotNetwork(PadConfig())
    shapes = [(64, 64), (64, 128), (60, 60), (200, 64), (64, 64), (64, 70), (10, 10)] * 5
    photos = [photo(*shape, (0, 0, *shape), 100 + i) for i, shape in enumerate(shapes)]
    results = list(detection.Detector(network).predict(photos, batch_size=4))
    assert [round(float(raw.scores[0]) * 255) for raw in results] == list(range(100, 135))
    assert [raw.shape for raw in results] == shapes
    assert max(network.batches) == 4 and len(network.batches) < len(photos)


def test_prediction_streams():
    """A generator of a million photos must not be read ahead of its answers."""
    read = []

    def photos():
        for i in range(10 ** 6):
            read.append(i)
            yield photo(64, 128 if i == 0 else 64)  # the first waits for a second of its shape

    answers = detection.Detector(BrightSpotNetwork(PadConfig())).predict(photos(), batch_size=2)
    for _ in range(5):
        next(answers)
    assert len(read) <= 16


def test_graphs_are_kept_and_few(monkeypatch):
    monkeypatch.setattr(detection, "MAX_GRAPHS", 2)
    detector = detection.Detector(BrightSpotNetwork(PadConfig()))
    for width in (64, 128, 64, 192):
        detector.detect([photo(64, width)])
    assert list(detector._graphs) == [(64, 64, None), (64, 192, None)]


@pytest.mark.parametrize("image", [
    np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3), np.float32),
])
def test_what_is_no_rgb_photo_is_refused(image):
    with pytest.raises(ValueError, match="read_image"):
        detection.Detector(BrightSpotNetwork(SquareConfig())).detect([image])


def test_the_network_answers_for_each_photo_alone():
    keras.utils.set_random_seed(0)
    detector = detection.Detector(Network(SmallConfig()))
    photos = list(np.random.default_rng(0).integers(0, 256, (3, 90, 128, 3), np.uint8))
    together = list(detector.predict(photos, batch_size=3))
    alone = [raw for image in photos for raw in detector.predict([image])]
    for a, b in zip(together, alone, strict=True):
        assert len(a.scores) == len(b.scores) > 0
        np.testing.assert_allclose(a.boxes_px, b.boxes_px, atol=0.01)
        np.testing.assert_allclose(a.scores, b.scores, atol=1e-4)
        assert boxes.valid(a.boxes_px).all()
        assert (a.boxes_px >= 0).all() and (a.boxes_px <= (90, 128, 90, 128)).all()
    [result] = detector.detect(photos[:1])
    assert result["masks"].shape == (90, 128, len(result["scores"]))


def test_photos_of_floats_are_rounded_and_molded_ones_refused():
    photo = np.full((4, 4, 3), 100, np.uint8)
    assert detection._check(photo - 0.4, 3).tolist() == photo.tolist()
    with pytest.raises(ValueError, match="looks molded"):
        detection._check(photo - np.array([123.7, 116.8, 103.9]), 3)
    with pytest.raises(ValueError, match="0 to 255"):
        detection._check(photo / 255, 3)
