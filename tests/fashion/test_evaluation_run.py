"""The whole run of an evaluation, with detectors that know the truth, and its command."""

import json
import sys
import types

import numpy as np
import pytest
from PIL import Image

from fashion.categories import NUM_LANDMARKS, by_id
from fashion.commands import common, models
from fashion.config import CONFIGS
from fashion.evaluation import run
from fashion.fashion import main
from mrcnn.data.images import ImageError
from tests.fashion.rectangles import BIG, INSTANCES, SHAPE, Rectangles, predict


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


@pytest.fixture
def finder(tmp_path, monkeypatch):
    """Stands for the network: finds a vest and its landmarks on each of four images."""
    write_images(tmp_path / "data" / "validation", 4)

    class Finder:
        shown, outputs = [], []

        def __init__(self, network, outputs):
            assert network.config.DETECTION_MIN_CONFIDENCE == 0.05  # the evaluation preset
            self.outputs.append(outputs)

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
    monkeypatch.setattr(models, "resolve", lambda _: models.Model(config, "some.h5"))
    monkeypatch.setattr(models, "build", lambda mode, model, logs: types.SimpleNamespace(
        network=types.SimpleNamespace(config=model.config)))
    monkeypatch.setitem(sys.modules, "mrcnn.detection", types.SimpleNamespace(Detector=Finder))
    monkeypatch.setattr(run.weights, "fingerprint", lambda network: "abc")
    return Finder


def evaluate_command(folder, *more):
    return main(["evaluate", "--weights=some.h5", f"--dataset={folder / 'data'}", "--limit=3",
                 f"--output={folder / 'out'}", "--batch-size=2", *more])


def test_evaluate_command(tmp_path, finder, capsys):
    assert evaluate_command(tmp_path) == 0
    assert len(finder.shown) == 3 and finder.outputs == [None]
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
    assert finder.outputs == [("keypoints",)], "masks would be computed for nothing"
    with pytest.raises(SystemExit):
        evaluate_command(tmp_path, "--tasks=boxes")
    assert "bbox, segm, keypoints" in capsys.readouterr().err


def test_evaluate_refuses_what_the_network_cannot_do(tmp_path, finder, monkeypatch, capsys):
    config = CONFIGS["tiny"]().override({"HEADS": ("box", "mask")})
    monkeypatch.setattr(models, "resolve", lambda _: models.Model(config, "some.h5"))
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
