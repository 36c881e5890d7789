"""Normalised error: cases that can be worked out by hand."""

import numpy as np
import pytest

from fashion.datasets.landmark_benchmark import LANDMARKS
from fashion.evaluation import normalised_error
from fashion.evaluation.normalised_error import NormalisedError, format_table

UPPER, LOWER, FULL = 1, 2, 3
BOX = (0, 0, 200, 100)
# Sleeves 40 px apart, the waistline 20.
TRUTH = np.array([(40, 10, 2), (60, 10, 2), (30, 50, 2), (70, 50, 2), (40, 90, 2), (60, 90, 2),
                  (35, 150, 2), (65, 150, 2)], float)


def measured(*garments):
    errors = NormalisedError()
    for class_id, truth, found, *variation in garments:
        errors.add(class_id, truth, found, BOX, *variation)
    return errors.evaluate()


def moved(index, dx, dy=0):
    found = TRUTH[:, :2].copy()
    found[index] += (dx, dy)
    return found


def own(*places):
    """The truth of a type that has these landmarks only."""
    truth = np.zeros((8, 3))
    truth[list(places)] = TRUTH[list(places)]
    return truth


def test_the_distance_is_divided_by_that_of_the_sleeves():
    numbers = measured((FULL, TRUTH, moved(0, 3, 4)))["NE"]["all"]
    assert numbers["landmarks"]["L.Collar"] == pytest.approx(5 / 40)
    assert numbers["landmarks"]["R.Hem"] == 0
    assert numbers["average"] == pytest.approx(5 / 40 / 8)
    assert (numbers["garments"], numbers["points"]) == (1, 8)


def test_of_lower_body_clothes_by_that_of_the_waistline():
    numbers = measured((LOWER, own(4, 5, 6, 7), moved(6, 0, 8)))["NE"]["lower body"]
    assert numbers["landmarks"] == dict.fromkeys(LANDMARKS[:4]) | {
        "L.Waistline": 0, "R.Waistline": 0, "L.Hem": pytest.approx(8 / 20), "R.Hem": 0}
    assert numbers["average"] == pytest.approx(0.1)


def test_only_visible_landmarks_count():
    truth = TRUTH.copy()
    truth[6, 2], truth[7, 2] = 1, 0
    numbers = measured((FULL, truth, moved([6, 7], 100)))["NE"]["all"]
    assert (numbers["average"], numbers["points"]) == (0, 6)
    assert numbers["landmarks"]["L.Hem"] is None


def test_the_average_is_over_landmarks_not_over_points():
    half = TRUTH.copy()
    half[1:, 2] = 1  # of the second garment the left collar alone is visible
    numbers = measured((FULL, TRUTH, moved(1, 4)), (FULL, half, moved(0, 8)))["NE"]["all"]
    assert numbers["landmarks"]["L.Collar"] == pytest.approx(0.1)  # 0 and 0.2
    assert numbers["landmarks"]["R.Collar"] == pytest.approx(0.1)
    assert numbers["average"] == pytest.approx(0.2 / 8)
    assert numbers["points"] == 9


def test_a_covered_sleeve_still_has_a_place_but_one_cut_off_has_none():
    covered, cut_off, same = TRUTH.copy(), TRUTH.copy(), TRUTH.copy()
    covered[2, 2], cut_off[3], same[3] = 1, 0, TRUTH[2]
    found = moved(0, 4)
    assert measured((UPPER, covered, found))["NE"]["all"]["landmarks"]["L.Collar"] == 0.1
    numbers = measured((UPPER, cut_off, found), (UPPER, same, found), (UPPER, TRUTH, found))
    assert numbers["counts"] == {normalised_error.CUT_OFF: 1, normalised_error.ZERO: 1}
    assert numbers["NE"]["all"]["garments"] == 1
    assert numbers["NE"]["all"]["landmarks"]["L.Collar"] == pytest.approx(0.1)
    assert numbers["NE_box"]["all"]["garments"] == 3  # this convention needs no sleeves


def test_the_box_convention_stretches_the_box_to_a_unit_square():
    numbers = measured((FULL, TRUTH, moved(0, 3, 8)))["NE_box"]["all"]
    assert numbers["landmarks"]["L.Collar"] == pytest.approx(np.hypot(3 / 100, 8 / 200))


def test_the_box_convention_leaves_out_landmarks_beyond_the_box():
    truth = TRUTH.copy()
    truth[7] = (130, 150, 2)
    numbers = measured((FULL, truth, truth[:, :2] + 1))
    assert numbers["NE_box"]["all"]["landmarks"]["R.Hem"] is None
    assert numbers["NE"]["all"]["landmarks"]["R.Hem"] == pytest.approx(np.sqrt(2) / 40)


def test_types_and_variations_have_numbers_of_their_own():
    numbers = measured((FULL, TRUTH, moved(0, 4), 1), (UPPER, own(0, 1, 2, 3, 6, 7), moved(0, 8), 3)
                       )["NE"]
    assert set(numbers) == {"all", "upper body", "full body", "normal pose", "large pose"}
    assert numbers["full body"] == numbers["normal pose"]
    assert numbers["upper body"]["average"] == pytest.approx(0.2 / 6)
    assert numbers["all"]["landmarks"]["L.Collar"] == pytest.approx(0.15)


def test_a_set_without_visible_landmarks_has_no_average():
    truth = TRUTH.copy()
    truth[:, 2] = 1
    numbers = measured((FULL, truth, moved(0, 4)))["NE"]["all"]
    assert numbers["average"] is None and numbers["garments"] == 0
    assert "-" in format_table({"all": numbers})


def test_the_table_has_the_paper_s_columns():
    head, row = format_table({"stage4": measured((FULL, TRUTH, moved(0, 4)))["NE"]["all"]}
                             ).splitlines()
    assert head.split() == [*LANDMARKS, "Avg", "garments"]
    assert row.split() == ["stage4", "0.1000", *["0.0000"] * 7, "0.0125", "1"]
