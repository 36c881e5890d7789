"""Landmarks in pictures of garments, and in what `detect` writes."""

import json

import numpy as np
import pytest
from PIL import Image

from fashion.categories import CATEGORIES, NAMES, NUM_LANDMARKS, by_id
from fashion.commands import detect
from fashion.config import CONFIGS
from fashion.evaluation import pictures
from mrcnn.detection import Raw
from tests.fashion.made_sample import made_sample

CLASS_NAMES = ("BG", *NAMES)


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda category: category.name)
def test_skeletons_join_landmarks_of_their_own_category(category):
    [edges] = pictures.landmark_edges([category.id])
    assert edges.shape == (len(category.edges), 2)
    assert set(edges.ravel()) == set(range(category.start, category.start + category.count))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return made_sample(tmp_path_factory.mktemp("sample"), 4, seed=1)


def as_found(dataset, image_id, score=0.9):
    """The truth as a detection whose landmarks are all sure."""
    keypoints = dataset.load_keypoints(image_id)
    keypoints[..., 2] = score * (keypoints[..., 2] > 0)
    ids = dataset.image_class_ids(image_id)
    return Raw(dataset.load_image(image_id).shape[:2], dataset.load_boxes(image_id), ids,
               np.full(len(ids), 0.9, np.float32), np.ones((len(ids), 8, 8), np.float32),
               keypoints)


def test_landmarks_are_drawn_where_they_are(dataset):
    for image_id in dataset.image_ids:
        black = np.zeros_like(dataset.load_image(image_id))
        found = as_found(dataset, image_id)
        without = pictures.draw_found(black, Raw(
            found.shape, found.boxes_px, found.class_ids, found.scores, found.mask_probs),
            CLASS_NAMES)
        changed = (pictures.draw_found(black, found, CLASS_NAMES) != without).any(axis=-1)
        there = dataset.load_keypoints(image_id)
        x, y = there[there[..., 2] > 0][:, :2].astype(int).T
        inside = (x >= 0) & (y >= 0) & (x < black.shape[1]) & (y < black.shape[0])
        around = [changed[max(0, b - 3):b + 4, max(0, a - 3):a + 4].any()
                  for a, b in zip(x[inside], y[inside], strict=True)]
        assert np.mean(around) > 0.8, "labels lie over a few"


def test_truth_shows_covered_landmarks_hollow(dataset):
    covered = []
    for image_id in dataset.image_ids:
        picture = pictures.draw_truth(dataset, image_id, dataset.load_image(image_id))
        keypoints = dataset.load_keypoints(image_id)[-1]  # drawn last: nothing lies over it
        for x, y, _ in keypoints[keypoints[:, 2] == 1]:
            if 4 < x < picture.shape[1] - 4 and 4 < y < picture.shape[0] - 4:
                covered.append(picture[int(y), int(x)].min())
    assert covered and np.mean(np.array(covered) > 200) > 0.8


def test_keypoints_of_other_data_are_drawn_without_lines():
    keypoints = np.array([[(10, 10, 1), (90, 90, 1)]], np.float32)
    picture = pictures.draw_found(
        np.zeros((100, 100, 3), np.uint8),
        Raw((100, 100), np.array([(5, 5, 95, 95.0)]), np.array([1]), np.array([0.9]), None,
            keypoints), ("BG", ""))
    assert picture[10, 10].any() and picture[90, 90].any() and not picture[50, 50].any()


def test_detect_writes_the_landmarks_of_the_category(tmp_path):
    vest = by_id(5)
    keypoints = np.zeros((2, NUM_LANDMARKS, 3), np.float32)
    keypoints[0, vest.landmarks] = [(10.25, 20.5, 0.75)] * vest.count
    found = Raw((100, 80), np.array([(5, 5, 95, 75.0)] * 2), np.array([5, 9]),
                np.array([0.9, 0.8]), np.ones((2, 8, 8), np.float32), keypoints)
    results = detect.Pictures(tmp_path, CONFIGS["tiny"]())
    results.add(tmp_path / "photo.jpg", np.zeros((100, 80, 3), np.uint8), found)
    results.write_json({})
    content = json.loads((tmp_path / "detections.json").read_text())
    first, second = content["images"][0]["detections"]
    assert first["keypoints"] == [10.25, 20.5, 0.75] * 15
    assert second["keypoints"] == [0.0] * 24
    category = content["categories"][4]
    assert category["keypoints"] == [str(n) for n in range(1, 16)]
    assert min(map(min, category["skeleton"])) == 1 and max(map(max, category["skeleton"])) == 15
    assert Image.open(tmp_path / "photo.jpg").size == (80, 100)


def test_heatmaps_of_what_a_network_finds(dataset, monkeypatch):
    from fashion.evaluation import watching
    from mrcnn.detection import Detector
    from mrcnn.network import Network

    config = CONFIGS["tiny"]().override({
        "IMAGE_MAX_DIM": 128, "DETECTION_MIN_CONFIDENCE": 0.0, "PRECISION": "float32",
        "HEADS": ("box", "keypoint")})
    drawing = watching.Drawing(Detector(Network(config)), dataset, most=2)
    image_id = dataset.image_ids[0]
    monkeypatch.setattr(watching, "SHOWN_SCORE", 1.1)
    assert set(drawing(image_id)) == {"detections"}
    monkeypatch.setattr(watching, "SHOWN_SCORE", 0.0)
    sheet = drawing(image_id)["heatmaps"]
    assert sheet.dtype == np.uint8 and sheet.shape[1:] == (7 * 160, 3)
    monkeypatch.setattr(watching.keras, "Model", lambda *_: pytest.fail("one graph serves all"))
    np.testing.assert_array_equal(drawing(image_id)["heatmaps"], sheet)
