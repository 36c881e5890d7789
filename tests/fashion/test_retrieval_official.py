"""Retrieval measured as DeepFashion2's rules, written anew and read from the files, measure it."""

import json

import numpy as np
import pytest

from fashion.evaluation import retrieval
from fashion.evaluation.retrieval import RetrievalEvaluator
from fashion.evaluation.sampling import images_to_measure
from tests.benchmarks import check_official_retrieval
from tests.fashion.closet import CLOSER_IS_BETTER, SHAPE, SHOP, USER, Closet, found


def random_box(rng):
    corner, sides = rng.integers(0, 120, 2), rng.integers(20, 80, 2)
    return (*corner, *(corner + sides))


def random_closet(rng, pairs=40):
    """Pairs of one to three photos a side with up to three garments each."""
    return Closet(*((domain, pair_id, [
        (int(rng.integers(1, 3)), int(rng.integers(0, 3)), random_box(rng))
        for _ in range(rng.integers(0, 4))])
        for pair_id in range(1, pairs + 1) for domain in (USER, SHOP)
        for _ in range(rng.integers(1, 4))))


def seen(rng, dataset, image_id):
    """What a middling network finds: boxes somewhat off, some wrong classes, some inventions."""
    garments = []
    for (class_id, _, box), identity in zip(
            dataset.garments(image_id), dataset.load_identities(image_id), strict=True):
        for _ in range(rng.integers(0, 3)):
            own = np.clip(np.array(box) + rng.integers(-12, 13, 4), 0, SHAPE[0])
            shown_class = class_id if rng.random() < 0.8 else 3 - class_id
            garments.append((shown_class, rng.integers(1, 10) / 10, own, vector(rng, identity)))
    if rng.random() < 0.3:
        garments.append((1, rng.random(), random_box(rng), vector(rng, 0)))
    return found(*garments)


def vector(rng, identity):
    """Close together for one identity, anywhere for none."""
    place = np.random.default_rng(identity).normal(0, 3, 2) if identity else rng.normal(0, 3, 2)
    return place + rng.normal(0, 0.4, 2)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A folder of files, and the metrics that we say they have."""
    rng = np.random.default_rng(3)
    dataset = random_closet(rng)
    evaluator = RetrievalEvaluator(dataset, CLOSER_IS_BETTER)
    for image_id in dataset.image_ids:
        evaluator.add(image_id, seen(rng, dataset, image_id))
    for image_id in evaluator.photos_to_describe():
        evaluator.add_true(image_id, found(*(
            (class_id, 1, box, vector(rng, identity)) for (class_id, _, box), identity in zip(
                dataset.garments(image_id), dataset.load_identities(image_id), strict=True))))
    folder = tmp_path_factory.mktemp("measured")
    evaluator.write(folder)
    return folder, {task: evaluator.evaluate(task) for task in retrieval.TASKS}


def iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def stands_for(place, garments, results):
    """The result that stands for a photo's garment, or None."""
    best = None
    for result in results:
        shares = [iou(result["query_bbox"], garment["bbox"]) for garment in garments]
        is_own = shares.index(max(shares)) == place
        if is_own and result["query_cls"] == garments[place]["cls"] and (
                best is None or result["query_score"] > best["query_score"]):
            best = result
    return best


def is_hit(image_id, box, counterparts):
    return any(each["gallery_image_id"] == image_id and iou(box, each["bbox"]) >= 0.5
               for each in counterparts)


def reference(queries, gallery, results):
    """{k: share of queries} and how many were missed, garment by garment."""
    hits, asked, missed = dict.fromkeys(retrieval.RANKS, 0), 0, 0
    for number in {each["query_image_id"] for each in queries}:
        garments = [each for each in queries if each["query_image_id"] == number]
        own = [each for each in results if each["query_image_id"] == number]
        for place, garment in enumerate(garments):
            if garment["style"] <= 0:
                continue
            asked += 1
            result = stands_for(place, garments, own)
            missed += result is None
            if result is None:
                continue
            counterparts = [each for each in gallery if each["pair_id"] == garment["pair_id"]
                            and each["style"] == garment["style"]]
            answers = list(zip(result["gallery_image_id"], result["gallery_bbox"], strict=True))
            for k in hits:
                hits[k] += any(is_hit(*answer, counterparts) for answer in answers[:k])
    return {k: count / asked for k, count in hits.items()}, missed


@pytest.mark.parametrize("task", retrieval.TASKS)
def test_same_as_the_official_rules_written_anew(measured, task):
    folder, metrics = measured
    queries, gallery, results = (json.loads((folder / name).read_text()) for name in (
        "val_query.json", "val_gallery.json", f"{task}_results.json"))
    tops, missed = reference(queries, gallery, results)
    assert {k: metrics[task][f"top{k}"] for k in retrieval.RANKS} == pytest.approx(tops, abs=1e-12)
    assert metrics[task]["missed"] == missed and metrics[task]["queries"] > 30
    assert 0.05 < tops[1] < tops[5] < 1  # the comparison says something
    assert metrics[task]["chance_top1"] < tops[1] / 2


def test_the_check_against_the_official_script_says_which_folder_is_wrong(measured, tmp_path):
    folder, metrics = measured
    with pytest.raises(SystemExit, match="expected a checkout of DeepFashion2"):
        check_official_retrieval.measured(tmp_path, folder)
    script = tmp_path / check_official_retrieval.SOURCE
    script.parent.mkdir(parents=True)
    script.touch()
    for content in (None, {}, {"bbox": {}}):
        if content is not None:
            (folder / "metrics.json").write_text(json.dumps(content))
        with pytest.raises(SystemExit, match="expected metrics.json with retrieval and"):
            check_official_retrieval.measured(tmp_path, folder)
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(SystemExit, match="retrieval_results.json, val_query.json"):
        check_official_retrieval.measured(tmp_path, tmp_path)
    (folder / "metrics.json").write_text(json.dumps(metrics))
    assert check_official_retrieval.measured(tmp_path, folder) == metrics


def test_whole_groups_of_photos_are_measured():
    dataset = random_closet(np.random.default_rng(4))
    chosen = images_to_measure(dataset, 60, ("box", "match"))
    assert 50 <= len(chosen) <= 60 and (np.diff(chosen) > 0).all()
    inside = {identity for i in chosen for identity in dataset.load_identities(i) if identity}
    outside = {identity for i in set(dataset.image_ids) - set(chosen)
               for identity in dataset.load_identities(i)}
    assert inside and not inside & outside
    assert np.ptp(chosen) > 0.8 * len(dataset.image_ids), "spread over all"
    assert len(images_to_measure(dataset, 1, ("match",))) >= 1
    assert len(images_to_measure(dataset, None, ("match",))) == len(dataset.image_ids)
    assert images_to_measure(dataset, 2, ("box",)).tolist() == [0, len(dataset.image_ids) // 2]
