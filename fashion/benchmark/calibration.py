"""What a score is worth: how often detections of that score are right, and where to cut them off.

A detection is right when COCO's rule gives it an object of its class with an IoU of at least 0.5.
The expected calibration error is that of detectors in Kueppers et al., "Multivariate Confidence
Calibration for Object Detection", CVPR Workshops 2020, section 3, over the score alone: the mean
distance of score and precision in bins of equal width, weighted by how many detections lie in each.
"""

from collections.abc import Iterable

import numpy as np

from fashion.benchmark.overlaps import IGNORED, Overlaps

BINS = 10
_CUTS = np.arange(1, 20) / 20


def analyse(images: Iterable[Overlaps], class_names: list[str]) -> dict:
    """Compares scores with what is right.

    Args:
        images: `Overlaps` of boxes or of masks.
        class_names: by class id, background first.

    Returns:
        "error", the expected calibration error, None without detections; "bins", 10 dicts of "low"
        and "high" score, "count", mean "score" and "precision", the last two None in an empty bin;
        "cuts", what is left at scores 0.05, 0.10 .. 0.95: dicts of "score", "precision", "recall"
        and "F1"; "best", such a dict for the score of the greatest F1; and "per_class" the same by
        class name. What there is nothing to measure of is None.
    """
    scores, right, claimed, objects = _columns(images)
    best_of = {name: _best(scores[claimed == i], right[claimed == i], int((objects == i).sum()))
               for i, name in enumerate(class_names) if i}
    bins = _bins(scores, right)
    return {"error": _error(bins), "bins": bins,
            "cuts": [_at(cut, scores, right, len(objects)) for cut in _CUTS],
            "best": _best(scores, right, len(objects)), "per_class": best_of}


def _columns(images):
    """Scores, whether right, and claimed classes of all detections; class ids of all objects."""
    parts = []
    for image in images:
        counted = image.partners != IGNORED
        parts.append((image.scores[counted], image.partners[counted] >= 0,
                      image.found_classes[counted], image.classes[~image.is_crowd]))
    parts = parts or [(np.zeros(0), np.zeros(0, bool), np.zeros(0, int), np.zeros(0, int))]
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def _bins(scores, right) -> list[dict]:
    places = np.minimum((scores * BINS).astype(int), BINS - 1)
    return [{"low": i / BINS, "high": (i + 1) / BINS, "count": int((places == i).sum()),
             "score": _mean(scores[places == i]), "precision": _mean(right[places == i])}
            for i in range(BINS)]


def _error(bins) -> float | None:
    filled = [each for each in bins if each["count"]]
    total = sum(each["count"] for each in filled)
    return sum(each["count"] * abs(each["score"] - each["precision"])
               for each in filled) / total if total else None


def _at(cut, scores, right, objects: int) -> dict:
    """Precision, recall and F1 of the detections with at least a score."""
    kept = scores >= cut
    hits, count = int(right[kept].sum()), int(kept.sum())
    return {"score": float(cut), **_rates(hits, count, objects)}


def _rates(hits: int, count: int, objects: int) -> dict:
    return {"precision": hits / count if count else None,
            "recall": hits / objects if objects else None,
            "F1": 2 * hits / (count + objects) if count + objects else None}


def _best(scores, right, objects: int) -> dict | None:
    """The same at the score, of those that occur, where F1 is greatest."""
    if not len(scores) or not objects:
        return None
    order = np.argsort(-scores, kind="stable")
    falling, hits = scores[order], np.cumsum(right[order])
    last = np.flatnonzero(np.append(np.diff(falling) < 0, True))  # of detections of equal score
    place = last[np.argmax(hits[last] / (last + 1 + objects))]
    return {"score": float(falling[place]), **_rates(int(hits[place]), int(place) + 1, objects)}


def _mean(values) -> float | None:
    return float(values.mean()) if len(values) else None
