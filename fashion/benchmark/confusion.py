"""What garments are taken for: a confusion matrix with what was missed and what was not there."""

from collections.abc import Iterable

import numpy as np

from fashion.benchmark.overlaps import ALONE, Overlaps, match_any_class


def analyse(images: Iterable[Overlaps], class_names: list[str], score: float) -> dict:
    """Counts pairs of a true and a claimed class.

    Args:
        images: `Overlaps` of boxes or of masks.
        class_names: by class id, background first.
        score: detections below it do not count.

    Returns:
        "score" and "counts" [C, C]: by true class (rows) and claimed class (columns). Row 0 are
        detections where nothing is, column 0 objects that were missed. A row of a class sums up to
        its objects, a column to its detections; crowds count for neither.
    """
    size = len(class_names)
    counts = np.zeros((size, size), int)
    for image in images:
        image = image.above(score)
        partners = match_any_class(image)
        pairs = partners >= 0
        np.add.at(counts, (image.classes[partners[pairs]], image.found_classes[pairs]), 1)
        np.add.at(counts, (0, image.found_classes[partners == ALONE]), 1)
        is_missed = ~image.is_crowd
        is_missed[partners[pairs]] = False
        np.add.at(counts, (image.classes[is_missed], 0), 1)
    return {"score": float(score), "counts": counts.tolist()}
