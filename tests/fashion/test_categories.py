"""The 294 landmarks: slices, flips and templates hold together."""

import numpy as np
import pytest

from fashion.categories import CATEGORIES, NAMES, NUM_LANDMARKS, by_id


def test_slices_cover_the_vector_without_gaps():
    assert NUM_LANDMARKS == 294
    assert [category.id for category in CATEGORIES] == list(range(1, 14))
    ends = [category.landmarks.stop for category in CATEGORIES]
    assert [category.start for category in CATEGORIES] == [0, *ends[:-1]]
    assert ends[-1] == NUM_LANDMARKS


def test_names_are_spelled_as_in_the_annotations():
    assert NAMES[0] == "short sleeve top"
    assert NAMES[-1] == "sling dress"
    assert len(set(NAMES)) == 13


@pytest.mark.parametrize("category", CATEGORIES, ids=NAMES)
def test_flip_is_an_involution_on_symmetric_sigmas(category):
    for flip in (category.flip, category.flip_published):
        np.testing.assert_array_equal(flip[flip], np.arange(category.count))
    # Category 11's pair (14, 28) differs by 0.003 as published, probably a typing slip.
    np.testing.assert_allclose(category.sigmas, category.sigmas[category.flip], atol=0.0032)


@pytest.mark.parametrize("category", CATEGORIES, ids=NAMES)
def test_the_template_is_nearly_its_own_mirror_image(category):
    mirrored = category.template[category.flip] * [-1, 1]
    assert np.abs(mirrored - category.template).max() < 0.13


@pytest.mark.parametrize("category", CATEGORIES, ids=NAMES)
def test_outline_and_edges_name_landmarks_of_the_category(category):
    used = {index for ring in (*category.front_outline, *category.edges) for index in ring}
    assert used == set(range(category.count))


def test_an_unknown_id_is_refused():
    with pytest.raises(ValueError, match="99"):
        by_id(99)
    assert by_id(9).name == "skirt"
