"""81 parts that 294 landmarks share."""

import numpy as np
import pytest

from fashion.categories import CATEGORIES, NUM_LANDMARKS
from fashion.landmark_groups import LANDMARK_GROUPS, NUM_GROUPS

GROUPS = np.array(LANDMARK_GROUPS)


def test_every_landmark_has_a_part_and_every_part_a_landmark():
    assert len(GROUPS) == NUM_LANDMARKS
    assert NUM_GROUPS == 81
    np.testing.assert_array_equal(np.unique(GROUPS), np.arange(81))


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda category: category.name)
def test_a_garment_has_no_part_twice(category):
    own = GROUPS[category.landmarks]
    assert len(np.unique(own)) == category.count


def test_mirrored_garments_agree_on_the_mirrored_part():
    mirrored = {}
    for category in CATEGORIES:
        own = GROUPS[category.landmarks]
        for part, other in zip(own, own[category.flip], strict=True):
            assert mirrored.setdefault(part, other) == other, (category.name, part)
    assert all(mirrored[mirrored[part]] == part for part in mirrored)


def test_a_part_looks_alike_on_all_garments():
    """Its landmarks lie on the same side of the figure, as the categories' templates draw it."""
    sides = {}
    for category in CATEGORIES:
        for part, (x, _) in zip(GROUPS[category.landmarks], category.template, strict=True):
            sides.setdefault(part, []).append(0 if abs(x) < 0.08 else np.sign(x))
    assert not [part for part, xs in sides.items() if {-1, 1} <= set(xs)]
