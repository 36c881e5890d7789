"""What kinds of errors a detector makes, and what each kind costs.

After Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors", ECCV 2020,
section 2.2. A false alarm is, in this order,

* `localisation`: an object of its class lies there, with an IoU from 0.1 to 0.5;
* `classification`: an object of another class, with 0.5 or more;
* `duplicate`: an object of its class, with 0.5 or more, that a surer detection has found;
* `background`: no object reaches 0.1;
* `both`: the rest, such as an object of another class with an IoU from 0.1 to 0.5.

An object that no detection finds, and that would still be missing if the places and the classes of
the others were corrected, is `missed`.

The cost of a kind is how much AP50 gains when all of that kind, and nothing else, is mended: wrong
places and classes become right (the surest for each object, the others vanish), other false alarms
vanish, missed objects do not count. Costs do not add up to what is missing to 1: they hide each
other.
"""

from collections.abc import Iterable

import numpy as np

from fashion.benchmark.overlaps import ALONE, IGNORED, IOU, Overlaps

KINDS = ("classification", "localisation", "both", "duplicate", "background", "missed")
BACKGROUND_IOU = 0.1

_RIGHT, _CLASS, _PLACE, _BOTH, _TWICE, _NOTHING, _MISSED = range(7)
_RECALLS = np.linspace(0, 1, 101)


def analyse(images: Iterable[Overlaps], class_names: list[str]) -> dict:
    """Counts errors and what they cost.

    Args:
        images: `Overlaps` of boxes or of masks.
        class_names: by class id, background first.

    Returns:
        "AP50"; "objects", "detections" and "right", their numbers, those of crowds left out;
        "kinds": by kind its "count" and its "cost" in AP50; "per_class": by class name the numbers
        of "objects", of "right" detections and of each kind. A false alarm counts for the class
        that was claimed, a missed object for its own.
    """
    table = _Table(images)
    whole = table.average_precision(len(class_names))
    return {"AP50": whole, "objects": len(table.objects), "detections": len(table.kinds),
            "right": int((table.kinds == _RIGHT).sum()),
            "kinds": {name: {"count": len(table.count(kind)), "cost": _difference(
                table.average_precision(len(class_names), mended=kind), whole)}
                for kind, name in enumerate(KINDS, start=1)},
            "per_class": _per_class(table, class_names)}


def _difference(mended, whole):
    return None if whole is None else max(0.0, mended - whole)


def _per_class(table, class_names) -> dict[str, dict]:
    size = len(class_names)
    columns = {"objects": np.bincount(table.objects, minlength=size),
               "right": np.bincount(table.found_classes[table.kinds == _RIGHT], minlength=size)}
    for kind, name in enumerate(KINDS, start=1):
        columns[name] = np.bincount(table.count(kind), minlength=size)
    return {name: {column: int(counts[i]) for column, counts in columns.items()}
            for i, name in enumerate(class_names) if i}


class _Table:
    """All detections and objects of a data set.

    Attributes:
        kinds: [D] int.
        found_classes, true_classes: [D] as claimed, and as mended.
        scores: [D].
        mends: [D] bool, whether a detection is the one that mending would make right.
        objects: [G] class ids.
        missed: class ids of the missed ones.
    """

    def __init__(self, images):
        columns = list(zip(*map(_rows, images), strict=True)) or [[np.zeros(0, int)]] * 7
        (self.kinds, self.found_classes, self.true_classes, self.scores, self.mends, self.objects,
         self.missed) = (np.concatenate(column) for column in columns)

    def count(self, kind) -> np.ndarray:
        """Class ids of the errors of a kind."""
        return self.missed if kind == _MISSED else self.found_classes[self.kinds == kind]

    def average_precision(self, classes: int, mended: int | None = None) -> float | None:
        """AP50, mean over the classes that occur, with one kind of errors mended."""
        right = (self.kinds == _RIGHT) | (self.kinds == mended) & self.mends
        kept = right | (self.kinds != mended)
        claimed = np.where(right, self.true_classes, self.found_classes)
        total = np.bincount(self.objects, minlength=classes)
        wanted = total - (np.bincount(self.missed, minlength=classes) if mended == _MISSED else 0)
        values = []
        for class_id in np.flatnonzero(total):
            own = kept & (claimed == class_id)
            values.append(_area(self.scores[own], right[own], wanted[class_id]))
        return float(np.mean(values)) if values else None


def _area(scores, right, objects: int) -> float:
    """COCO's average precision: the mean over 101 recalls of the best precision from there on."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    if not objects or not len(hits):
        return 0.0
    best = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    places = np.searchsorted(hits / objects, _RECALLS, side="left")
    return float(np.append(best, 0.0)[places].mean())


def _rows(image: Overlaps):
    """The columns of `_Table` for one image."""
    counted = ~image.is_crowd
    places = np.where(counted, np.cumsum(counted) - 1, ALONE)  # among objects that are no crowd
    partners = np.where(image.partners >= 0, np.append(places, 0)[image.partners], ALONE)
    classes = image.classes[counted]
    taken = np.isin(np.arange(len(classes)), partners)
    kinds, targets = _kinds(image.found_classes, classes, image.ious[:, counted], taken)
    kinds, targets = (np.where(partners >= 0, found, wrong)
                      for found, wrong in ((_RIGHT, kinds), (partners, targets)))
    kept = image.partners != IGNORED
    mends = _first_of_each(targets, kept & (targets >= 0), taken)
    missed = classes[~taken & ~np.isin(np.arange(len(classes)), targets[mends])]
    claimed = image.found_classes
    mended = np.where(targets >= 0, np.append(classes, 0)[targets], claimed)
    return (kinds[kept], claimed[kept], mended[kept], image.scores[kept], mends[kept], classes,
            missed)


def _kinds(found_classes, classes, ious, taken):
    """Of false alarms the kinds [D], and [D] the objects that mending would give them or `ALONE`.

    Args:
        found_classes: [D].
        classes: [G].
        ious: [D, G].
        taken: [G] bool, objects that were found.
    """
    if not len(classes):
        return np.full(len(ious), _NOTHING), np.full(len(ious), ALONE)
    own_class = found_classes[:, None] == classes
    own, other = np.where(own_class, ious, 0), np.where(own_class, 0, ious)
    nearest = own.max(axis=1)
    is_place = (nearest >= BACKGROUND_IOU) & (nearest <= IOU)
    is_class = other.max(axis=1) >= IOU
    is_twice = (own * taken).max(axis=1) >= IOU
    is_nothing = ious.max(axis=1) <= BACKGROUND_IOU
    kinds = np.select([is_place, is_class, is_twice, is_nothing],
                      [_PLACE, _CLASS, _TWICE, _NOTHING], _BOTH)
    targets = np.select([is_place, is_class], [own.argmax(axis=1), other.argmax(axis=1)], ALONE)
    return kinds, targets


def _first_of_each(targets, candidates, taken) -> np.ndarray:
    """[D] bool: of each object that was not found the surest candidate."""
    first = np.zeros(len(targets), bool)
    rows = np.flatnonzero(candidates)
    rows = rows[~taken[targets[rows]]]
    first[rows[np.unique(targets[rows], return_index=True)[1]]] = True
    return first
