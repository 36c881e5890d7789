"""The galleries of a benchmark report: what goes well and what goes wrong, to look at.

Which photos are shown is decided by rule and not by taste: of all that qualify some that are spread
evenly over the set, or the worst, as each caption says.
"""

from collections.abc import Callable

import numpy as np

from fashion.benchmark import markup
from fashion.benchmark.gallery_pictures import Photo, jpeg
from fashion.benchmark.sights import SHOWN_SCORE, Sight
from fashion.datasets.selection import spread
from mrcnn.drawing import class_color

MOST = 6  # photos of a gallery
UNREADABLE = (ValueError, OSError)  # what a photo raises that is gone or damaged
_RED = (222, 20, 40)
_SIZE = 400, 300  # (height, width) px of a picture, as it is shown: its labels stay legible


def detections(scores, sights: list[Sight]) -> str:
    """Garments that were found, that were missed, and where nothing or something else is.

    Args:
        scores: `scoring.Scores`.
        sights: of all its photos.
    """
    draw = _Draw(scores)
    good = [each for each in sights if each.found and not each.missed
            and (each.partners >= 0).all()]
    return "".join((
        _gallery(scores, "<b>Found.</b> On these photos every garment was found, and nothing else.",
                 good, draw.found),
        _gallery(scores, "<b>Missed</b>, in red: garments that no detection of their category with "
                 f"a score of {SHOWN_SCORE} or more overlaps by an IoU of 0.5.",
                 [each for each in sights if each.missed], draw.missed),
        _gallery(scores, "<b>Taken for another category</b>, in red; the annotated one in "
                 "brackets.",
                 [each for each in sights if each.wrong], draw.wrong),
        _gallery(scores, "<b>False alarms</b>, in red: displaced boxes, duplicates, and garments "
                 "where none is annotated.", [each for each in sights if each.alone], draw.alone)))


def masks(scores, sights: list[Sight]) -> str:
    """Inaccurate masks; arguments as for `detections`."""
    if "segm" not in scores.metrics:
        return ""
    worst = sorted((each for each in sights if each.worst_mask), key=lambda each: each.worst_mask)
    return _gallery(scores, "<b>Inaccurate masks</b>: the least IoU of masks among all garments "
                    "whose box was found, one of a photo.", worst[:MOST],
                    _Draw(scores).worst_mask, rule="")


def _gallery(scores, title: str, sights: list[Sight], draw: Callable,
             rule: str = "{} of {:,} such photos, spread evenly over the set.") -> str:
    """A gallery of pairs of pictures; `draw` gives of a sight and a `Photo` two and a text."""
    shots = []
    for place in spread(np.arange(len(sights)), MOST):
        try:
            image = scores.dataset.load_image(sights[place].image_id)
        except UNREADABLE:
            continue
        shots.append(pair(*draw(sights[place], Photo(image, _SIZE))))
    return shown(f"{title} Left annotated, right found. {rule.format(len(shots), len(sights))}",
                 shots)


def pair(left: np.ndarray, right: np.ndarray, text: str) -> str:
    """Two pictures [h, w, 3] side by side above a text."""
    return (f'<div class="shot"><div>{markup.picture(jpeg(left), f"annotated: {text}")}'
            f"{markup.picture(jpeg(right), f'found: {text}')}</div><p>{markup.escape(text)}</p>"
            "</div>")


def shown(caption: str, shots: list[str]) -> str:
    """A figure of pairs; nothing without any. `caption` is HTML."""
    if not shots:
        return ""
    return markup.figure(caption, f'<div class="gallery">{"".join(shots)}</div>')


class _Draw:
    """Draws a `Sight` on a `Photo`: each method gives two pictures and a text."""

    def __init__(self, scores):
        self._names = scores.dataset.class_names
        self._has_masks = "segm" in scores.metrics

    def found(self, sight, photo):
        return (*(self._objects(photo, objects, self._has_masks)
                  for objects in (sight.truth, sight.found)),
                f"{sight.name}: {_counted(len(sight.truth), 'garment')}")

    def missed(self, sight, photo):
        labels = [f"missed {self._label(each)}" for each in sight.missed]
        return (self._objects(photo, sight.truth),
                self._marked(photo, sight.found, sight.missed, labels),
                f"{sight.name}: {len(sight.missed)} of {_counted(len(sight.truth), 'garment')}"
                " missed")

    def wrong(self, sight, photo):
        labels = [f"{self._label(sight.found[row])} "
                  f"({self._label(sight.truth[sight.any_partners[row]])})" for row in sight.wrong]
        return self._false(sight, photo, sight.wrong, labels)

    def alone(self, sight, photo):
        return self._false(sight, photo, sight.alone,
                           [self._label(sight.found[row]) for row in sight.alone])

    def _false(self, sight, photo, rows, labels):
        rest = [each for i, each in enumerate(sight.found) if i not in rows]
        return (self._objects(photo, sight.truth),
                self._marked(photo, rest, [sight.found[row] for row in rows], labels),
                f"{sight.name}: {', '.join(labels)}")

    def worst_mask(self, sight, photo):
        iou, row = sight.worst_mask
        label = f"{self._label(sight.found[row])}, mask IoU {iou:.2f}"
        return (self._objects(photo, [sight.truth[sight.partners[row]]], has_masks=True),
                self._marked(photo, [], [sight.found[row]], [label], has_masks=True),
                f"{sight.name}: {label}")

    def _marked(self, photo, objects, marked, labels, has_masks=False):
        """Objects in their colours, and some more in red with labels of their own."""
        colors = [class_color(each["category_id"]) for each in objects] + [_RED] * len(marked)
        return photo.objects([*objects, *marked], [*map(self._label, objects), *labels], colors,
                             has_masks)

    def _objects(self, photo, objects, has_masks=False):
        return self._marked(photo, objects, [], [], has_masks)

    def _label(self, each) -> str:
        score = f" {each['score']:.2f}" if "score" in each else ""
        return f"{self._names[each['category_id']]}{score}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
