"""Which image shows what: products, their styles, and the images that pair them.

A pair is a group of images around one or two products. A product has a category and a cut; each of
its styles is another cloth. Images of one pair that show the same style show the same garment:
one half of them as a shop photographs it, the other as its users do.
"""

from dataclasses import dataclass

import numpy as np

from fashion.categories import by_id
from fashion.datasets.sample.cuts import DRESSES, LOWER, OUTWEAR, TOPS, random_cut
from fashion.datasets.sample.textures import random_cloth

IMAGES_PER_PAIR = 4  # user, shop, and two of either

# Odds of a pair's first product by category: about the square root of the real frequencies, less
# what dressing the rest of the figure adds.
_PRODUCT_ODDS = np.array([9, 9, 5, 8, 6.5, 4, 7, 8, 8, 8.5, 6.5, 8.5, 6.5], float)
_FILLER_TOPS = ((1, 2, 5, 6), (0.46, 0.32, 0.14, 0.08))
_FILLER_LOWER = ((7, 8, 9), (0.27, 0.43, 0.30))
_FILLER_DRESSES = ((10, 11, 12, 13), (0.3, 0.2, 0.3, 0.2))
_FILLER_OUTWEAR = ((3, 4), (0.3, 0.7))


@dataclass(frozen=True)
class Item:
    """A garment to be worn: category id, cut, cloth, and its style in the pair (0 for none)."""

    category_id: int
    cut: object
    cloth: object
    style: int

    @property
    def category(self):
        """The `fashion.categories.Category`."""
        return by_id(self.category_id)


@dataclass(frozen=True)
class Plan:
    """What one image shows.

    Attributes:
        pair_id: From 1.
        source: "user" or "shop".
        items: Of the figure, the pair's product first, then what it is worn with.
        companion: Items of a second figure; often none.
        flat: Whether the product is laid flat, without a body.
    """

    pair_id: int
    source: str
    items: tuple
    companion: tuple
    flat: bool


def _item(rng, category_id, style=0):
    cut = random_cut(rng, category_id)
    return Item(category_id, cut, random_cloth(rng, category_id in (4, 7, 8, 9)), style)


def _pick(rng, options):
    return int(rng.choice(options[0], p=options[1]))


def products(version, seed, pair):
    """The styles of pair number `pair` (from 0): a list of lists of `Item`, one list a product."""
    rng = np.random.default_rng([version, seed, 0, pair])
    first = int(rng.choice(len(_PRODUCT_ODDS), p=_PRODUCT_ODDS / _PRODUCT_ODDS.sum())) + 1
    categories = [first]
    if first not in DRESSES and rng.random() < 0.25:
        categories.append(_pick(rng, _FILLER_TOPS if first in LOWER else _FILLER_LOWER))
    styles, result = 0, []
    for category_id in categories:
        product = _item(rng, category_id)
        variants = []
        for _ in range(1 + int(rng.random() < 0.3)):
            styles += 1
            cloth = random_cloth(rng, category_id in (4, 7, 8, 9))
            variants.append(Item(category_id, product.cut, cloth, styles))
        result.append(variants)
    return result


def plan(version, seed, index):
    """The `Plan` of image number `index` (from 0) of a sample's version and seed."""
    pair, place = divmod(index, IMAGES_PER_PAIR)
    rng = np.random.default_rng([version, seed, 1, index])
    source = ("user", "shop")[place] if place < 2 else str(rng.choice(["user", "shop"]))
    variants = products(version, seed, pair)
    # The first two images always show the first style, so that every pair has one.
    shown = [v[0] if place < 2 else v[rng.integers(len(v))] for v in variants]
    flat = bool(rng.random() < (0.16 if source == "shop" else 0.05))
    if flat:
        return Plan(pair + 1, source, (shown[0],), (), True)
    items = _dressed(rng, shown)
    companion = ()
    if source == "user" and len(items) <= 2 and rng.random() < 0.1:
        other = _item(rng, _pick(rng, ((1, 2, 10, 12), (0.3, 0.3, 0.2, 0.2))))
        companion = _dressed(rng, [other])[:2]
    return Plan(pair + 1, source, items, companion, False)


def outfit(rng, index):
    """The `Plan` of image number `index` (from 0) of people who share no garment, never flat."""
    source = str(rng.choice(["user", "shop"]))
    first = int(rng.choice(len(_PRODUCT_ODDS), p=_PRODUCT_ODDS / _PRODUCT_ODDS.sum())) + 1
    items = _dressed(rng, [_item(rng, first)])
    companion = ()
    if source == "user" and rng.random() < 0.15:
        companion = _dressed(rng, [_item(rng, _pick(rng, _FILLER_TOPS))])[:2]
    return Plan(index + 1, source, items, companion, False)


def _dressed(rng, shown):
    """`shown` and what is needed to dress a figure, each of them a garment without a pair."""
    items = list(shown)

    def lacks(*groups):
        return not any(item.category_id in group for item in items for group in groups)

    if lacks(DRESSES, LOWER):
        dress = not lacks(OUTWEAR) and lacks(TOPS) and rng.random() < 0.25
        items.append(_item(rng, _pick(rng, _FILLER_DRESSES if dress else _FILLER_LOWER)))
    if lacks(DRESSES, TOPS):
        items.append(_item(rng, _pick(rng, _FILLER_TOPS)))
    if lacks(OUTWEAR) and rng.random() < 0.08:
        items.append(_item(rng, _pick(rng, _FILLER_OUTWEAR)))
    return tuple(items)


def in_validation(pair, share):
    """Whether pair number `pair` (from 0) belongs to validation, for a share of 0 to 1."""
    # The small number makes up for shares that are no exact binary fractions.
    return int((pair + 1) * share + 1e-9) > int(pair * share + 1e-9)
