"""Top-k retrieval on a few photos whose answers are known beforehand."""

import json
from itertools import combinations

import numpy as np
import pytest

from fashion.evaluation import retrieval, retrieval_rules
from fashion.evaluation.retrieval import RetrievalEvaluator
from fashion.retrieval.gallery import is_shown
from tests.fashion.closet import CLOSER_IS_BETTER, LEFT, RIGHT, SHOP, USER, Closet, found

TOP, SKIRT = 1, 2
DETECTED, TRUE = retrieval.TASKS


def evaluate(dataset, *raws, task=DETECTED):
    evaluator = RetrievalEvaluator(dataset, CLOSER_IS_BETTER)
    for image_id, raw in enumerate(raws):
        evaluator.add(image_id, raw)
    return evaluator.evaluate(task)


def one_query(*shops, query=(TOP, 1, LEFT)):
    """A closet of one user's garment and shops' photos of other pairs, the last of its own."""
    others = [(SHOP, 50 + i, [(TOP, 1, LEFT)]) for i in range(len(shops) - 1)]
    return Closet((USER, 7, [query]), *others, (SHOP, 7, [(TOP, 1, LEFT)]))


def test_the_place_of_the_right_garment_decides():
    distances = [1, 2, 3, 4, 5, 6, 2.5]  # of the right one last: third
    shops = [found((TOP, 0.9, LEFT, (distance, 0))) for distance in distances]
    numbers = evaluate(one_query(*shops), found((TOP, 0.9, LEFT, (0, 0))), *shops)
    assert [numbers[name] for name in retrieval.NAMES] == [0, 1, 1, 1, 1]
    assert numbers["queries"] == 1 and numbers["gallery"] == 7 and numbers["missed"] == 0


def test_a_query_without_its_own_detection_has_failed():
    shop = found((TOP, 0.9, LEFT, (0, 0)))
    for raw in (found(), found((SKIRT, 0.9, LEFT, (0, 0))),
                found((TOP, 0.9, LEFT, (0, 0)), (TOP, 0.8, LEFT, (9, 9)))):
        numbers = evaluate(one_query(shop), raw, shop)
        assert numbers["queries"] == 1
        is_missed = len(raw.scores) < 2
        assert numbers["missed"] == is_missed and numbers["top20"] == (not is_missed)
        assert numbers["chance_top20"] == (not is_missed)


def test_a_detection_belongs_to_the_garment_it_overlaps_most_however_little():
    boxes = retrieval_rules.corners([LEFT, RIGHT])
    somewhere = retrieval_rules.corners([(99, 149, 200, 200), (150, 0, 200, 20), RIGHT])
    chosen = retrieval_rules.stand_ins(boxes, np.array([TOP, TOP]), somewhere,
                                       np.array([TOP, TOP, TOP]), np.array([0.9, 0.1, 0.5]))
    assert chosen.tolist() == [1, 0]  # beside all garments: the first's
    chosen = retrieval_rules.stand_ins(boxes, np.array([TOP, SKIRT]), somewhere,
                                       np.array([TOP, TOP, SKIRT]), np.array([0.9, 0.1, 0.5]))
    assert chosen.tolist() == [1, 2]


@pytest.mark.parametrize(("box", "is_right"), [((0, 0, 50, 50), True), ((0, 0, 49.9, 50), False)])
def test_a_hit_overlaps_the_true_garment_by_half(box, is_right):
    shop = found((SKIRT, 0.9, box, (0, 0)))  # its class does not matter
    numbers = evaluate(one_query(shop), found((TOP, 0.9, LEFT, (0, 0))), shop)
    assert numbers["top1"] == is_right and numbers["chance_top1"] == is_right


def test_style_pair_and_place_make_a_garment_the_same():
    dataset = Closet(
        (USER, 7, [(TOP, 1, LEFT), (SKIRT, 0, RIGHT)]),
        (SHOP, 7, [(TOP, 2, LEFT), (TOP, 1, RIGHT)]),  # another style, and its own at the right
        (SHOP, 8, [(TOP, 1, LEFT)]), (SHOP, 7, [(TOP, 0, LEFT)]))
    user = found((TOP, 0.9, LEFT, (0, 0)), (SKIRT, 0.9, RIGHT, (3, 3)))
    shops = [found((TOP, 0.9, LEFT, (1, 0)), (TOP, 0.9, RIGHT, (4, 0))),
             found((TOP, 0.9, LEFT, (2, 0))), found((TOP, 0.9, LEFT, (3, 0)))]
    numbers = evaluate(dataset, user, *shops)
    assert numbers["queries"] == 1 and numbers["gallery"] == 4
    assert numbers["top1"] == 0 and numbers["top5"] == 1
    assert numbers["chance_top1"] == pytest.approx(1 / 4)


def test_what_no_shop_sells_is_no_query():
    dataset = Closet((USER, 7, [(TOP, 1, LEFT), (TOP, 2, RIGHT)]), (SHOP, 7, [(TOP, 1, LEFT)]),
                     (USER, 9, [(TOP, 1, LEFT)]), (0, 7, [(TOP, 2, LEFT)]))
    raw = found((TOP, 0.9, LEFT, (0, 0)))
    evaluator = RetrievalEvaluator(dataset, CLOSER_IS_BETTER)
    for image_id in (0, 2):
        evaluator.add(image_id, raw)
    assert not evaluator.has_queries and evaluator.photos_to_describe() == []
    with pytest.raises(ValueError, match="no garment of a user's photo is on a shop's"):
        evaluator.evaluate(DETECTED)
    for image_id in (1, 3):  # the domain of the last is unknown
        evaluator.add(image_id, raw)
    numbers = evaluator.evaluate(DETECTED)
    assert numbers["queries"] == 1 and numbers["unsold"] == 2 and numbers["gallery"] == 1
    assert evaluator.photos_to_describe() == [0, 1]


def test_photos_without_garments_are_no_trouble():
    garment = [(TOP, 1, LEFT)]
    dataset = Closet((USER, 7, []), (USER, 7, [(SKIRT, 0, RIGHT), *garment]), (SHOP, 7, []),
                     (SHOP, 7, garment), (USER, 8, garment), (USER, 7, []))
    evaluator = RetrievalEvaluator(dataset, CLOSER_IS_BETTER)
    assert evaluator.queries() == {}
    for image_id in dataset.image_ids:
        evaluator.add(image_id, found())
    assert {image_id: asked.tolist() for image_id, asked in evaluator.queries().items()} == {
        0: [], 1: [False, True], 4: [False], 5: []}
    assert evaluator.evaluate(DETECTED)["missed"] == 1


def test_the_gallery_shows_a_garment_once_and_nothing_doubtful():
    boxes = retrieval_rules.corners([LEFT, (0, 0, 100, 60), RIGHT, RIGHT, (150, 150, 199, 199)])
    scores = np.array([0.6, 0.9, 0.3, 0.25, 0.19])
    assert is_shown(boxes, scores).tolist() == [False, True, True, False, False]
    shop = found((TOP, 0.9, LEFT, (5, 0)), (SKIRT, 0.8, LEFT, (0, 0)), (TOP, 0.9, RIGHT, (0, 0)))
    numbers = evaluate(one_query(shop), found((TOP, 0.9, LEFT, (0, 0))), shop)
    assert numbers["gallery"] == 2 and numbers["top1"] == 0 and numbers["top5"] == 1


def test_true_boxes_all_count_and_nothing_is_missed():
    dataset = Closet((USER, 7, [(TOP, 1, LEFT)]), (SHOP, 7, [(TOP, 0, LEFT), (TOP, 1, LEFT)]))
    evaluator = RetrievalEvaluator(dataset, CLOSER_IS_BETTER)
    evaluator.add(0, found())
    evaluator.add(1, found())
    evaluator.add_true(0, found((TOP, 1, LEFT, (1, 1))))
    evaluator.add_true(1, found((TOP, 1, LEFT, (9, 9)), (TOP, 1, LEFT, (1, 1))))
    assert evaluator.evaluate(TRUE)["top1"] == 1 and evaluator.evaluate(TRUE)["gallery"] == 2
    numbers = evaluator.evaluate(DETECTED)
    assert numbers["top20"] == numbers["chance_top20"] == 0
    assert numbers["missed"] == 1 and numbers["gallery"] == 0


def test_chance_is_what_all_orders_of_the_gallery_give():
    right, gallery = [2, 0, 1], 5
    for most in (1, 2, 4, 10):
        draws = list(combinations(range(gallery), min(most, gallery)))
        by_hand = np.mean([np.mean([min(draw) < m for draw in draws]) for m in right])
        assert retrieval_rules.chance(np.array(right), gallery, most) == pytest.approx(by_hand)


def test_a_data_set_without_identities_says_what_it_lacks():
    dataset = Closet((USER, 7, [(TOP, 1, LEFT)]))
    dataset.load_identities = lambda image_id: None
    with pytest.raises(ValueError, match="Closet cannot be searched: retrieval needs load_boxes"):
        RetrievalEvaluator(dataset, CLOSER_IS_BETTER).add(0, found())


def test_official_files(tmp_path):
    dataset = Closet((SHOP, 7, [(TOP, 1, (1, 2, 3.5, 4))]),
                     (USER, 7, [(TOP, 1, LEFT), (SKIRT, 2, RIGHT), (SKIRT, 0, RIGHT)]))
    evaluator = RetrievalEvaluator(dataset, CLOSER_IS_BETTER)
    evaluator.add(0, found((TOP, 0.5, (1, 2, 3.5, 4.0004), (1, 1))))
    evaluator.add(1, found((TOP, 0.75, LEFT, (1, 1))))
    evaluator.write(tmp_path)
    read = {path.name: json.loads(path.read_text()) for path in tmp_path.iterdir()}
    assert read["val_gallery.json"] == [
        {"gallery_image_id": 1, "style": 1, "pair_id": 7, "bbox": [2, 1, 4, 3.5]}]
    assert [row["style"] for row in read["val_query.json"]] == [1, 0, 0]  # 2 is not sold
    assert read["val_query.json"][1] == {"query_image_id": 2, "style": 0, "pair_id": 7, "cls": 2,
                                         "bbox": [100, 0, 150, 100]}
    [row] = read["retrieval_results.json"]
    assert row == {
        "query_image_id": 2, "query_bbox": [0, 0, 50, 100], "query_cls": 1, "query_score": 0.75,
        "gallery_image_id": [1] + [-1] * 19, "gallery_bbox": [[2, 1, 4, 3.5]] + [[0] * 4] * 19}
    assert "retrieval_true_boxes_results.json" not in read
