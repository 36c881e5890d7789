"""Landmarks measured: by hand, by an independent reading of the rules, and by pycocotools."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fashion.categories import CATEGORIES, NUM_LANDMARKS, by_id
from fashion.evaluation import landmarks, report
from fashion.evaluation.instances import InstanceEvaluator
from mrcnn.data.dataset import Dataset

SHAPE = (400, 300)
VISIBLE, BOTH = "keypoints_visible", "keypoints_visible_and_occluded"
PRECISIONS = ("AP", "AP50", "AP75", "AP_medium", "AP_large")
SKIRT, TOP = 9, 1


@dataclass
class Prediction:
    boxes_px: np.ndarray
    class_ids: np.ndarray
    scores: np.ndarray
    keypoints: np.ndarray
    mask_probs: np.ndarray | None = None


class Garments(Dataset):
    """Objects by image: (class_id, (y1, x1, y2, x2), own landmarks [n, (x, y, v)])."""

    num_keypoints = NUM_LANDMARKS

    def __init__(self, *images):
        super().__init__()
        for category in CATEGORIES:
            self.add_class("test", category.id, category.name)
        for number, objects in enumerate(images, start=1):
            self.add_image("test", f"{number:06d}", f"{number:06d}.jpg", objects=objects,
                           class_ids=[each[0] for each in objects])
        self.prepare()

    def load_boxes(self, image_id):
        return np.array([box for _, box, _ in self.image_info[image_id]["objects"]]).reshape(-1, 4)

    def load_polygons(self, image_id):
        return [[np.array([(x1, y1), (x2, y1), (x2, y2)])]
                for y1, x1, y2, x2 in self.load_boxes(image_id)]

    def load_keypoints(self, image_id):
        objects = self.image_info[image_id]["objects"]
        return spread([(abs(class_id), own) for class_id, _, own in objects])


def spread(objects):
    """[N, 294, 3] of N (class_id, own [n, 3])."""
    keypoints = np.zeros((len(objects), NUM_LANDMARKS, 3), np.float32)
    for row, (class_id, own) in enumerate(objects):
        keypoints[row, by_id(class_id).landmarks] = own
    return keypoints


def predict(*found):
    """A prediction from (class_id, score, box, own [n, 2 or 3])."""
    rows = [(class_id, np.column_stack([np.asarray(own)[:, :2], np.full(len(own), 0.7)]))
            for class_id, _, _, own in found]
    return Prediction(np.array([box for _, _, box, _ in found], np.float32).reshape(-1, 4),
                      np.array([each[0] for each in found], int),
                      np.array([each[1] for each in found], np.float32), spread(rows))


def evaluator_of(dataset, *predictions):
    evaluator = InstanceEvaluator(dataset)
    for image_id, prediction in zip(dataset.image_ids, predictions, strict=True):
        evaluator.add(image_id, SHAPE, prediction)
    return evaluator


def garment(class_id, box, visibility=2):
    """True landmarks spread over a box."""
    y1, x1, y2, x2 = box
    steps = np.linspace(0.05, 0.95, by_id(class_id).count)
    own = np.stack([x1 + (x2 - x1) * steps ** 2, y1 + (y2 - y1) * steps,
                    np.broadcast_to(visibility, len(steps))], axis=1)
    return class_id, box, own


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


# The same numbers from the files, read by others.


def random_run(rng, images=30):
    """Garments of two categories and detections that are somewhat off, some in the wrong class."""
    truths, predictions = [], []
    for _ in range(images):
        objects, found = [], []
        for _ in range(rng.integers(0, 5)):
            corner, side = rng.uniform(0, 150, 2), rng.uniform(25, 150, 2)
            box = (*corner, *(corner + side))
            class_id = int(rng.choice([TOP, SKIRT]))
            visibility = rng.choice([0, 1, 2], by_id(class_id).count)
            objects.append(garment(class_id, box, visibility if rng.random() < 0.8 else 1))
            for _ in range(rng.integers(0, 3)):
                own = objects[-1][2].copy()
                own[:, :2] += rng.normal(0, rng.choice([0.5, 2, 4]), own[:, :2].shape)
                if rng.random() < 0.8:
                    found.append((class_id, rng.random(), box, own))
        truths.append(objects)
        predictions.append(predict(*found))
    return Garments(*truths), predictions


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A folder of files, and the metrics that we say they have."""
    dataset, predictions = random_run(np.random.default_rng(5))
    evaluator = evaluator_of(dataset, *predictions)
    folder = tmp_path_factory.mktemp("measured")
    evaluator.write(folder)
    return folder, evaluator.evaluate([VISIBLE, BOTH])


def official_sigmas():
    return np.concatenate([np.array([str(s) for s in category.sigmas], float)
                           for category in CATEGORIES])


@pytest.mark.parametrize("task", [VISIBLE, BOTH])
def test_same_as_pycocotools_reading_the_files(measured, task, capsys):
    folder, metrics = measured
    index = COCO(str(folder / landmarks.FILES[task]))
    judge = COCOeval(index, index.loadRes(str(folder / landmarks.RESULTS)), "keypoints")
    judge.params.kpt_oks_sigmas = official_sigmas()
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    capsys.readouterr()
    np.testing.assert_allclose([metrics[task][name] for name in PRECISIONS], judge.stats[:5],
                               rtol=1e-12)
    assert metrics[task]["AR"] == pytest.approx(judge.stats[5])
    assert 0.05 < metrics[task]["AP75"] < 0.95  # the comparison says something


def reference_oks(truth, found):
    """Object keypoint similarity of one pair, as DeepFashion2's code has it, from vectors [882]."""
    x, y, v = np.array(truth["keypoints"]).reshape(-1, 3).T
    found_x, found_y, _ = np.array(found["keypoints"]).reshape(-1, 3).T
    dx, dy = found_x - x, found_y - y
    counted = v > 0
    if not counted.any():  # distance from twice the box
        left, top, width, height = truth["bbox"]
        dx = np.maximum(0, left - width - found_x) + np.maximum(0, found_x - left - 2 * width)
        dy = np.maximum(0, top - height - found_y) + np.maximum(0, found_y - top - 2 * height)
        counted[:] = True
    exponent = (dx ** 2 + dy ** 2) / (2 * truth["area"] * (2 * official_sigmas()) ** 2)
    return np.exp(-exponent)[counted].mean()


def reference_matches(truths, found, threshold):
    """(score, is right) of the detections of one class on one image; ignored ones left out."""
    free, matches = list(truths), []
    for detection in sorted(found, key=lambda each: -each["score"])[:20]:
        similar = [(truth, reference_oks(truth, detection)) for truth in free]
        fitting = [(truth, oks) for truth, oks in similar if oks >= threshold]
        real = [pair for pair in fitting if pair[0]["num_keypoints"]]
        if not fitting:
            matches.append((detection["score"], False))
            continue
        # Of equals the last: all garments without landmarks that a detection lies on have 1.
        best = max(reversed(real or fitting), key=lambda pair: pair[1])[0]
        free = [truth for truth in free if truth is not best]
        if real:
            matches.append((detection["score"], True))
    return matches


def reference_ap(truths, found, threshold):
    """Average precision of one class at one threshold: 101 recalls, precision falling."""
    images = {each["image_id"] for each in truths + found}
    matches = [match for image in images for match in reference_matches(
        [each for each in truths if each["image_id"] == image],
        [each for each in found if each["image_id"] == image], threshold)]
    total = sum(each["num_keypoints"] > 0 for each in truths)
    right = np.cumsum([is_right for _, is_right in sorted(matches, key=lambda match: -match[0])])
    precision = np.maximum.accumulate((right / np.arange(1, len(right) + 1))[::-1])[::-1]
    return np.mean([precision[right / total >= recall].max(initial=0)
                    for recall in np.linspace(0, 1, 101)])


@pytest.mark.parametrize("task", [VISIBLE, BOTH])
def test_same_as_the_official_rules_written_anew(measured, task):
    folder, metrics = measured
    truths = json.loads((folder / landmarks.FILES[task]).read_text())["annotations"]
    found = json.loads((folder / landmarks.RESULTS).read_text())
    for name, threshold in (("AP50", 0.5), ("AP75", 0.75)):
        by_class = [reference_ap([each for each in truths if each["category_id"] == class_id],
                                 [each for each in found if each["category_id"] == class_id],
                                 threshold) for class_id in (TOP, SKIRT)]
        assert metrics[task][name] == pytest.approx(np.mean(by_class), abs=1e-9)


def test_files_are_in_the_official_formats(tmp_path):
    class_id, box, own = garment(SKIRT, BOX, [2, 1, 0, 2, 2, 2, 2, 2])
    own[2] = 0
    evaluator_of(Garments([(class_id, box, own)]),
                 predict((SKIRT, 0.75, BOX, own))).write(tmp_path)
    place = by_id(SKIRT).landmarks
    for task, counted in ((VISIBLE, 6), (BOTH, 7)):
        content = json.loads((tmp_path / landmarks.FILES[task]).read_text())
        [annotation] = content["annotations"]
        keypoints = np.array(annotation.pop("keypoints")).reshape(NUM_LANDMARKS, 3)
        assert annotation == {"id": 1, "image_id": 1, "category_id": 9, "iscrowd": 0,
                              "bbox": [50, 100, 100, 200], "area": 20000, "num_keypoints": counted}
        assert (keypoints[:, 2] > 0).sum() == counted
        assert not np.delete(keypoints, np.arange(place.start, place.stop), axis=0).any()
        np.testing.assert_allclose(keypoints[place][3:], own[3:], atol=0.005)
        assert content["images"] == [
            {"id": 1, "file_name": "000001.jpg", "height": 400, "width": 300}]
        assert len(content["categories"]) == 13
        assert len(content["categories"][0]["keypoints"]) == NUM_LANDMARKS
    [result] = json.loads((tmp_path / landmarks.RESULTS).read_text())
    assert set(result) == {"image_id", "category_id", "score", "keypoints"}
    keypoints = np.array(result["keypoints"]).reshape(NUM_LANDMARKS, 3)
    np.testing.assert_allclose(keypoints[place, :2], own[:, :2], atol=0.005)
    assert keypoints[:, 2].sum() == 8 and (keypoints[:, 2] == 1)[place].all()


def test_no_detections_make_a_list_of_none(tmp_path):
    evaluator_of(Garments([]), predict()).write(tmp_path)
    assert json.loads((tmp_path / landmarks.RESULTS).read_text()) == []
    assert json.loads((tmp_path / landmarks.FILES[BOTH]).read_text())["annotations"] == []


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
