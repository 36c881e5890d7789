"""Retrieval on its way through an evaluation: two passes, a table, files, an epoch's logs."""

import json
import types

import keras
import numpy as np
import pytest

from fashion import match
from fashion.commands import models
from fashion.config import MatchConfig
from fashion.evaluation import report, retrieval, run, watching
from fashion.fashion import main
from mrcnn import detection
from mrcnn.data.images import ImageError
from mrcnn.detection import Raw
from tests.fashion import annotated
from tests.fashion.closet import CLOSER_IS_BETTER, LEFT, RIGHT, SHOP, USER, Closet, found
from tests.mrcnn.small_network import SmallConfig

PAIRS = 4


class Photos(Closet):
    """Pairs of a user's and a shop's photo of a top; a skirt without pair lies beside it."""

    def __init__(self):
        garments = [(1, 1, LEFT), (2, 0, RIGHT)]
        super().__init__(*((domain, pair_id, garments)
                           for pair_id in range(PAIRS) for domain in (USER, SHOP)))


class Oracle:
    """Finds the top of every photo and describes what it is given; the pair is its vector."""

    def __init__(self, heads=("box", "match")):
        self.network = self
        self.config = types.SimpleNamespace(HEADS=heads, KEYPOINT_MAX_INSTANCES=2)
        self.described = []

    def predict(self, images, batch_size=None):
        for image in images:
            pair_id = image[0, 0, 0] // 2
            yield found((1, 0.9, LEFT, (pair_id, 0)))

    def describe(self, photos, batch_size=None):
        for image, boxes_px, class_ids in photos:
            image_id = int(image[0, 0, 0])
            self.described.append((image_id, len(boxes_px), class_ids.tolist()))
            wrong = 50 * (image_id % 2)  # no true box finds its counterpart
            yield Raw(image.shape[:2], boxes_px, class_ids, np.ones(len(boxes_px)),
                      embeddings=np.full((len(boxes_px), 2), 1 + image_id // 2 + wrong))


@pytest.fixture
def closer_is_better(monkeypatch):
    monkeypatch.setattr(match, "similarity_of", lambda network: CLOSER_IS_BETTER)
    monkeypatch.setattr(run, "describer_of", lambda detector: detector)
    monkeypatch.setattr(watching, "describer_of", lambda detector: detector)


def test_both_passes_are_measured_and_written(tmp_path, closer_is_better):
    oracle, dataset = Oracle(), Photos()
    evaluation = run.evaluate_instances(oracle, dataset, tasks=retrieval.TASKS)
    assert list(evaluation.metrics) == list(retrieval.TASKS)
    detected, true = evaluation.metrics.values()
    assert detected["top1"] == 1 and detected["gallery"] == PAIRS
    assert true["top1"] == 1 / PAIRS and true["gallery"] == 2 * PAIRS
    assert oracle.described == [(i, 2, [1, 2]) for i in range(2 * PAIRS)]
    assert not evaluation.evaluator.detections, "masks were not asked for"
    evaluation.write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "retrieval_results.json", "retrieval_true_boxes_results.json", "val_gallery.json",
        "val_query.json"]
    assert len(json.loads((tmp_path / "retrieval_true_boxes_results.json").read_text())) == 8


def test_by_default_all_is_measured_that_can_be(closer_is_better):
    both = run.evaluate_instances(Oracle(), Photos())
    assert list(both.metrics) == ["bbox", "bbox_agnostic", *retrieval.TASKS]
    assert both.metrics["bbox"]["AP50"] == pytest.approx(0.5)  # no skirt was found
    users = run.evaluate_instances(Oracle(), Photos(), image_ids=[0, 2])
    assert list(users.metrics) == ["bbox", "bbox_agnostic"]
    with pytest.raises(ValueError, match="no garment of a user's photo is on a shop's"):
        run.evaluate_instances(Oracle(), Photos(), image_ids=[0, 2], tasks=["retrieval"])


def test_a_network_without_vectors_cannot_search(monkeypatch):
    oracle = Oracle()
    monkeypatch.setattr(oracle, "predict", lambda images, _: (
        Raw((9, 9), np.zeros((0, 4)), np.zeros(0), np.zeros(0)) for _ in images))
    with pytest.raises(ValueError, match="the network has no match head"):
        run.evaluate_instances(oracle, Photos(), tasks=["retrieval"])


def test_a_broken_photo_is_left_out_of_both_passes(monkeypatch, closer_is_better):
    oracle, dataset = Oracle(), Photos()
    load_image = dataset.load_image

    def load(image_id):
        if image_id == 2:
            raise ImageError("truncated")
        return load_image(image_id)

    monkeypatch.setattr(dataset, "load_image", load)
    evaluation = run.evaluate_instances(oracle, dataset)
    assert evaluation.images == 2 * PAIRS - 1 and len(evaluation.skipped) == 1
    assert evaluation.metrics["retrieval"]["queries"] == PAIRS - 1
    assert [image_id for image_id, *_ in oracle.described] == [0, 1, 3, 4, 5, 6, 7]


def test_garments_that_are_too_many_are_counted(closer_is_better):
    oracle, dataset = Oracle(), Photos()
    dataset.image_info[3]["garments"] = [*dataset.garments(3), (2, 0, RIGHT), (1, 5, RIGHT)]
    evaluation = run.evaluate_instances(oracle, dataset)
    assert evaluation.skipped.to_dict() == {
        run.CROWDED.format(2): ["000004.jpg item3", "000004.jpg item4"]}
    assert oracle.described == [(i, 2, [1, 2]) for i in range(2 * PAIRS)]
    assert evaluation.metrics["retrieval_true_boxes"]["gallery"] == 2 * PAIRS


def test_a_detector_gives_what_the_tasks_need():
    assert run.outputs_of(None) is None and run.outputs_of(["bbox"]) == ()
    assert run.outputs_of(retrieval.TASKS) == ("embeddings",)
    assert run.outputs_of(["segm", "bbox", "keypoints_visible", "segm_agnostic"]) == (
        "masks", "keypoints")


def test_the_report_states_chance_below_each_line(closer_is_better):
    metrics = run.evaluate_instances(Oracle(), Photos()).metrics
    table = report.format_all(metrics).split("\n\n")[-1].splitlines()
    assert table[0] == "Retrieval, from users' photos to shops':"
    assert table[1].split() == ["top-1", "top-5", "top-10", "top-15", "top-20", "queries",
                                "missed", "gallery"]
    assert table[2].split() == ["detected", "boxes", *["1.000"] * 5, "4", "0", "4"]
    assert table[3].split() == ["by", "chance", "0.250", *["1.000"] * 4]
    assert table[4].startswith("true boxes") and len(table) == 6
    metrics["retrieval"]["unsold"] = 1234
    assert report.format_retrieval(metrics).splitlines()[6] == (
        "1,234 more garments of users are no queries: no shop's photo shows one of their pair "
        "and style.")
    assert "retrieval" not in report.format_metrics(metrics)
    only = {task: metrics[task] for task in retrieval.TASKS}
    assert report.format_all(only).startswith("Retrieval")
    published = report.format_published().splitlines()
    assert any(line.split() == ["class", "and", "keypoints", "0.192", "0.345", "0.435", "0.488",
                                "0.524"] for line in published)


def test_an_epoch_logs_top_k_of_whole_pairs(caplog, closer_is_better):
    logs, watch = {}, watching.AveragePrecision(Oracle(), Photos(), limit=5)
    assert isinstance(watch, keras.callbacks.Callback) and len(watch.image_ids) == 4
    with caplog.at_level("INFO"):
        watch.on_epoch_end(0, logs)
    assert logs["retrieval_top1"] == 1 and logs["retrieval_true_boxes_top20"] == 1
    assert set(logs) <= set(watching.logged_names(("box", "match")))
    assert "retrieval: 2 queries in a gallery of 2, top-10 by chance 1.000" in caplog.text
    assert watching.logged_names(("box",)) == [
        f"{task}_{name}" for task in ("bbox", "bbox_agnostic") for name in ("AP", "AP50", "AP75")]


class SmallMatchConfig(SmallConfig, MatchConfig):
    NUM_CLASSES = MatchConfig.NUM_CLASSES
    HEADS = ("box", "mask", "match")
    MATCH_FEATURES = ("class",)
    MATCH_CHANNELS = MATCH_TOP_CHANNELS = 8
    MATCH_CONVS = 1
    MATCH_EMBEDDING_SIZE = 4


def test_evaluate_command_with_a_network_that_knows_nothing(tmp_path, monkeypatch, capsys):
    built, graph = [], detection.Detector.graph

    def spied(self, *arguments, **more):
        built.append(set(graph(self, *arguments, **more).output))
        return graph(self, *arguments, **more)

    monkeypatch.setattr(detection.Detector, "graph", spied)
    annotated.write(tmp_path / "data", [
        annotated.photo(annotated.garment(5, style=style), source=source, pair_id=pair_id)
        for pair_id in range(PAIRS) for source in ("user", "shop") for style in (1, 2)],
        subset="validation")
    monkeypatch.setattr(models, "resolve", lambda _: models.Model(SmallMatchConfig(), None))
    assert main(["evaluate", "--weights=some.h5", f"--dataset={tmp_path / 'data'}", "--limit=9",
                 f"--output={tmp_path / 'out'}", "--tasks=retrieval"]) == 0
    content = json.loads((tmp_path / "out" / "metrics.json").read_text())
    true = content["retrieval_true_boxes"]
    assert content["images"] == 8 and true["queries"] == true["gallery"] == 4
    assert true["missed"] == 0 and true["top1"] < true["top5"] == true["chance_top5"] == 1
    assert 0 <= content["retrieval"]["missed"] <= 4
    out = capsys.readouterr().out
    assert "on 8 validation images" in out and "by chance" in out and "boxes, classes" not in out
    assert (tmp_path / "out" / "retrieval_results.json").is_file()
    assert not (tmp_path / "out" / "detections.json").exists()
    assert len(built) >= 2 and all(names == {"detections", "embeddings"} for names in built)
