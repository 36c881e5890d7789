"""Landmarks measured as pycocotools and as an independent reading of the rules measure them."""

import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fashion.categories import CATEGORIES, NUM_LANDMARKS, by_id
from fashion.evaluation import landmarks
from tests.fashion.landmark_garments import (
    BOTH,
    SKIRT,
    TOP,
    VISIBLE,
    Garments,
    evaluator_of,
    garment,
    predict,
)

PRECISIONS = ("AP", "AP50", "AP75", "AP_medium", "AP_large")
BOX = (100, 50, 300, 150)  # 200 high, 100 wide


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
