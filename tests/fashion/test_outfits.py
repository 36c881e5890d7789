"""Photos of outfits: what shows of tops, boots and bags, and nothing of it left out."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from fashion.datasets.sample import accessories, outfits
from fashion.datasets.sample.annotation import join, outlines
from fashion.datasets.sample.canvas import FINE
from fashion.datasets.sample.cuts import LowerCut
from fashion.datasets.sample.identities import Item, outfit
from fashion.datasets.sample.scene import compose
from fashion.datasets.sample.textures import plain
from mrcnn import masks

IMAGES = 24


def scene_of(index):
    """The scene of an image, with all that its picture does not tell."""
    rng = np.random.default_rng([1, 7, 3, index])
    return compose(outfit(rng, index), rng, accessories.equip)


@pytest.fixture(scope="module")
def scenes():
    return [scene_of(index) for index in range(IMAGES)]


@pytest.fixture(scope="module")
def drawn():
    return [outfits.draw(1, 7, index) for index in range(IMAGES)]


def test_outlines_are_what_shows_of_each_object(scenes, drawn):
    compared = 0
    for scene, (image, objects) in zip(scenes, drawn, strict=True):
        np.testing.assert_array_equal(image, scene.canvas.image)
        truths = [np.isin(scene.canvas.owner, scene.canvas.ids(number))
                  for number in range(len(scene.garments))]
        for _, polygon in objects:
            shape = truths[0].shape
            mask = masks.rasterise([2 * polygon], (0, 0, *shape), shape) >= 0.5
            overlaps = [(mask & truth).sum() / (mask | truth).sum() for truth in truths]
            if mask.sum() > 4 * 1000:  # of the fine map; specks that are dropped hardly count
                assert max(overlaps) > 0.93
                compared += 1
    assert compared > 40


def test_all_that_an_annotator_would_see_is_annotated(scenes, drawn):
    found = Counter(name for _, objects in drawn for name, _ in objects)
    assert min(found[name] for name in outfits.CLASSES) > 5
    for scene in scenes:
        owners = scene.canvas.owners
        shown = {owners[identity][1] for identity in np.unique(scene.canvas.owner)}
        assert not shown & {"shoe", "thing"}, "bare shoes and bags that belong to nothing"


def test_each_boot_is_an_object_and_trousers_are_none(scenes):
    for scene in scenes:
        people = len(set(map(id, scene.figures)))
        kinds = [garment.category for garment in scene.garments]
        assert kinds.count("boots") == 2 * people and kinds.count("bag") <= people
    assert outfits._class_name("bag") == "bag"
    names = {garment.category.name: outfits._class_name(garment.category)
             for scene in scenes for garment in scene.garments
             if not isinstance(garment.category, str)}
    assert names["trousers"] is None and names["short sleeve top"] == "top"


@pytest.mark.parametrize("category_id, cuff, goes_over", [
    (8, 0.030, True), (8, 0.064, False), (7, 0.030, False), (9, 0.030, False)])
def test_high_boots_go_over_narrow_trousers_only(category_id, cuff, goes_over):
    item = Item(category_id, LowerCut(0.25, 1.0, 1.0, cuff), plain((9, 9, 9)), 0)
    worn = [accessories._on_legs(np.random.default_rng(seed), [item]) for seed in range(20)]
    high = [place for place, shaft in worn if shaft > 0.1]
    assert high and set(high) == {int(goes_over)}
    assert {place for place, shaft in worn if shaft < 0.1} == {0}


def test_parts_become_one_outline_of_the_same_area():
    square = np.array([[0, 0], [4, 0], [4, 4], [0, 4]], float)
    for other in (square + [6, 1], square[::-1] + [6, 1]):
        mask = masks.rasterise([join([square / 2, other])], (0, 0, 12, 12), (12, 12)) >= 0.5
        assert mask.sum() == 4 + 16
    np.testing.assert_array_equal(join([square]), square)


def test_holes_are_left_out_of_a_ring_as_masks_are_filled():
    owner = np.zeros((80, 80), np.uint8)
    owner[10:70, 10:70] = 1
    owner[30:50, 24:44] = 0
    canvas = SimpleNamespace(owner=owner, image=owner, ids=lambda number: [1])
    [polygon], area = outlines(canvas, 0)
    mask = masks.rasterise([FINE * polygon], (0, 0, 80, 80), (80, 80)) >= 0.5
    assert not mask[32:48, 26:42].any() and mask[52:68, 12:68].all()
    assert area == (60 * 60 - 20 * 20) / FINE**2
