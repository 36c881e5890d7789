"""The report: all of it there, its totals consistent, as JSON and as text; reports compared."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from fashion.benchmark import analysis, compare, costs, report, scoring, text
from fashion.benchmark.results import Results
from fashion.config import MatchConfig
from fashion.evaluation import published
from fashion.evaluation.subsets import NAMES
from fashion.retrieval.similarity import Similarity
from mrcnn.cost import layer_costs
from mrcnn.detection import Detector
from mrcnn.network import Network
from tests.fashion.made_up import SIZE, MadeUp, find
from tests.mrcnn.small_network import SmallConfig

PHOTOS = 40
TIMES = {"median": 0.25, "p95": 0.5}
COSTS = {"parameters": 1_000, "MB": 0.004, "file_MB": None, "GFLOPs": 1.5, "image_px": [64, 64],
         "parts": [{"name": "backbone", "parameters": 1_000, "GFLOPs": 1.5, "seconds": TIMES}],
         "stages": [{"name": "network", "seconds": TIMES}], "image": TIMES,
         "peak_memory_MB": {"after the pass": 1000.0},
         "seconds": {"pass": 3.0, "scoring": 2.0, "analysis": 1.0}}


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    rng = np.random.default_rng(5)
    dataset = MadeUp(rng, PHOTOS)
    results = Results(tmp_path_factory.mktemp("results"), {}, dataset.image_ids)
    for shard in results.missing():
        results.write(shard, [find(rng, dataset, int(i)) for i in results.ids_of(shard)], 1.0)
    return scoring.score(results, dataset, Similarity(-np.ones(SIZE, np.float32), 0.0))


def made(scores, name="ours", **changes):
    about = {"name": name, "limit": None, "weights": {"file": "w.h5", "fingerprint": "abc123",
                                        "refiner": "r.h5"},
             "environment": {"device": "chip", "cores": 2},
             "configuration": {"name": "tiny", "values": MatchConfig().to_dict()},
             "dataset": {"folder": "data", "subset": "validation", "sample": None}}
    content = {**report.make(scores, about, COSTS), "analysis": analysis.analyse(scores)}
    return json.loads(json.dumps(content)) | changes


def test_totals_are_consistent(scores):
    found = made(scores)
    assert found["images"] == PHOTOS and not found["dataset"]["is_whole_validation_set"]
    for name in ("items", "detections"):
        assert sum(each[name] for each in found["classes"]) == (
            found["items"] if name == "items" else 8 * PHOTOS)
    for division, names in NAMES.items():
        parts = found["subsets"][division]
        assert [part["name"] for part in parts] == list(names)
        assert sum(part["items"] for part in parts) == found["items"]
    for numbers in found["tasks"].values():
        for classes in [numbers["per_class"]] if "per_class" in numbers else []:
            assert sum(each["objects"] for each in classes.values()) == numbers["objects"]
    assert set(found["tasks"]) >= set(published.README["tasks"])
    assert found["retrieval"]["retrieval"]["features"] == ["class", "keypoint"]


def test_the_text_has_every_table(scores):
    shown = text.format_report(made(scores))
    for expected in ("Landmarks, visible and occluded, by subset:", "occlusion heavy",
                     "trousers", "0.372", "0.638", "ours: class and keypoints",
                     "published (README): class and masks", "backbone", "250.0", "pass 3 s",
                     "0.0560", "1,000 MB of memory at most, after the pass", "by r.h5",
                     f"{PHOTOS} validation images", "device chip", "not comparable",
                     "Kinds of errors, boxes:", "The score of the greatest F1, masks;",
                     "What is taken for what, masks", "published (paper): class and masks"):
        assert expected in shown, expected
    errors = made(scores)["analysis"]["segm"]["errors"]
    assert [row.split()[1:3] for row in shown.splitlines() if row.startswith("all ")][-2] == [
        str(errors["objects"]), str(errors["right"])]


def test_official_files_are_told(scores, tmp_path):
    written = scores.write(tmp_path)
    assert sorted(written.values()) == sorted(path.name for path in tmp_path.iterdir())
    rows = json.loads((tmp_path / "segm_results.json").read_text())
    assert len(rows) == 8 * PHOTOS and "bbox" not in rows[0]
    without = dataclasses.replace(scores, garments=None).write(tmp_path)
    assert sorted(without.values()) == sorted(path.name for path in tmp_path.iterdir())
    assert set(written.values()) - set(without.values()) == {
        "val_query.json", "val_gallery.json", "retrieval_results.json",
        "retrieval_true_boxes_results.json"}


def test_reports_are_compared(scores, tmp_path):
    better = made(scores, "better", images=39)
    better["tasks"]["bbox"]["AP"] += 0.125
    del better["tasks"]["segm"], better["retrieval"]["retrieval"]
    for name, content in (("a", made(scores)), ("b", better)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").write_text(json.dumps(content))
    comparison = compare.compare([compare.read(tmp_path / "a"),
                                  compare.read(tmp_path / "b" / "report.json")])
    rows = {row["name"]: row for each in comparison["tables"] for row in each["rows"]}
    assert rows["boxes AP"]["differences"] == [None, pytest.approx(0.125)]
    assert rows["masks AP"]["values"][1] is None and rows["masks AP"]["differences"][1] is None
    assert rows["parameters"]["better"] == "lower" and rows["parameters"]["differences"][1] == 0
    assert comparison["notes"] == ["Other numbers of images: 40; 39."]
    assert rows["peak memory, pass"]["values"] == [1000.0, 1000.0]
    shown = compare.format_comparison(json.loads(json.dumps(comparison)))
    assert "+0.125" in shown and "AP by subset, boxes" in shown and "Retrieval" in shown


def test_reports_of_one_name_are_told_apart(scores):
    comparison = compare.compare([made(scores), made(scores), made(scores, "other")])
    assert [each["name"] for each in comparison["reports"]] == [
        "ours (1)", "ours (2)", "other (3)"]
    assert "ours (2)" in compare.format_comparison(comparison)


@pytest.mark.parametrize("content, complaint", [
    ("[]", "no report"), ("not JSON", "no report"), ('{"format": 99}', "format 99"),
    (None, "There is no")])
def test_what_is_no_report_is_refused(tmp_path, content, complaint):
    path = tmp_path / "report.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises((ValueError, FileNotFoundError), match=complaint):
        compare.read(tmp_path)


class Gray:
    """Three photos, one broken."""

    def load_image(self, image_id):
        if image_id == 1:
            raise ValueError("broken")
        return np.full((90, 100 + image_id, 3), 128, np.uint8)


def test_costs_add_up(tmp_path, monkeypatch):
    monkeypatch.setattr(costs, "_RUNS", 2)
    keras.utils.set_random_seed(0)
    config = SmallConfig().override({"HEADS": ("box",)})
    detector = Detector(Network(config))
    weights = tmp_path / "w.h5"
    weights.write_bytes(bytes(3_000_000))
    measured = json.loads(json.dumps(costs.measure(detector, Gray(), range(3), weights)))
    layers = layer_costs(detector.graph((128, 128)))
    assert measured["image_px"] == [128, 128] and measured["file_MB"] == 3
    assert measured["parameters"] == sum(layer.parameters for layer in layers)
    assert measured["GFLOPs"] == pytest.approx(sum(layer.flops for layer in layers) / 1e9)
    parts = {part["name"]: part for part in measured["parts"]}
    assert list(parts) == ["backbone", "pyramid", "region proposals", "box head"]
    for name in ("parameters", "GFLOPs"):
        assert sum(part[name] for part in parts.values()) == pytest.approx(measured[name])
    assert parts["backbone"]["seconds"]["median"] > 0
    stages = [stage["seconds"]["median"] for stage in measured["stages"]]
    assert all(0 < seconds <= measured["image"]["p95"] for seconds in stages)
