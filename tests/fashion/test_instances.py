"""Average precision: by hand, equal to pycocotools on its own, and in the odd cases."""

import json
import sys
import types
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fashion.categories import NUM_LANDMARKS, by_id
from fashion.commands import common
from fashion.config import CONFIGS
from fashion.evaluation import coco, report, run
from fashion.evaluation.instances import InstanceEvaluator
from fashion.fashion import main
from mrcnn.data.dataset import Dataset
from mrcnn.data.images import ImageError

SHAPE = (120, 100)
INSTANCES = ("bbox", "bbox_agnostic", "segm", "segm_agnostic")


@dataclass
class Prediction:
    boxes_px: np.ndarray
    class_ids: np.ndarray
    scores: np.ndarray
    mask_probs: np.ndarray
    shape: tuple = SHAPE
    keypoints: np.ndarray | None = None


def predict(*found):
    """A prediction from (class_id, score, box) with masks that fill their boxes."""
    class_ids, scores, boxes = zip(*found, strict=True) if found else ((), (), ())
    return Prediction(np.array(boxes, float).reshape(-1, 4), np.array(class_ids, int),
                      np.array(scores, float), np.ones((len(found), 28, 28), np.float32))


class Rectangles(Dataset):
    """Objects given as (class_id, (y1, x1, y2, x2)) by image."""

    def __init__(self, *images, bitmaps=False):
        super().__init__()
        for class_id, name in enumerate(("top", "skirt", "shoe"), start=1):
            self.add_class("test", class_id, name)
        for number, objects in enumerate(images, start=5):
            self.add_image("test", f"{number:06d}", f"folder/{number:06d}.jpg", objects=objects)
        self.bitmaps = bitmaps
        self.prepare()

    def objects(self, image_id):
        return self.image_info[image_id]["objects"]

    def image_class_ids(self, image_id):
        return np.array([class_id for class_id, _ in self.objects(image_id)], np.int32)

    def load_boxes(self, image_id):
        return np.array([box for _, box in self.objects(image_id)], np.float32).reshape(-1, 4)

    def load_polygons(self, image_id):
        if self.bitmaps:
            return None
        return [[np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], np.float32)]
                for _, (y1, x1, y2, x2) in self.objects(image_id)]

    def load_mask(self, image_id):
        bitmaps = np.zeros((*SHAPE, len(self.objects(image_id))), bool)
        for i, (_, (y1, x1, y2, x2)) in enumerate(self.objects(image_id)):
            bitmaps[y1:y2, x1:x2, i] = True
        return bitmaps, self.image_class_ids(image_id)


def evaluate(dataset, *predictions):
    evaluator = InstanceEvaluator(dataset)
    for image_id, prediction in zip(dataset.image_ids, predictions, strict=True):
        evaluator.add(image_id, SHAPE, prediction)
    return evaluator.evaluate()


BIG, SMALL, APART = (10, 20, 90, 80), (30, 30, 50, 55), (95, 5, 115, 35)


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


# The whole run, with a detector that knows the truth.


class Photos(Rectangles):
    """Images whose first pixel is their number; the fourth is broken."""

    def load_image(self, image_id):
        if image_id == 3:
            raise ImageError("truncated")
        return np.full((*SHAPE, 3), image_id, np.uint8)


class Oracle:
    """Finds everything, and remembers what it was shown."""

    def __init__(self, dataset):
        self.dataset, self.shown = dataset, []

    def predict(self, images, batch_size=None):
        for image in images:
            image_id = int(image[0, 0, 0])
            self.shown.append(image_id)
            yield predict(*((class_id, 0.9, box) for class_id, box in
                            self.dataset.objects(image_id)))


def test_an_evaluation_goes_through_all_images_in_order_and_past_a_broken_one():
    dataset = Photos(*[[(1 + i % 3, BIG)] for i in range(8)])
    oracle = Oracle(dataset)
    evaluation = run.evaluate_instances(oracle, dataset)
    assert oracle.shown == [0, 1, 2, 4, 5, 6, 7] and evaluation.images == 7
    assert evaluation.metrics["segm"]["AP"] == pytest.approx(1)
    assert evaluation.skipped.to_dict() == {run.BROKEN_IMAGE: ["folder/000008.jpg"]}
    assert run.evaluate_instances(Oracle(dataset), dataset, [1, 5], tasks=["bbox"]).images == 2
    with pytest.raises(ValueError, match="None of 1 images can be read"):
        run.evaluate_instances(Oracle(dataset), dataset, [3])


def test_metrics_file(tmp_path, monkeypatch):
    monkeypatch.setattr(run.weights, "fingerprint", lambda network: "abc")
    dataset = Photos([(1, BIG)])
    evaluation = run.evaluate_instances(Oracle(dataset), dataset)
    network = types.SimpleNamespace(config=CONFIGS["tiny"]())
    run.write_metrics(tmp_path / "new" / "metrics.json", evaluation, network, weights_file="w.h5",
                      dataset=tmp_path, subset="validation",
                      sample={"version": 2, "seed": 7, "counts": {}})
    content = json.loads((tmp_path / "new" / "metrics.json").read_text())
    for task in INSTANCES:
        assert content[task]["AP50"] == pytest.approx(1)
    assert content["bbox"]["per_class"]["skirt"]["AP"] is None
    assert content["configuration"]["name"] == "tiny"
    assert content["weights"] == {"file": "w.h5", "fingerprint": "abc"}
    assert content["dataset"] == {"folder": str(tmp_path), "subset": "validation"}
    assert content["sample"] == {"version": 2, "seed": 7}
    assert content["images"] == 1 and content["seconds"] >= 0


def test_tables():
    metrics = evaluate(Rectangles([(1, BIG)]), predict((1, 0.9, BIG)))
    lines = report.format_metrics(metrics).splitlines()
    assert lines[0].split() == ["AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR"]
    assert lines[1].split() == ["boxes", "1.000", "1.000", "1.000", "-", "1.000", "-", "1.000"]
    assert len({len(line) for line in lines}) == 1
    classes = report.format_classes(metrics).splitlines()
    assert [line.split()[0] for line in classes[1:]] == ["top"]  # the others have no objects
    assert ".638" in report.format_published()


@pytest.fixture
def finder(tmp_path, monkeypatch):
    """Stands for the network: finds a vest and its landmarks on each of four images."""
    write_images(tmp_path / "data" / "validation", 4)

    class Finder:
        shown = []

        def __init__(self, network):
            assert network.config.DETECTION_MIN_CONFIDENCE == 0.05  # the evaluation preset

        def predict(self, images, batch_size):
            assert batch_size == 2
            for image in images:
                self.shown.append(image.shape)
                found = predict((5, 0.9, (10, 20, 90, 80)))
                found.keypoints = np.zeros((1, NUM_LANDMARKS, 3), np.float32)
                found.keypoints[0, by_id(5).landmarks] = LANDMARKS
                yield found

    config = CONFIGS["tiny"]().override({"HEADS": ("box", "mask", "keypoint")})
    monkeypatch.setattr(common, "load_backend", lambda: None)
    monkeypatch.setattr(common, "resolve_model", lambda _: common.Model(config, "some.h5"))
    monkeypatch.setattr(common, "build", lambda mode, model, logs: types.SimpleNamespace(
        network=types.SimpleNamespace(config=model.config)))
    monkeypatch.setitem(sys.modules, "mrcnn.detection", types.SimpleNamespace(Detector=Finder))
    monkeypatch.setattr(run.weights, "fingerprint", lambda network: "abc")
    return Finder


def evaluate_command(folder, *more):
    return main(["evaluate", "--weights=some.h5", f"--dataset={folder / 'data'}", "--limit=3",
                 f"--output={folder / 'out'}", "--batch-size=2", *more])


def test_evaluate_command(tmp_path, finder, capsys):
    assert evaluate_command(tmp_path) == 0
    assert len(finder.shown) == 3
    content = json.loads((tmp_path / "out" / "metrics.json").read_text())
    for task in (*INSTANCES, "keypoints_visible", "keypoints_visible_and_occluded"):
        assert content[task]["AP"] == pytest.approx(1)
    assert content["landmarks"] == {}
    assert content["dataset"] == {"folder": str(tmp_path / "data"), "subset": "validation"}
    detections = json.loads((tmp_path / "out" / "detections.json").read_text())
    assert [d["image_id"] for d in detections] == [1, 2, 3]
    truth = json.loads((tmp_path / "out" / "ground_truth.json").read_text())
    assert truth["categories"][4] == {"id": 5, "name": "vest"}
    assert len(json.loads((tmp_path / "out" / "keypoints_results.json").read_text())) == 3
    out = capsys.readouterr().out
    assert "on 3 validation images" in out and "classes aside" in out and "vest" in out
    assert "Landmarks, visible and occluded:" in out


def test_evaluate_measures_what_it_is_asked_for(tmp_path, finder, capsys):
    assert evaluate_command(tmp_path, "--tasks=keypoints,bbox") == 0
    content = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert [task for task in content if isinstance(content[task], dict) and "AP" in content[task]
            ] == ["keypoints_visible", "keypoints_visible_and_occluded", "bbox", "bbox_agnostic"]
    with pytest.raises(SystemExit):
        evaluate_command(tmp_path, "--tasks=boxes")
    assert "bbox, segm, keypoints" in capsys.readouterr().err


def test_evaluate_refuses_what_the_network_cannot_do(tmp_path, finder, monkeypatch, capsys):
    config = CONFIGS["tiny"]().override({"HEADS": ("box", "mask")})
    monkeypatch.setattr(common, "resolve_model", lambda _: common.Model(config, "some.h5"))
    assert evaluate_command(tmp_path, "--tasks=keypoints") == 1
    assert "no keypoint head, only box, mask" in capsys.readouterr().err and not finder.shown


# The vest on each image.
LANDMARKS = np.stack([np.linspace(25, 75, 15), np.linspace(15, 85, 15), np.full(15, 2)], axis=1)


def write_images(folder, count):
    """A subset in DeepFashion2's layout with a vest on each image."""
    for name in ("image", "annos"):
        (folder / name).mkdir(parents=True)
    for number in range(1, count + 1):
        Image.new("RGB", SHAPE[::-1]).save(folder / "image" / f"{number:06d}.jpg")
        (folder / "annos" / f"{number:06d}.json").write_text(json.dumps({"item1": {
            "category_id": 5, "bounding_box": [20, 10, 80, 90],
            "segmentation": [[20, 10, 80, 10, 80, 90, 20, 90]],
            "landmarks": LANDMARKS.ravel().tolist()}}))
