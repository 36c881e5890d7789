"""What all versions of the VGG Image Annotator share: regions and their attributes.

Dutta and Zisserman, "The VIA Annotation Software for Images, Audio and Video", ACM MM 2019;
https://www.robots.ox.ac.uk/~vgg/software/via/. VIA knows no classes: a region has attributes with
names that its user made up, and one of them is the class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fashion.datasets.problems import Problems
from fashion.datasets.regions import NO_CLASS, ONLY_CLASS, Region

# Names of attributes that are taken for the class, in any case.
USUAL_NAMES = ("name", "class", "label", "type", "category")
# Regions of a photo with one value of this attribute are parts of one object.
GROUP = "group_id"
NO_ATTRIBUTES = f"no region has an attribute: all are of one class, {ONLY_CLASS!r}"
SEVERAL_TICKED = "several classes are ticked: the first is taken"


@dataclass(slots=True)
class Drawn:
    """A region as VIA has it.

    Attributes:
        polygon: [vertices, (x, y)] px.
        attributes: by name a text, a number, or {text: whether it is ticked}.
        place: for messages.
    """

    polygon: np.ndarray
    attributes: dict
    place: str


def find_attribute(drawn: Sequence[Drawn], asked: str | None, file: Path,
                   problems: Problems) -> str | None:
    """The attribute that is the class; None, noted, where no region has any.

    That is the one asked for, else the only one of a usual name, else the only one.

    Raises:
        ValueError: none or several can be meant; they are listed with what they hold.
    """
    values = _values_by_attribute(drawn)
    if asked is not None:
        if asked not in values:
            raise ValueError(f"{file}: no region has the attribute {asked!r} that "
                             f"--class-attribute asks for. {_listed(values)}")
        return asked
    if not values:
        problems.add(NO_ATTRIBUTES, file.name)
        return None
    usual = [name for name in values if name.casefold() in USUAL_NAMES]
    for candidates in (usual, list(values)):
        if len(candidates) == 1:
            return candidates[0]
    raise ValueError(f"{file}: which attribute of the regions is their class? {_listed(values)} "
                     "Name it: --class-attribute=NAME.")


def _values_by_attribute(drawn):
    """The different values of each attribute that any region has filled in."""
    values = {}
    for region in drawn:
        for name, value in region.attributes.items():
            if name != GROUP and _texts(value):
                values.setdefault(name, {}).update(dict.fromkeys(_texts(value)))
    return values


def _listed(values) -> str:
    if not values:
        return "There are no attributes at all."
    return "There are " + "; ".join(
        f"{name!r} ({', '.join(list(texts)[:4])}{', ...' if len(texts) > 4 else ''})"
        for name, texts in values.items()) + "."


def _texts(value) -> list[str]:
    """The texts that a value of an attribute holds; a box of checks may hold several."""
    if isinstance(value, dict):
        return [str(text).strip() for text, ticked in value.items() if ticked]
    text = "" if value is None else str(value).strip()
    return [text] if text else []


def to_regions(drawn: Sequence[Drawn], attribute: str | None, problems: Problems) -> list[Region]:
    """The objects of one photo; those without a class are left out, which is noted."""
    regions, groups = [], {}
    for each in drawn:
        names = [ONLY_CLASS] if attribute is None else _texts(each.attributes.get(attribute))
        if not names:
            problems.add(NO_CLASS, each.place)
            continue
        if len(names) > 1:
            problems.add(SEVERAL_TICKED, f"{each.place} {', '.join(names)}")
        region = Region(names[0], [each.polygon], place=each.place)
        group = _texts(each.attributes.get(GROUP))
        whole = groups.setdefault((names[0], *group), region) if group else region
        if whole is region:
            regions.append(region)
        else:
            whole.polygons.append(each.polygon)
    return regions


def to_parts(regions: Sequence[Region]) -> list[tuple[np.ndarray, dict]]:
    """The reverse of `to_regions`: polygons with attributes, the class as "name"."""
    parts = []
    for number, region in enumerate(regions, start=1):
        several = {GROUP: str(number)} if len(region.polygons) > 1 else {}
        parts += [(polygon, {"name": region.class_name, **several})
                  for polygon in region.polygons]
    return parts
