"""Landmarks measured: cases that can be worked out by hand, and odd ones."""

import numpy as np
import pytest

from fashion.categories import by_id
from fashion.evaluation import landmarks, report
from fashion.evaluation.instances import InstanceEvaluator
from mrcnn.data.dataset import Dataset
from tests.fashion.landmark_garments import (
    BOTH,
    SHAPE,
    SKIRT,
    TOP,
    VISIBLE,
    Garments,
    Prediction,
    evaluator_of,
    garment,
    predict,
)

BOX = (100, 50, 300, 150)  # 200 high, 100 wide


def test_perfect_landmarks_have_ap_1():
    truth = garment(SKIRT, BOX)
    metrics = evaluator_of(Garments([truth]), predict((SKIRT, 0.9, BOX, truth[2]))).evaluate()
    assert list(metrics) == ["bbox", "bbox_agnostic", VISIBLE, BOTH]
    for task in (VISIBLE, BOTH):
        numbers = metrics[task]
        assert [numbers[name] for name in ("AP", "AP50", "AP75", "AP_large", "AR")] == (
            pytest.approx([1] * 5))
        assert numbers["AP_medium"] is None and "AP_small" not in numbers
        assert (numbers["objects"], numbers["found"]) == (1, 1)
        assert (numbers["PCK10"], numbers["PCK20"]) == (1, 1)
        assert numbers["error_px"] == pytest.approx(0, abs=0.01)
        assert numbers["per_class"]["skirt"]["AP"] == pytest.approx(1)
        assert numbers["per_class"]["vest"] == {
            "AP": None, "AP50": None, "AP75": None, "objects": 0, "found": None, "PCK10": None,
            "PCK20": None, "error_px": None}


def test_oks_by_hand():
    # A skirt of 200 x 100 px: s^2 = 20000. Two of its eight landmarks are seen, with the published
    # sigmas .0253 and .0195; one is 10 px off, the other 2:
    # exp(-100 / (2 * 20000 * .0506^2)) = exp(-0.97643) = 0.37666
    # exp(-4 / (2 * 20000 * .0390^2)) = exp(-0.06575) = 0.93637
    # OKS = 0.65652: right at 0.50, 0.55, 0.60 and 0.65, four of ten thresholds.
    assert by_id(SKIRT).sigmas[:2] == pytest.approx([0.0253, 0.0195])
    class_id, box, own = garment(SKIRT, BOX, [2, 2, 0, 0, 0, 0, 0, 0])
    off = own + [[6, 8, 0], [0, -2, 0], *[[99, 99, 0]] * 6]
    metrics = evaluator_of(Garments([(class_id, box, own)]),
                           predict((SKIRT, 0.9, BOX, off))).evaluate([VISIBLE])[VISIBLE]
    assert metrics["AP"] == pytest.approx(0.4)
    assert (metrics["AP50"], metrics["AP75"]) == pytest.approx((1, 0))
    assert metrics["error_px"] == pytest.approx(6, abs=0.01)
    assert metrics["PCK10"] == 1  # 10 and 2 px of 200


def test_pck_by_hand():
    # The longer side is 200 px: within 20 px 3 of 8, within 40 px 6 of 8.
    truth = garment(SKIRT, BOX)
    off = truth[2] + np.outer([0, 10, 19.9, 20.1, 30, 39.9, 40.1, 80], [0, 1, 0])
    metrics = evaluator_of(Garments([truth, garment(TOP, BOX)]),
                           predict((SKIRT, 0.9, BOX, off))).evaluate([VISIBLE])[VISIBLE]
    assert (metrics["PCK10"], metrics["PCK20"]) == pytest.approx((3 / 8, 6 / 8))
    assert metrics["error_px"] == pytest.approx(30.0)
    assert (metrics["objects"], metrics["found"]) == (2, 0.5)
    assert metrics["per_class"]["short sleeve top"]["found"] == 0


def test_errors_are_those_of_the_best_detection_on_the_garment():
    truth = garment(SKIRT, BOX)
    shifted = truth[2] + [7, 0, 0]
    elsewhere = (0, 200, 90, 290)
    metrics = evaluator_of(Garments([truth]), predict(
        (SKIRT, 0.95, elsewhere, truth[2]), (SKIRT, 0.5, BOX, truth[2]), (SKIRT, 0.9, BOX, shifted),
        (TOP, 0.99, BOX, garment(TOP, BOX)[2]))).evaluate([VISIBLE])[VISIBLE]
    assert metrics["error_px"] == pytest.approx(7, abs=0.01)


def test_covered_landmarks_count_in_one_of_the_two():
    class_id, box, own = garment(SKIRT, BOX, [2, 2, 2, 2, 1, 1, 1, 1])
    wrong = own.copy()
    wrong[own[:, 2] == 1, 0] += 150
    metrics = evaluator_of(Garments([(class_id, box, own)]),
                           predict((SKIRT, 0.9, BOX, wrong))).evaluate()
    assert metrics[VISIBLE]["AP"] == pytest.approx(1)
    assert metrics[BOTH]["AP75"] == 0  # OKS 0.5: half of them
    assert metrics[VISIBLE]["error_px"] == pytest.approx(0, abs=0.01)
    assert metrics[BOTH]["error_px"] == pytest.approx(75, abs=0.01)


def test_the_class_must_be_right():
    truth = garment(10, BOX)  # short sleeve dress
    other = garment(TOP, BOX)[2]
    other[:] = truth[2][:len(other)]
    metrics = evaluator_of(Garments([truth]), predict((TOP, 0.9, BOX, other))).evaluate([VISIBLE])
    assert metrics[VISIBLE]["AP"] == 0


@pytest.mark.parametrize("visibility", [0, 1])
def test_a_garment_without_counted_landmarks_is_neither_missed_nor_a_false_alarm(visibility):
    seen, unseen = garment(SKIRT, BOX), garment(SKIRT, (5, 160, 95, 290), visibility)
    dataset = Garments([seen, unseen])
    for found in ([], [(SKIRT, 0.95, unseen[1], garment(SKIRT, unseen[1])[2])]):
        evaluator = evaluator_of(dataset, predict((SKIRT, 0.9, BOX, seen[2]), *found))
        assert evaluator.evaluate([VISIBLE])[VISIBLE]["AP"] == pytest.approx(1)
    reason = landmarks.WITHOUT_LANDMARKS if visibility == 0 else landmarks.ALL_COVERED
    assert +evaluator.landmarks.counts == {reason: 1}


def test_broken_numbers_are_counted_and_help_nobody():
    class_id, box, own = garment(SKIRT, BOX)
    own[0] = np.nan
    found = garment(SKIRT, BOX)[2]
    found[7, 1] = np.inf
    evaluator = evaluator_of(Garments([(class_id, box, own)]), predict((SKIRT, 0.9, BOX, found)))
    assert +evaluator.landmarks.counts == {landmarks.BROKEN_TRUTH: 1, landmarks.BROKEN_FOUND: 1}
    metrics = evaluator.evaluate([VISIBLE])[VISIBLE]
    assert metrics["AP"] == pytest.approx(0.8)  # OKS 6/7 = 0.857: eight of ten thresholds
    nothing = np.full_like(found, np.nan)
    metrics = evaluator_of(Garments([(class_id, box, nothing)]),
                           predict((SKIRT, 0.9, BOX, nothing))).evaluate([VISIBLE])
    assert metrics[VISIBLE]["AP"] is None


def test_landmarks_beyond_the_photo_are_counted_and_measured():
    class_id, box, own = garment(SKIRT, (100, 50, 300, 250))
    own[0, 0], own[7, 1], own[6, 1] = -20, 401, 400  # of 400 x 300 px; the last lies on the edge
    found = own.copy()
    found[:, :2] = np.clip(own[:, :2], 0, (300, 400))
    evaluator = evaluator_of(Garments([(class_id, box, own)]), predict((SKIRT, 0.9, box, found)))
    assert +evaluator.landmarks.counts == {landmarks.BEYOND_PHOTO: 2}
    assert evaluator.evaluate([VISIBLE])[VISIBLE]["error_px"] == pytest.approx(21 / 8, abs=0.01)


def test_detections_without_landmarks_are_left_out():
    truth = garment(SKIRT, BOX)
    prediction = predict((SKIRT, 0.5, BOX, truth[2]), (SKIRT, 0.9, BOX, truth[2]))
    prediction.keypoints[1] = 0
    evaluator = evaluator_of(Garments([truth]), prediction)
    assert evaluator.evaluate([VISIBLE])[VISIBLE]["AP"] == pytest.approx(1)


def test_images_without_anything():
    dataset = Garments([garment(SKIRT, BOX)], [])
    assert evaluator_of(dataset, predict(), predict()).evaluate([BOTH])[BOTH]["AP"] == 0
    metrics = evaluator_of(Garments([]), predict((SKIRT, 0.9, BOX, garment(SKIRT, BOX)[2])))
    assert metrics.evaluate([BOTH])[BOTH]["AP"] is None


def test_a_network_without_the_head_is_measured_without_landmarks():
    prediction = predict((SKIRT, 0.9, BOX, garment(SKIRT, BOX)[2]))
    prediction.keypoints = None
    assert list(evaluator_of(Garments([]), prediction).evaluate()) == ["bbox", "bbox_agnostic"]


def test_other_numbers_of_keypoints_are_refused():
    prediction = predict((SKIRT, 0.9, BOX, garment(SKIRT, BOX)[2]))
    evaluator = InstanceEvaluator(Garments([garment(SKIRT, BOX)]), landmarks.COCO_PERSONS)
    with pytest.raises(ValueError, match="one of 17 keypoints"):
        evaluator.add(0, SHAPE, prediction)


# Other data.


class Persons(Dataset):
    """COCO's persons: 17 keypoints, one class, and one triangular person."""

    num_keypoints = 17

    def __init__(self, keypoints):
        super().__init__()
        self.add_class("coco", 1, "person")
        self.add_image("coco", 7, "7.jpg", class_ids=[1])
        self.keypoints = keypoints
        self.prepare()

    def load_polygons(self, image_id):
        return [[np.array([(100, 100), (200, 100), (200, 300)])]]

    def load_keypoints(self, image_id):
        return self.keypoints


def test_cocos_persons_are_measured_as_coco_does():
    # COCO's area is the mask's: 10000 px, half of the box. Noses have sigma 0.026; 6 px off:
    # exp(-36 / (2 * 10000 * .052^2)) = exp(-0.66568) = 0.5139, with the box's area 0.717.
    truth = np.zeros((1, 17, 3))
    truth[0, 0] = 150, 150, 2
    found = truth + [6, 0, 0]
    evaluator = InstanceEvaluator(Persons(truth), landmarks.COCO_PERSONS)
    evaluator.add(0, SHAPE, Prediction(np.array([(100, 100, 300, 200)]), np.array([1]),
                                       np.array([0.9]), found))
    metrics = evaluator.evaluate([BOTH])[BOTH]
    assert metrics["AP"] == pytest.approx(0.1)
    assert metrics["per_class"]["person"]["error_px"] == pytest.approx(6)


def test_tables_of_landmarks():
    truth = garment(SKIRT, BOX, [2, 2, 2, 2, 1, 1, 1, 1])
    metrics = evaluator_of(Garments([truth]), predict((SKIRT, 0.9, BOX, truth[2]))).evaluate()
    lines = report.format_metrics(metrics).splitlines()
    assert lines[3].startswith("landmarks, visible ") and "occluded" in lines[4]
    title, head, row, *rest = report.format_landmarks(metrics, VISIBLE).splitlines()
    assert "visible" in title and head.split() == [
        "objects", "AP", "AP50", "AP75", "found", "PCK@0.1", "PCK@0.2", "error", "px"]
    assert row.split() == ["skirt", "1", *["1.000"] * 6, "0.0"]
    assert rest[0].split() == ["all", "1", *["1.000"] * 6, "0.0"] and len(rest) == 1
    assert "landmarks" not in report.format_classes(metrics)
    assert "0.605" in report.format_published()
