"""Average precision: by hand, equal to pycocotools on its own, and in the odd cases."""

import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fashion.evaluation import coco, report
from fashion.evaluation.instances import InstanceEvaluator
from tests.fashion.rectangles import APART, BIG, INSTANCES, SHAPE, SMALL, Rectangles, predict


def evaluate(dataset, *predictions):
    evaluator = InstanceEvaluator(dataset)
    for image_id, prediction in zip(dataset.image_ids, predictions, strict=True):
        evaluator.add(image_id, SHAPE, prediction)
    return evaluator.evaluate()


@pytest.mark.parametrize("bitmaps", [False, True])
def test_perfect_predictions_have_ap_1(bitmaps):
    dataset = Rectangles([(1, BIG), (2, SMALL)], [(2, APART)], [], bitmaps=bitmaps)
    metrics = evaluate(dataset, predict((1, 0.9, BIG), (2, 0.8, SMALL)),
                       predict((2, 0.7, APART)), predict())
    for task in INSTANCES:
        numbers = metrics[task]
        for name in ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AR"):
            assert numbers[name] == pytest.approx(1)
        assert numbers["AP_large"] is None  # there is no large object
    assert metrics["bbox"]["per_class"]["skirt"] == pytest.approx(
        {"AP": 1, "AP50": 1, "AP75": 1, "objects": 2})


def test_average_precision_by_hand():
    # Hit, false alarm, hit among two objects: precision 1 up to recall 1/2, 2/3 from there on.
    # Of COCO's 101 recalls, 51 lie in 0..0.50 and 50 above.
    dataset = Rectangles([(1, BIG), (1, APART)])
    metrics = evaluate(dataset, predict((1, 0.9, BIG), (1, 0.8, (0, 0, 9, 9)), (1, 0.7, APART)))
    expected = (51 + 50 * 2 / 3) / 101
    for task in INSTANCES:
        assert metrics[task]["AP50"] == pytest.approx(expected)
        assert metrics[task]["AP"] == pytest.approx(expected)


def test_iou_of_float_boxes_is_not_rounded():
    # 80 x 60 against 80 x 45.1: IoU 0.7517 passes 0.75, which 45 or a rounded mask would not show.
    dataset = Rectangles([(1, BIG)])
    metrics = evaluate(dataset, predict((1, 0.9, (10, 20, 90, 65.1))))
    assert metrics["bbox"]["AP75"] == pytest.approx(1)
    assert metrics["bbox"]["AP"] == pytest.approx(0.6)  # six of ten thresholds: 0.50 to 0.75


def test_agnostic_tasks_leave_the_class_aside():
    dataset = Rectangles([(1, BIG)], [(2, APART)])
    wrong = evaluate(dataset, predict((2, 0.9, BIG)), predict((1, 0.9, APART)))
    assert wrong["bbox"]["AP"] == wrong["segm"]["AP"] == 0.0
    assert wrong["bbox_agnostic"]["AP"] == wrong["segm_agnostic"]["AP"] == pytest.approx(1)
    assert "per_class" not in wrong["bbox_agnostic"]


def test_a_garment_found_as_two_classes_is_one_false_alarm_without_classes():
    dataset = Rectangles([(1, BIG)], [(1, BIG)])
    twice = predict((1, 0.9, BIG), (2, 0.95, BIG))
    metrics = evaluate(dataset, twice, predict((1, 0.5, BIG)))
    assert metrics["bbox"]["AP"] == pytest.approx(1)
    # hit .95, false alarm .9, hit .5: precision 1 to recall 1/2, then 2/3
    assert metrics["bbox_agnostic"]["AP"] == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_classes_without_objects_do_not_count():
    dataset = Rectangles([(1, BIG)])
    metrics = evaluate(dataset, predict((1, 0.9, BIG), (3, 0.9, APART)))
    assert metrics["bbox"]["AP"] == pytest.approx(1)
    assert metrics["bbox"]["per_class"]["shoe"] == {
        "AP": None, "AP50": None, "AP75": None, "objects": 0}


def test_a_network_without_masks_is_measured_by_its_boxes():
    boxes_only = predict((1, 0.9, BIG))
    boxes_only.mask_probs = None
    metrics = evaluate(Rectangles([(1, BIG)]), boxes_only)
    assert list(metrics) == ["bbox", "bbox_agnostic"]
    assert metrics["bbox"]["AP"] == pytest.approx(1)


def test_nothing_found_is_ap_0():
    metrics = evaluate(Rectangles([(1, BIG)]), predict())
    assert all(metrics[task]["AP"] == 0.0 for task in INSTANCES)


def test_nothing_to_find_is_no_number():
    metrics = evaluate(Rectangles([]), predict((1, 0.9, BIG)))
    assert all(metrics[task]["AP"] is None for task in INSTANCES)


def test_detections_in_a_crowd_are_no_false_alarms():
    dataset = Rectangles([(1, APART), (-1, (0, 0, 90, 100))])
    metrics = evaluate(dataset, predict((1, 0.5, APART), (1, 0.9, (5, 5, 40, 40)),
                                        (1, 0.8, (40, 40, 80, 80))))
    assert metrics["bbox"]["AP"] == metrics["segm"]["AP"] == pytest.approx(1)
    assert metrics["bbox"]["per_class"]["top"]["objects"] == 1


def test_same_as_pycocotools_by_hand(tmp_path, capsys):
    rng = np.random.default_rng(0)
    truth, found = [], []
    for _ in range(6):
        corners = rng.uniform(0, 60, (4, 2))
        boxes = np.hstack([corners, corners + rng.uniform(10, 50, (4, 2))])
        truth.append([(int(rng.integers(1, 4)), box) for box in boxes])
        found.append(predict(*[(int(rng.integers(1, 4)) if rng.random() < 0.3 else class_id,
                                rng.random(), box + rng.normal(0, 3, 4))
                               for class_id, box in truth[-1]]))
        found[-1].mask_probs[:] = rng.random((4, 1, 28)) > 0.2
    evaluator = InstanceEvaluator(Rectangles(*truth))
    for image_id, prediction in enumerate(found):
        evaluator.add(image_id, SHAPE, prediction)
    metrics = evaluator.evaluate()
    assert capsys.readouterr().out == ""
    evaluator.write(tmp_path)

    index = COCO(str(tmp_path / "ground_truth.json"))
    for task in ("bbox", "segm"):
        results = json.loads((tmp_path / "detections.json").read_text())
        if task == "segm":  # with boxes, loadRes would take the masks' areas from them
            for result in results:
                del result["bbox"]
        judge = COCOeval(index, index.loadRes(results), task)
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
        names = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large")
        ours = [-1.0 if metrics[task][name] is None else metrics[task][name] for name in names]
        np.testing.assert_allclose(ours, judge.stats[:6], rtol=1e-12)
        assert metrics[task]["AR"] == pytest.approx(judge.stats[8])
        assert 0.02 < metrics[task]["AP"] < 0.98  # the comparison says something


def test_truth_is_a_coco_data_set():
    dataset = Rectangles([(2, SMALL)], [(1, BIG)])
    evaluator = InstanceEvaluator(dataset)
    evaluator.add(1, SHAPE, predict())
    assert evaluator.ground_truth["images"] == [
        {"id": 6, "file_name": "000006.jpg", "height": 120, "width": 100}]
    [annotation] = evaluator.ground_truth["annotations"]
    assert annotation == {
        "id": 1, "image_id": 6, "category_id": 1, "iscrowd": 0, "bbox": [20.0, 10.0, 60.0, 80.0],
        "area": 4800.0, "segmentation": [[20.0, 10.0, 80.0, 10.0, 80.0, 90.0, 20.0, 90.0]]}


def test_images_with_other_names_are_counted():
    dataset = Rectangles([], [])
    dataset.image_info[1]["id"] = "IMG_2"
    assert coco.image_numbers(dataset, dataset.image_ids) == [1, 2]


def test_unknown_task_is_refused():
    with pytest.raises(ValueError, match="Unknown task 'keypoints'.*bbox, bbox_agnostic"):
        InstanceEvaluator(Rectangles([])).evaluate(["keypoints"])
    with pytest.raises(ValueError, match="no keypoint head"):
        InstanceEvaluator(Rectangles([])).evaluate(["keypoints_visible"])


def test_tables():
    metrics = evaluate(Rectangles([(1, BIG)]), predict((1, 0.9, BIG)))
    lines = report.format_metrics(metrics).splitlines()
    assert lines[0].split() == ["AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR"]
    assert lines[1].split() == ["boxes", "1.000", "1.000", "1.000", "-", "1.000", "-", "1.000"]
    assert len({len(line) for line in lines}) == 1
    classes = report.format_classes(metrics).splitlines()
    assert [line.split()[0] for line in classes[1:]] == ["top"]  # the others have no objects
    assert ".638" in report.format_published()
