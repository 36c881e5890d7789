"""Subsets of DeepFashion2: their precision is that of filtering by hand and running pycocotools."""

import contextlib
import copy
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fashion.evaluation.instances import InstanceEvaluator
from fashion.evaluation.landmarks import TASKS as LANDMARKS
from fashion.evaluation.retrieval import RetrievalEvaluator
from fashion.evaluation.subsets import NAMES, UNKNOWN, subsets_of
from fashion.retrieval.similarity import Similarity
from mrcnn.detection import Raw
from tests.fashion.closet import CLOSER_IS_BETTER, LEFT, RIGHT, SHOP, USER, Closet, found
from tests.fashion.made_up import SIZE, MadeUp, find

PHOTOS = 60
BEYOND = 1e12  # px^2: no size class of COCO counts such an object, so it is ignored
NUMBERS = ("AP", "AP50", "AP75")


@pytest.fixture(scope="module")
def measured():
    """An evaluator that has seen made-up photos, their subsets, and its metrics."""
    rng = np.random.default_rng(7)
    dataset = MadeUp(rng, PHOTOS)
    dataset.image_info[0]["items"][0]["scale"] = 0  # nobody knows
    evaluator = InstanceEvaluator(dataset)
    for image_id in dataset.image_ids:
        image = find(rng, dataset, int(image_id))
        evaluator.add(image.image_id, image.found.shape, image.found, image.masks)
    subsets = subsets_of(dataset, dataset.image_ids)
    return evaluator, subsets, evaluator.evaluate(subsets=subsets)


def test_every_garment_is_in_one_part_of_each_division(measured):
    evaluator, subsets, metrics = measured
    count = len(evaluator.ground_truth["annotations"])
    assert {division: set(parts) - {UNKNOWN} for division, parts in subsets.items()} == {
        division: set(names) for division, names in NAMES.items()}
    assert len(subsets["scale"][UNKNOWN]) == 1 and UNKNOWN not in subsets["occlusion"]
    for parts in subsets.values():
        assert sum(map(len, parts.values())) == count == len(set.union(*parts.values()))
    for task in ("bbox", "segm"):
        for parts in metrics[task]["subsets"].values():
            assert sum(part["objects"] for part in parts.values()) == count


def by_hand(evaluator, kind, wanted, least=1):
    """AP, AP50 and AP75 of pycocotools as it comes, all but `wanted` (annotation ids) ignored."""
    truth = copy.deepcopy(evaluator.ground_truth)
    found = [dict(each) for each in evaluator.detections]
    if kind == "keypoints":
        truth["annotations"] = [{**row, "keypoints": row["keypoints"]}
                                for row in evaluator.landmarks._true_rows(least)]
        found = [{**row, "keypoints": row["keypoints"]}
                 for row in evaluator.landmarks._found_rows()]
    for each in truth["annotations"]:
        if each["id"] not in wanted:
            each |= {"num_keypoints": 0} if kind == "keypoints" else {"area": BEYOND}
    with contextlib.redirect_stdout(io.StringIO()):
        index = COCO()
        index.dataset = truth
        index.createIndex()
        evaluation = COCOeval(index, index.loadRes(found), kind)
        evaluation.params.imgIds = sorted({each["image_id"] for each in truth["annotations"]
                                           if each["id"] in wanted})
        if kind == "keypoints":
            evaluation.params.kpt_oks_sigmas = evaluator.landmarks.standard.sigmas
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    return [values[values > -1].mean() for values in (precision, precision[0], precision[5])]


@pytest.mark.parametrize("task", ["bbox", "segm", *LANDMARKS])
@pytest.mark.parametrize("division, part", [
    ("scale", "small"), ("occlusion", "medium"), ("viewpoint", "frontal")])
def test_a_subset_is_what_filtering_by_hand_gives(measured, task, division, part):
    evaluator, subsets, metrics = measured
    wanted = {evaluator._ids[key] for key in subsets[division][part]}
    kind = "keypoints" if task in LANDMARKS else task
    expected = by_hand(evaluator, kind, wanted, LANDMARKS.get(task))
    numbers = metrics[task]["subsets"][division][part]
    assert [numbers[name] for name in NUMBERS] == pytest.approx(expected, abs=1e-12)
    assert numbers["AP"] != metrics[task]["AP"]


class Wardrobe(Closet):
    """A small top beside a large one; then a photo with a large one only."""

    def __init__(self):
        super().__init__((USER, 1, [(1, 0, LEFT), (1, 0, RIGHT)]), (SHOP, 1, [(1, 0, LEFT)]))
        for info, scales in zip(self.image_info, [(1, 3), (3,)], strict=True):
            info["items"] = [{"scale": scale} for scale in scales]


def small(*photos):
    """AP of small boxes when so much is found on each photo."""
    dataset = Wardrobe()
    evaluator = InstanceEvaluator(dataset)
    for image_id, garments in enumerate(photos):
        raw = found(*((class_id, score, box, (0, 0)) for class_id, score, box in garments))
        evaluator.add(image_id, raw.shape, raw)
    metrics = evaluator.evaluate(["bbox"], subsets_of(dataset, dataset.image_ids))
    return metrics["bbox"]["subsets"]["scale"]["small"]


def test_what_is_ignored_neither_helps_nor_hurts():
    mine = (1, 0.5, LEFT)
    assert small([mine], []) == {"AP": pytest.approx(1), "AP50": pytest.approx(1),
                                 "AP75": pytest.approx(1), "objects": 1, "images": 1}
    assert small([(1, 0.9, RIGHT), mine], [])["AP"] == pytest.approx(1), "on an ignored one"
    assert small([], [(1, 0.9, LEFT)])["AP"] == 0, "and the small one is missed"
    wrong = (1, 0.9, (120, 0, 190, 50))
    assert small([wrong, mine], [])["AP"] == pytest.approx(0.5), "a false alarm beside it counts"
    assert small([mine], [wrong])["AP"] == pytest.approx(1), "one on another photo does not"


def test_data_without_attributes_has_no_subsets():
    dataset = Closet((USER, 1, [(1, 1, LEFT)]), (SHOP, 1, []))
    assert subsets_of(dataset, dataset.image_ids) == {} == subsets_of(dataset, [])


def searched(dataset, rng):
    evaluator = RetrievalEvaluator(dataset, Similarity(-np.ones(SIZE, np.float32), 0.0))
    for image_id in map(int, dataset.image_ids):
        image = find(rng, dataset, image_id)
        evaluator.add(image_id, image.found)
        evaluator.add_true(image_id, Raw(
            image.found.shape, dataset.load_boxes(image_id), dataset.image_class_ids(image_id),
            np.ones(len(image.true_embeddings)), embeddings=image.true_embeddings))
    return evaluator


@pytest.mark.parametrize("task", ["retrieval", "retrieval_true_boxes"])
def test_queries_are_divided_likewise(task):
    rng = np.random.default_rng(3)
    dataset = MadeUp(rng, 150)
    evaluator, subsets = searched(dataset, rng), subsets_of(dataset, dataset.image_ids)
    numbers = evaluator.evaluate(task, subsets)
    for parts in numbers["subsets"].values():
        assert sum(part["queries"] for part in parts.values()) == numbers["queries"]
        hits = sum(part["top10"] * part["queries"] for part in parts.values() if part["queries"])
        assert hits == pytest.approx(numbers["top10"] * numbers["queries"])
    identities = np.concatenate([dataset.load_identities(i) for i in dataset.image_ids
                                 if dataset.image_domain(i) == SHOP])
    often = [answer for answer in evaluator.answers(task) if (identities == dataset.load_identities(
        answer.image_id)[answer.garment]).sum() > 5]
    assert 0 < len(often) == numbers["over_five"]["queries"] < numbers["queries"]
    assert numbers["over_five"]["top5"] == np.mean([answer.place < 5 for answer in often])


def test_answers_tell_what_was_found():
    dataset = Closet((USER, 1, [(1, 1, LEFT), (2, 1, RIGHT)]), (SHOP, 1, [(1, 1, LEFT)]),
                     (SHOP, 2, [(1, 1, RIGHT)]))
    evaluator = RetrievalEvaluator(dataset, CLOSER_IS_BETTER)
    for image_id, garments in enumerate([
            [(1, 0.9, LEFT, (1, 1))], [(1, 0.9, LEFT, (3, 3))], [(1, 0.9, RIGHT, (1, 2))]]):
        evaluator.add(image_id, found(*garments))
    hit, missed = evaluator.answers("retrieval")
    assert (hit.image_id, hit.garment, hit.class_id, hit.place) == (0, 0, 1, 1)
    assert hit.images.tolist() == [2, 1] and hit.right.tolist() == [False, True]
    assert hit.box.tolist() == [0, 0, 50, 100] and hit.boxes[0].tolist() == [100, 0, 150, 100]
    assert missed.garment == 1 and missed.box is None and missed.place == 21
    assert len(missed.images) == 0
