"""Photos of whole outfits with three classes of one's own: top, boots and bag.

The classes are those of one who annotated 130 photos on a Saturday night (sugi-chan,
"Stuart Weitzman boots, designer bags, and outfits with Mask R-CNN", 2019): every garment of the
trunk is a top, dresses and coats too; trousers and skirts are not annotated.
"""

import numpy as np

from fashion.datasets.sample.accessories import BAG, BOOTS, equip
from fashion.datasets.sample.annotation import join, outlines
from fashion.datasets.sample.cuts import LOWER
from fashion.datasets.sample.identities import outfit
from fashion.datasets.sample.scene import compose

TOP = "top"
CLASSES = (TOP, BOOTS, BAG)
_MIN_AREA = 120  # px; of what an annotator would not see, nothing is annotated


def draw(version, seed, index):
    """Image number `index` (from 0) of the outfits of a sample's version and seed.

    Returns:
        [height, width, (b, g, r)] uint8, and a list of (class name, polygon [n, (x, y)] px): what
        shows of each object, in one polygon. Where something else parts it, a slit of no width
        leads from part to part.
    """
    rng = np.random.default_rng([version, seed, 3, index])
    scene = compose(outfit(rng, index), rng, equip)
    objects = []
    for number, garment in enumerate(scene.garments):
        name = _class_name(garment.category)
        polygons, area = outlines(scene.canvas, number) if name else ([], 0)
        if polygons and area >= _MIN_AREA:
            objects.append((name, join(polygons)))
    return scene.canvas.image, objects


def _class_name(category):
    """Of a garment's category, or of an accessory's kind; None is not annotated."""
    if isinstance(category, str):
        return category
    return None if category.id in LOWER else TOP
