"""The command `benchmark`: all files, a second run without the network, and --compare."""

import json
import types

import numpy as np
import pytest

from fashion import fashion, match
from fashion.benchmark import costs, results
from fashion.benchmark import report as reports
from fashion.commands import common, cspn, cspn_refine, models
from fashion.config import CONFIGS
from fashion.datasets.deepfashion2 import DeepFashion2Dataset
from fashion.datasets.sample import write_sample
from fashion.evaluation import run
from fashion.retrieval.similarity import Similarity
from mrcnn import detection, weights
from mrcnn.detection import Raw

SPREAD = {"median": 0.1, "p95": 0.2}
COSTS = {"parameters": 10, "MB": 0.1, "file_MB": 0.1, "GFLOPs": 1.0, "image_px": [64, 64],
         "parts": [], "stages": [{"name": "network", "seconds": SPREAD}], "image": SPREAD}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_sample(folder, 16, seed=4, validation=0.6)
    return folder


class Oracle:
    """Finds the garments of the n-th photo on the n-th photo that it is shown."""

    runs = 0

    def __init__(self, network, config=None, outputs=None):
        self.network, self.config = network, network.config
        self.dataset = DeepFashion2Dataset()
        self.dataset.load(network.folder, "validation")
        self.dataset.prepare()

    def predict(self, images, batch_size):
        type(self).runs += 1
        for image_id, image in enumerate(images):
            yield self._raw(image_id, image.shape[:2])

    def _raw(self, image_id, shape):
        boxes_px = self.dataset.load_boxes(image_id)
        identities = self.dataset.load_identities(image_id)
        return Raw(shape, boxes_px, self.dataset.image_class_ids(image_id),
                   np.linspace(0.9, 0.8, len(boxes_px), dtype=np.float32),
                   np.ones((len(boxes_px), 28, 28), np.float32),
                   self.dataset.load_keypoints(image_id),
                   np.stack([identities + 1, identities], axis=1).astype(np.float32))

    def describe(self, photos, batch_size):
        for image, boxes_px, class_ids in photos:
            yield Raw(image.shape[:2], boxes_px, class_ids, np.ones(len(boxes_px), np.float32),
                      embeddings=np.ones((len(boxes_px), 2), np.float32))


@pytest.fixture
def oracle(data, tmp_path, monkeypatch):
    config = CONFIGS["tiny"]()
    path = tmp_path / "some.h5"
    path.write_bytes(b"weights")
    monkeypatch.setattr(common, "load_backend", lambda: None)
    monkeypatch.setattr(models, "resolve", lambda _: models.Model(config, path))
    monkeypatch.setattr(models, "build", lambda mode, model, logs: types.SimpleNamespace(
        network=types.SimpleNamespace(config=model.config, folder=data)))
    monkeypatch.setattr(detection, "Detector", Oracle)
    monkeypatch.setattr(match, "similarity_of",
                        lambda network: Similarity(-np.ones(2, np.float32), 0.0))
    monkeypatch.setattr(weights, "fingerprint", lambda source: "abcdef0123")
    monkeypatch.setattr(costs, "measure", lambda *arguments: COSTS)
    monkeypatch.setattr(results, "SHARD_IMAGES", 3)
    monkeypatch.setattr(Oracle, "runs", 0)


def benchmark(*words):
    return fashion.main(["benchmark", "--weights=some.h5", *words, "--debug"])


def test_benchmark(data, oracle, tmp_path, capsys, monkeypatch):
    first = tmp_path / "first"
    assert benchmark(f"--dataset={data}", f"--output={first}") == 0
    report = json.loads((first / "report.json").read_text())
    assert report["images"] == len(list((data / "validation" / "image").iterdir()))
    assert report["name"] == "first" and report["limit"] is None
    assert report["tasks"]["bbox"]["AP"] == pytest.approx(1)
    assert report["tasks"]["keypoints_visible"]["AP"] == pytest.approx(1)
    assert report["retrieval"]["retrieval"]["top20"] == 1
    assert report["dataset"]["sample"]["seed"] == 4
    assert all((first / name).is_file() for name in report["files"].values())
    assert (first / "report.html").read_text(encoding="utf-8").lstrip().startswith("<!")
    assert (first / "report.txt").read_text() in capsys.readouterr().out
    assert run.TASKS.keys() == report["tasks"].keys() | report["retrieval"].keys()

    monkeypatch.setattr(reports, "environment", lambda: {"device": "another machine"})
    monkeypatch.setattr(costs, "peak_memory_mb", lambda: 1.0)
    assert benchmark(f"--dataset={data}", f"--output={first}") == 0
    assert Oracle.runs == 1, "the network is not asked again"
    again = json.loads((first / "report.json").read_text())
    assert again["tasks"] == report["tasks"] and again["retrieval"] == report["retrieval"]
    assert again["environment"] == report["environment"], "that which the seconds are of"
    memory = again["costs"]["peak_memory_MB"]
    assert memory["after scoring"] == memory["after the pass"] > 1

    assert benchmark(f"--dataset={data}", f"--output={first}", "--limit=4") == 0
    assert Oracle.runs == 2 and "They stay as they are" in capsys.readouterr().out

    out = tmp_path / "both"
    assert benchmark(f"--output={out}", "--compare", str(first), str(first / "report.json")) == 0
    comparison = json.loads((out / "comparison.json").read_text())
    assert comparison["notes"] == [] and comparison["tables"][0]["rows"][0]["differences"][1] == 0
    assert (out / "compare.html").is_file() and "boxes AP" in (out / "comparison.txt").read_text()


def test_a_refiner_is_found_by_a_word_too(data, oracle, tmp_path, monkeypatch):
    asked, refiner = [], tmp_path / "refiner.h5"
    monkeypatch.setattr(cspn, "named", lambda word, logs: asked.append(word) or models.Model(
        None, refiner))
    monkeypatch.setattr(weights, "fingerprint", lambda source: {"refiner.h5": "cafe"}.get(
        source.name, "abcdef0123"))
    monkeypatch.setattr(cspn_refine, "refined", lambda detector, arguments: detector)
    out = tmp_path / "out"
    assert benchmark(f"--dataset={data}", f"--output={out}", "--limit=4", "--refine=last") == 0
    [kept] = out.glob("results-*/recipe.json")
    assert asked == ["last"] and json.loads(kept.read_text())["refiner"] == "cafe"
    assert "refined by last" in (out / "report.html").read_text(encoding="utf-8")


def test_one_report_is_no_comparison(oracle, tmp_path):
    with pytest.raises(ValueError, match="two reports or more"):
        benchmark(f"--output={tmp_path}", "--compare", str(tmp_path))
