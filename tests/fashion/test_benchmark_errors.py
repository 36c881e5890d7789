"""Kinds of errors, confusions and scores: worked out by hand, and equal to COCO's own numbers."""

import numpy as np
import pytest

from fashion.benchmark import analysis, calibration, confusion, curves, errors
from fashion.benchmark.overlaps import ALONE, IGNORED, match, match_any_class, measure
from fashion.evaluation import average_precision

SHAPE = (200, 200)
NAMES = ["background", "top", "skirt"]
TOP, SKIRT = 1, 2
HERE, FAR = [10, 10, 100, 100], [150, 150, 40, 40]
HALF = [10, 10, 100, 60]  # IoU 0.6 with HERE
THIRD = [10, 10, 100, 30]  # IoU 0.3 with HERE


def true(class_id, box, **more):
    x, y, width, height = box
    outline = [x, y, x + width, y, x + width, y + height, x, y + height]
    return {"category_id": class_id, "bbox": box, "segmentation": [outline], "iscrowd": 0,
            "area": width * height, **more}


def found(class_id, score, box):
    return {**true(class_id, box), "score": score}


def kinds(*images):
    result = errors.analyse([measure(truth, detections, SHAPE) for truth, detections in images],
                            NAMES)
    return {name: numbers["count"] for name, numbers in result["kinds"].items()
            if numbers["count"]}, result


@pytest.mark.parametrize("detections, expected", [
    ([found(TOP, 0.9, HERE)], {}),
    ([found(SKIRT, 0.9, HERE)], {"classification": 1}),
    ([found(TOP, 0.9, THIRD)], {"localisation": 1}),
    ([found(SKIRT, 0.9, THIRD)], {"both": 1, "missed": 1}),
    ([found(TOP, 0.9, HERE), found(TOP, 0.8, HALF)], {"duplicate": 1}),
    ([found(TOP, 0.9, HERE), found(SKIRT, 0.8, FAR)], {"background": 1}),
    ([found(TOP, 0.9, FAR)], {"background": 1, "missed": 1}),
    ([], {"missed": 1}),
])
def test_each_kind_of_error(detections, expected):
    assert kinds(([true(TOP, HERE)], detections))[0] == expected


def test_a_detection_where_nothing_is_annotated_is_background():
    assert kinds(([], [found(TOP, 0.9, HERE)]))[0] == {"background": 1}


def test_costs_by_hand():
    # AP50: the top is claimed a skirt: tops 0. The skirt is found after that false alarm: 1/2.
    counts, result = kinds(([true(TOP, HERE), true(SKIRT, FAR)],
                            [found(SKIRT, 0.9, HERE), found(SKIRT, 0.5, FAR)]))
    assert counts == {"classification": 1}
    assert result["AP50"] == pytest.approx((0 + 1 / 2) / 2)
    costs = {name: numbers["cost"] for name, numbers in result["kinds"].items()}
    assert costs.pop("classification") == pytest.approx(1 - result["AP50"])
    assert set(costs.values()) == {0}
    assert result["per_class"]["skirt"] == {
        "objects": 1, "right": 1, "classification": 1, "localisation": 0, "both": 0,
        "duplicate": 0, "background": 0, "missed": 0}


def test_only_the_surest_of_several_is_mended():
    # Two tops too small: mended, the surer becomes right and the other vanishes, AP50 = 1.
    result = kinds(([true(TOP, HERE)], [found(TOP, 0.9, THIRD), found(TOP, 0.8, THIRD)]))[1]
    assert result["kinds"]["localisation"] == {"count": 2, "cost": pytest.approx(1)}


def test_missed_objects_do_not_count_when_they_are_mended():
    # One of two tops found at once: precision 1 up to recall 1/2, 51 of COCO's 101 recalls.
    result = kinds(([true(TOP, HERE), true(TOP, FAR)], [found(TOP, 0.9, HERE)]))[1]
    assert result["AP50"] == pytest.approx(51 / 101)
    assert result["kinds"]["missed"] == {"count": 1, "cost": pytest.approx(50 / 101)}


def test_no_object_at_all_gives_no_precision():
    result = kinds(([], []))[1]
    assert result["AP50"] is None
    assert result["kinds"]["missed"] == {"count": 0, "cost": None}


def test_crowds_count_neither_as_objects_nor_against_what_lies_in_them():
    image = measure([true(TOP, HERE, iscrowd=1, segmentation=[])], [found(TOP, 0.9, HALF)], SHAPE)
    assert match(image).tolist() == [IGNORED]
    result = errors.analyse([image], NAMES)
    assert (result["objects"], result["detections"]) == (0, 0)
    assert confusion.analyse([image], NAMES, 0.5)["counts"] == np.zeros((3, 3), int).tolist()
    assert calibration.analyse([image], NAMES)["error"] is None


def random_images(count=60):
    """Ground truth and detections in COCO's form; every other detection near an object."""
    rng = np.random.default_rng(5)
    truth, detections = [], []
    for image_id in range(1, count + 1):
        boxes = rng.uniform([0, 0, 30, 30], [90, 90, 100, 100], (rng.integers(0, 5), 4)).round(2)
        truth += [true(int(rng.integers(1, 3)), box.tolist(), image_id=image_id) for box in boxes]
        near = boxes[rng.integers(0, len(boxes), 5)] if len(boxes) else np.zeros((0, 4))
        near = np.abs(near + rng.normal(0, 8, near.shape))
        far = rng.uniform([0, 0, 10, 10], [90, 90, 100, 100], (3, 4))
        detections += [found(int(rng.integers(1, 3)), round(rng.random(), 2), box)
                       | {"image_id": image_id} for box in [*near.tolist(), *far.tolist()]]
    for number, each in enumerate(truth, start=1):
        each["id"] = number
    for number, each in enumerate(detections, start=1):
        each["id"] = number
    return {"images": [{"id": i, "height": 200, "width": 200} for i in range(1, count + 1)],
            "annotations": truth,
            "categories": [{"id": TOP, "name": "top"}, {"id": SKIRT, "name": "skirt"}]}, detections


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_ap50_and_curves_are_cocos(kind):
    truth, detections = random_images()
    images = list(analysis.overlaps(truth, detections, kind))
    evaluation = average_precision.evaluate(
        {**truth, "annotations": [dict(each) for each in truth["annotations"]]},
        [dict(each) for each in detections], kind)
    coco = average_precision.summarise(evaluation)
    assert errors.analyse(images, NAMES)["AP50"] == pytest.approx(coco["AP50"], abs=1e-12)
    curve = curves.of(average_precision.curves(evaluation), [TOP, SKIRT], NAMES)
    for level in curves.LEVELS:
        assert np.mean(curve["all"][level]) == pytest.approx(coco[level], abs=1e-4)
    assert list(curve["per_class"]) == ["top", "skirt"]


def test_a_class_without_objects_has_no_curve():
    values = np.full((3, 101, 2), 0.5)
    values[..., 1] = -1
    curve = curves.of(values, [TOP, SKIRT], NAMES)
    assert list(curve["per_class"]) == ["top"]
    assert curve["all"]["AP"] == [0.5] * 101
    assert curves.of(values[..., 1:], [SKIRT], NAMES) == {"all": None, "per_class": {}}


def test_error_counts_add_up():
    truth, detections = random_images()
    result = errors.analyse(analysis.overlaps(truth, detections, "bbox"), NAMES)
    counts = {name: numbers["count"] for name, numbers in result["kinds"].items()}
    assert sum(counts.values()) - counts["missed"] + result["right"] == len(detections)
    assert result["objects"] == len(truth["annotations"])
    for column in ("objects", "right", *errors.KINDS):
        total = sum(numbers[column] for numbers in result["per_class"].values())
        assert total == (counts[column] if column in counts else result[column])


def test_confusions_by_hand():
    images = [([true(TOP, HERE)], [found(SKIRT, 0.9, HERE), found(TOP, 0.8, FAR)]),
              ([true(SKIRT, HERE)], [found(SKIRT, 0.3, HERE)])]
    counts = confusion.analyse([measure(*image, SHAPE) for image in images], NAMES, 0.5)["counts"]
    assert counts == [[0, 1, 0],  # a top where nothing is
                      [0, 0, 1],  # a top taken for a skirt
                      [1, 0, 0]]  # a skirt missed: the detection is not sure enough


def test_an_object_of_the_own_class_comes_before_a_nearer_one_of_another():
    # A coat over a shirt: both overlap, both are found, nothing is confused.
    image = measure([true(TOP, HERE), true(SKIRT, HALF)],
                    [found(SKIRT, 0.9, HERE), found(TOP, 0.8, HALF)], SHAPE)
    assert match_any_class(image).tolist() == [1, 0]


def test_rows_and_columns_of_the_confusion_matrix_add_up():
    truth, detections = random_images()
    counts = np.array(confusion.analyse(analysis.overlaps(truth, detections, "bbox"), NAMES,
                                        0.4)["counts"])
    for class_id in (TOP, SKIRT):
        assert counts[class_id].sum() == sum(
            each["category_id"] == class_id for each in truth["annotations"])
        assert counts[:, class_id].sum() == sum(
            each["category_id"] == class_id and each["score"] >= 0.4 for each in detections)


def test_the_surest_detection_chooses_first():
    image = measure([true(TOP, HERE)], [found(TOP, 0.5, HERE), found(TOP, 0.9, HALF)], SHAPE)
    assert image.scores.tolist() == [0.9, 0.5] and image.rows.tolist() == [1, 0]
    assert match(image).tolist() == [0, ALONE]


def test_calibration_by_hand():
    # Scores 0.95 and 0.93: one of two is right. 0.15: wrong.
    images = [([true(TOP, HERE)], [found(TOP, 0.95, HERE), found(TOP, 0.93, FAR)]),
              ([true(TOP, HERE)], [found(SKIRT, 0.15, FAR)])]
    result = calibration.analyse([measure(*image, SHAPE) for image in images], NAMES)
    last = result["bins"][-1]
    assert (last["low"], last["high"], last["count"]) == (0.9, 1.0, 2)
    assert (last["score"], last["precision"]) == (pytest.approx(0.94), 0.5)
    assert result["error"] == pytest.approx((2 * 0.44 + 1 * 0.15) / 3)
    assert result["best"] == {"score": 0.95, "precision": 1.0, "recall": 0.5,
                              "F1": pytest.approx(2 / 3)}
    assert result["cuts"][18]["F1"] == pytest.approx(2 / 3)  # at 0.95
    assert result["cuts"][0]["F1"] == pytest.approx(2 / 5)  # at 0.05: all three
    assert result["per_class"]["skirt"] is None  # there is no skirt


def test_the_best_cut_keeps_all_detections_of_its_score():
    images = [measure([true(TOP, HERE), true(TOP, FAR)],
                      [found(TOP, 0.5, HERE), found(TOP, 0.5, [0, 150, 40, 40]),
                       found(TOP, 0.5, FAR)], SHAPE)]
    best = calibration.analyse(images, NAMES)["best"]
    assert best == {"score": 0.5, "precision": pytest.approx(2 / 3), "recall": 1.0,
                    "F1": pytest.approx(4 / 5)}
