"""`CSPN`: what its garments look like, weights there and back, and landmarks on photos."""

import numpy as np
import pytest

from fashion.cspn.config import CSPNTinyConfig, fit
from fashion.cspn.crops import JITTER, Crops, whole_photos
from fashion.cspn.garments import WIDER, Garments, zoomed
from fashion.cspn.model import CSPN
from fashion.cspn.pictures import StagePictures
from fashion.cspn.top_down import TopDown
from fashion.datasets.landmark_benchmark import OF_TYPE, LandmarkBenchmarkDataset
from mrcnn import weights
from mrcnn.data.augment import Jitter
from mrcnn.data.examples import load_example
from mrcnn.detection import Raw
from tests.fashion.landmark_lists_files import load, write_lists
from tests.fashion.small_cspn import SIDE, small_config


@pytest.fixture
def dataset(tmp_path) -> LandmarkBenchmarkDataset:
    return load(write_lists(tmp_path / "lists"))


def small_face(folder, mode="inference", **settings):
    return CSPN(mode, small_config(CSPN_STAGES=2, CSPN_FILTERS=8, **settings), folder)


@pytest.mark.parametrize("whole", [False, True])
def test_a_garment_is_the_crop_at_the_photo_s_resolution(dataset, whole):
    crops = Crops(dataset, SIDE, boxes_of=whole_photos(dataset) if whole else None)
    garments = Garments(crops)
    assert garments.num_images == len(crops) == 2 and garments.num_keypoints == 8
    for index in range(len(crops)):
        row, left_out = load_example(garments, index, small_config())
        expected = crops.load(index)
        assert not left_out and row["gt_class_ids"] == expected["class_id"]
        assert row["input_image"].shape == expected["image"].shape
        np.testing.assert_allclose(row["gt_keypoints"][0], expected["keypoints"], atol=0.6)
        difference = np.abs(row["input_image"].astype(int) - expected["image"])
        assert np.median(difference) == 0 and difference.mean() < 5


def test_augmentation_finds_more_of_the_photo_beyond_the_crop(dataset):
    garments = Garments(Crops(dataset, SIDE, margin=-0.5), WIDER)
    config, rng = small_config(), np.random.default_rng(0)
    rows = [load_example(garments, 0, config, zoomed(JITTER), rng)[0] for _ in range(10)]
    assert all(row["input_image"].min() > 0 for row in rows), "no black wedges"


def test_left_and_right_change_names_in_a_mirrored_picture(dataset):
    garments = Garments(Crops(dataset, SIDE), WIDER)
    mirror = zoomed(Jitter(flip=1.0, scale=(1, 1), translate=0, colour=0))
    plain, mirrored = (load_example(garments, 0, small_config(), augmentation,
                                    np.random.default_rng(0))[0]["gt_keypoints"][0]
                       for augmentation in (zoomed(Jitter(0.0, (1, 1), 0, 0)), mirror))
    left, right = plain[0], plain[1]
    assert left[0] < right[0] and left[2] == right[2] == 2
    np.testing.assert_allclose(mirrored[0], (SIDE - right[0], right[1], 2), atol=1e-3)
    np.testing.assert_allclose(mirrored[1], (SIDE - left[0], left[1], 2), atol=1e-3)


def test_weights_remember_the_network(tmp_path):
    face = small_face(tmp_path)
    face.save_weights(tmp_path / "cspn.h5")
    saved = weights.read_metadata(tmp_path / "cspn.h5")
    assert saved["name"] == "cspn_tiny" and saved["config"]["CSPN_STAGES"] == 2
    other = small_face(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE, 3), "uint8")
    before = other.predict(images)
    other.load_weights(tmp_path / "cspn.h5")
    after, expected = other.predict(images), face.predict(images)
    assert list(after) == ["stage1", "stage2"] and after["stage2"].shape == (5, 8, 3)
    assert not np.allclose(before["stage2"], expected["stage2"])
    np.testing.assert_allclose(after["stage2"], expected["stage2"], atol=1e-4)
    np.testing.assert_allclose(face.predict(images[3:4])["stage1"], expected["stage1"][3:4],
                               atol=1e-3)


def test_landmarks_are_found_on_the_photo(tmp_path, monkeypatch):
    face = small_face(tmp_path)
    middle = np.tile(np.array([SIDE / 2, SIDE / 2, 0.5], np.float32), (2, 8, 1))
    monkeypatch.setattr(face, "predict", lambda images, class_ids: {"stage2": middle.copy()})
    boxes = np.array([[0, 0, 40, 20], [10, 50, 30, 90]])
    found = face.find(np.zeros((100, 120, 3), np.uint8), boxes)
    np.testing.assert_allclose(found[:, 0], [[10, 20, 0.5], [70, 20, 0.5]], atol=1e-4)
    assert small_face(tmp_path).find(np.zeros((9, 9, 3), np.uint8), np.zeros((0, 4))).shape == (
        0, 8, 3)


def test_classes_with_landmarks_of_their_own_must_be_named(tmp_path):
    class Two:
        num_keypoints, class_names = 294, ("BG", *"abcdefghijklm")

    face = CSPN("inference", fit(small_config(CSPN_STAGES=1), Two), tmp_path)
    images = np.zeros((2, SIDE, SIDE, 3), np.uint8)
    with pytest.raises(ValueError, match="class_ids"):
        face.predict(images)
    found = face.predict(images, [1, 8])["stage1"]
    there = found.any(axis=2)
    assert there.sum(axis=1).tolist() == [25, 14] and there[0, :25].all()
    with pytest.raises(ValueError, match="--refine"):
        TopDown(face)
    with pytest.raises(ValueError, match="weights of a detector"):
        face.detector.predict([])


class OneShirt:
    """A detector that finds a shirt on every photo."""

    def __init__(self, config):
        self.config = config

    def predict(self, images, batch_size=None):
        for image in images:
            yield Raw(image.shape[:2], np.array([[10, 20, 60, 70]], np.float32),
                      np.array([1], np.int32), np.array([0.9], np.float32))


def test_behind_a_detector_a_garment_has_the_landmarks_of_its_type(tmp_path):
    face = small_face(tmp_path)
    photos = [np.full((80, 100, 3), 90, np.uint8)] * 2
    found = list(TopDown(face, OneShirt(CSPNTinyConfig())).predict(iter(photos)))
    assert len(found) == 2 and found[0].keypoints.shape == (1, 8, 3)
    there = found[0].keypoints[0].any(axis=1)
    assert np.flatnonzero(there).tolist() == list(OF_TYPE[1])
    [whole] = TopDown(face).predict(photos[:1])
    np.testing.assert_array_equal(whole.boxes_px, [[0, 0, 80, 100]])
    assert whole.keypoints[0].any(axis=1).all()


def test_pictures_show_each_stage_in_a_row(tmp_path, dataset):
    face = small_face(tmp_path)
    draw = StagePictures(face.network, Garments(Crops(dataset, SIDE)))
    drawn = draw(0)
    assert set(drawn) == {"landmarks", "heatmaps"}
    rows, columns = np.array(drawn["heatmaps"].shape[:2]) // 160
    assert rows == 2 and columns == 9, "a row for each stage; the photo and eight heatmaps"
    assert all(picture.dtype == np.uint8 for picture in drawn.values())
