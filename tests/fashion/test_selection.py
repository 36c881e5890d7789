"""`--where`: what is chosen, and what is refused."""

import numpy as np
import pytest

from fashion.datasets.annotations import Annotation, Item
from fashion.datasets.columns import ColumnsBuilder
from fashion.datasets.selection import select_images, select_items

SQUARE = [0.0, 0, 9, 0, 9, 9, 0, 9]


def item(category_id, style=0, attributes=(2, 1, 1, 2)):
    return Item(1, category_id, (0, 0, 9, 9), [SQUARE], style=style, attributes=attributes)


@pytest.fixture(scope="module")
def columns():
    builder = ColumnsBuilder()
    top, trousers = item(1, 1, (1, 3, 1, 2)), item(8, 0, (3, 1, 1, 2))
    builder.add("0.jpg", Annotation("user", 7, [top, trousers]))
    builder.add("1.jpg", Annotation("shop", 7, [item(9, 2, (2, 2, 2, 1))]))
    builder.add("2.jpg", Annotation("user", 8, []))
    builder.add("3.jpg", Annotation("shop", 9, [item(13, 1, (0, 0, 0, 0))]))
    return builder.build()


@pytest.mark.parametrize(("where", "images"), [
    ("occlusion <= 2 and viewpoint == 2", [0]),  # by its second item
    ("scale == 2", [1]),
    ("scale >= 1", [0, 1]),  # 0 is unknown
    ("1 <= scale < 3 and zoom_in in (1, 2)", [0, 1]),
    ("category == 'trousers'", [0]),
    ("category == 8", [0]),
    ("category in ('skirt', 13)", [1, 3]),
    ("category not in ['skirt', 'sling dress']", [0]),
    ("source == 'shop' and not category == 'skirt'", [3]),
    ("source != 'shop'", [0]),  # image 2 has no garment that could answer
    ("pair_id == 7", [0, 1]),
    ("style > 0 or viewpoint == 1", [0, 1, 3]),
    (" (scale == 3) ", [0]),
    ("style > -1", [0, 1, 3]),
    ("scale == 9", []),
])
def test_selection(columns, where, images):
    assert select_images(columns, where).tolist() == images


def test_items_are_told_apart(columns):
    assert select_items(columns, "occlusion == 1").tolist() == [False, True, False, False]


@pytest.mark.parametrize("where", [
    "", "scale", "scale = 2", "scale == ", "colour == 2", "scale == 'big'", "category == 'hat'",
    "scale + 1 == 2", "__import__('os').system('true')", "scale.real == 1", "scale == style",
    "1 == 1", "2 in scale", "scale in 2", "scale == (1, 2)", "(1, 2) == scale", "scale is 2",
    "scale == True", "lambda: scale == 1", "not scale", "scale == 1 if 1 else 2", "f(scale) == 1",
])
def test_anything_else_is_refused_and_the_names_are_shown(columns, where):
    with pytest.raises(ValueError, match="--where.*(?s:.)*occlusion, zoom_in, viewpoint"):
        select_images(columns, where)


def test_words_compare_without_rounding(columns):
    assert select_images(columns, "scale > 1.5").tolist() == [0, 1]
    assert np.array_equal(select_images(columns, "category < 9"), [0])
