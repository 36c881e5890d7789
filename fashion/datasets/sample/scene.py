"""One image: figures dressed, framed by a camera, painted layer by layer before a ground."""

from dataclasses import dataclass, replace

import numpy as np

from fashion.datasets.sample import backgrounds, body, lower, upper
from fashion.datasets.sample.canvas import Camera, Canvas
from fashion.datasets.sample.cuts import LOWER, OUTWEAR, TOPS
from fashion.datasets.sample.figure import FEET_Y, HEAD_Y, Figure, flat_pose, random_pose
from fashion.datasets.sample.geometry import box
from fashion.datasets.sample.occluders import random_occluder

_ARMS = {-1: "left", 1: "right"}  # layer of the arm by its side
_COMPANION = 0.27  # how far aside a second figure stands, body heights


@dataclass
class Scene:
    """A painted image and what was painted.

    Attributes:
        canvas: The picture and the map of owners.
        garments: `pieces.Garment`s by their number on the canvas.
        items: The `identities.Item` of each garment; None of accessories.
        figures: The `Figure` that wears each garment.
    """

    canvas: Canvas
    garments: list
    items: list
    figures: list


@dataclass
class Person:
    """A figure and what it wears: `garments` and their `items`, lowest first."""

    figure: Figure
    looks: body.Looks
    garments: list
    items: list

    def wear(self, accessory, place):
        """Puts on a `Garment` that is no `Item`, over the first `place` garments."""
        self.garments.insert(place, accessory)
        self.items.insert(place, None)


def compose(plan, rng, equip=None):
    """Paints the `Plan` of one image: a `Scene`.

    Args:
        plan: What it shows.
        rng: NumPy generator.
        equip: Called with `rng` and each `Person` to put on accessories, see `accessories`. Then
            the things that hide clothes in users' photographs, bags among them, stay away.
    """
    people = [_person(rng, plan, plan.items)]
    if plan.companion:
        people.append(_person(rng, plan, plan.companion, rng.choice([-1, 1]) * _COMPANION))
    for person in people if equip else ():
        equip(rng, person)
    size = backgrounds.random_size(rng)
    camera = _camera(rng, size, people, plan)
    scene = Scene(Canvas(_ground(rng, size, plan), camera), [], [], [])
    for person in reversed(people):
        _paint(scene, person)
    if plan.source == "user" and equip is None:
        for piece in random_occluder(rng, people[0].figure, camera, size):
            scene.canvas.paint(piece, piece.cloth)
    scene.canvas.image = backgrounds.photograph(rng, scene.canvas.image, plan.source)
    return scene


def bend(item, figure):
    """The `Item` as a `Garment` on the figure."""
    make = lower if item.category_id in LOWER else upper
    return make.bend(item.category, item.cut, figure, item.cloth)


def _person(rng, plan, items, place=0.0):
    pose = flat_pose(rng) if plan.flat else random_pose(rng, calm=plan.source == "shop")
    figure = Figure(replace(pose, place=place))
    items = sorted(items, key=lambda item: _height(item, rng.random() < 0.5))
    return Person(figure, body.random_looks(rng), [bend(item, figure) for item in items], items)


def _height(item, tucked):
    """Which garment lies over which; only a narrow top can be `tucked` in."""
    if item.category_id in LOWER:
        return 1
    if item.category_id in OUTWEAR:
        return 3
    return 0 if tucked and item.category_id in TOPS and item.cut.ease < 1.15 else 2


def _ground(rng, size, plan):
    if plan.source == "shop":
        return backgrounds.shop(rng, size)
    return backgrounds.floor(rng, size) if plan.flat else backgrounds.room(rng, size)


def _camera(rng, size, people, plan):
    """Frames the whole figure, all garments, or the product alone and close."""
    product = people[0].garments[people[0].items.index(plan.items[0])].landmarks
    clothes = np.concatenate([g.landmarks for person in people for g in person.garments])
    whole = np.concatenate([clothes, [[0, HEAD_Y], [0, FEET_Y]]])
    framings = ((whole, 1.0, 1.25), (clothes, 0.95, 1.3), (product, 0.72, 1.2))
    target, nearest, farthest = framings[rng.choice(3, p=(0.30, 0.42, 0.28))]
    if plan.flat:
        target, nearest, farthest = product, 1.08, 1.5
    x1, y1, x2, y2 = box(target)
    scale = min(size[0] / (x2 - x1), size[1] / (y2 - y1)) / rng.uniform(nearest, farthest)
    middle = np.array([x1 + x2, y1 + y2]) / 2 + rng.normal(0, 0.04, 2) * size / scale
    camera = Camera(scale, rng.normal(0, 0.22 if plan.flat else 0.035), (0.0, 0.0))
    return replace(camera, offset=tuple(np.array(size) / 2 - camera.pixels(middle)))


def _paint(scene, person):
    """Paints a person from the back to the front."""
    first = len(scene.garments)
    scene.garments += person.garments
    scene.items += person.items
    scene.figures += [person.figure] * len(person.items)
    for piece, garment in _painting_order(person):
        number = None if garment is None else first + garment
        cloth = piece.cloth if garment is None else person.garments[garment].cloth
        scene.canvas.paint(piece, cloth, number)


def _painting_order(person):
    """Yields pieces from the back to the front, each with its garment's place (None for skin).

    An arm before the trunk is painted in two steps: its upper half lies beneath the clothes of the
    trunk, and an inner sleeve beneath the garments over it; from the elbow on it lies before all.
    """
    figure, looks = person.figure, person.looks

    def skin(*pieces):
        return [(piece, None) for piece in pieces if figure.pose.worn]

    def cloth(garment, *layers):
        layered = person.garments[garment].layers
        return [(piece, garment) for layer in layers for piece in layered.get(layer, ())]

    worn = range(len(person.garments))
    arms = {side: body.arm(figure, looks, side) for side in _ARMS}
    before = [s for s, arm in zip(_ARMS, figure.pose.arms, strict=True) if arm.before]
    yield from skin(*body.hair_behind(figure, looks))
    for side in [side for side in _ARMS if side not in before]:
        yield from skin(*arms[side])
        for garment in worn:
            yield from cloth(garment, _ARMS[side], f"{_ARMS[side]} low")
    for garment in worn:
        yield from cloth(garment, "inside")
    yield from skin(*body.legs(figure, looks), *body.trunk(figure, looks))
    yield from skin(*(arms[side][0] for side in before))
    for garment in worn:
        yield from cloth(garment, "trunk", *(_ARMS[side] for side in before))
    for side in before:
        yield from skin(arms[side][1])
        for garment in worn:
            yield from cloth(garment, f"{_ARMS[side]} low")
    yield from skin(*body.head(figure, looks))
