"""Normalised error (NE): how far landmarks are off, in two conventions that must not be mixed.

`NE` is equation 3 of the CSPN paper (Li et al. 2020): the distance divided by that between the two
sleeves of the same garment, of lower-body clothes between the two ends of the waistline. The mean
over all garments is taken for each landmark, then the mean of the landmarks; only visible ones
count. A garment whose normaliser cannot be measured (an end is cut off, or both ends fall
together) has no NE: it is counted and left out.

`NE_box` is that of the landmark networks with public code (suminlee94/GLE_FLD and
fdjingyuan/Deep-Fashion-Analysis-ECCV2018): the annotated box is stretched to the unit square, which
is what those networks see, and the distance there is the error. Landmarks beyond the box do not
count. The numbers of that literature compare with this one, not with the first.
"""

from collections import Counter

import numpy as np

from fashion.datasets.landmark_benchmark import LANDMARKS, TYPES, VARIATIONS
from mrcnn.keypoints import NOT_THERE, VISIBLE

CONVENTIONS = ("NE", "NE_box")
# Places of the two landmarks between which a type's normaliser runs.
NORMALISERS = {1: (2, 3), 2: (4, 5), 3: (2, 3)}
CUT_OFF = "garments without NE: a sleeve or an end of the waistline is cut off"
ZERO = "garments without NE: both sleeves, or both ends of the waistline, are at one place"


class NormalisedError:
    """Collects garments of the landmark benchmark one by one.

    Attributes:
        counts: garments without a normaliser, by reason.
    """

    def __init__(self):
        self.counts = Counter()
        self._class_ids, self._variations = [], []
        self._errors = {name: [] for name in CONVENTIONS}  # each [8], NaN where nothing counts

    def __len__(self):
        return len(self._class_ids)

    def add(self, class_id, truth, found, box_px, variation=0):
        """Adds one garment.

        Args:
            class_id: its clothes type, 1 to 3.
            truth: [8, (x, y, v)] px.
            found: [8, (x, y, ...)] px.
            box_px: (y1, x1, y2, x2), the annotated box.
            variation: place in `VARIATIONS`.
        """
        truth = np.asarray(truth, np.float64)
        offsets = np.asarray(found, np.float64)[:, :2] - truth[:, :2]
        visible = truth[:, 2] >= VISIBLE
        y1, x1, y2, x2 = np.asarray(box_px, np.float64)
        inside = ((truth[:, :2] >= (x1, y1)) & (truth[:, :2] <= (x2, y2))).all(axis=1)
        errors = {"NE": np.linalg.norm(offsets, axis=1) / self._normaliser(class_id, truth),
                  "NE_box": np.linalg.norm(offsets / (x2 - x1, y2 - y1), axis=1)}
        counted = {"NE": visible, "NE_box": visible & inside}
        for name in CONVENTIONS:
            self._errors[name].append(np.where(counted[name], errors[name], np.nan))
        self._class_ids.append(int(class_id))
        self._variations.append(int(variation))

    def _normaliser(self, class_id, truth):
        """Distance px; NaN, counted, where there is none."""
        ends = truth[list(NORMALISERS[int(class_id)])]
        distance = np.linalg.norm(ends[0, :2] - ends[1, :2])
        if (ends[:, 2] == NOT_THERE).any():
            self.counts[CUT_OFF] += 1
        elif not distance:
            self.counts[ZERO] += 1
        else:
            return distance
        return np.nan

    def evaluate(self):
        """The numbers.

        Returns:
            By convention a dict of "all", and by clothes type and by variation that occurs, by
            name, what `_summarise` gives; and "counts".
        """
        class_ids, variations = np.array(self._class_ids), np.array(self._variations)
        chosen = {"all": np.ones(len(self), bool)}
        chosen |= {name: class_ids == i for i, name in enumerate(TYPES, start=1)}
        chosen |= {name: variations == i for i, name in enumerate(VARIATIONS)}
        numbers = {convention: {name: _summarise(np.array(errors)[rows])
                                for name, rows in chosen.items() if rows.any()}
                   for convention, errors in self._errors.items()}
        return {**numbers, "counts": dict(self.counts)}


def _summarise(errors):
    """Of errors [garments, 8], NaN where nothing counts.

    Returns:
        Dict of "landmarks", the mean of each by name, None where none counts; "average", the mean
        of these; "garments" and "points", how many have a number.
    """
    there = ~np.isnan(errors)
    sums, points = np.where(there, errors, 0).sum(axis=0), there.sum(axis=0)
    means = [total / count if count else None for total, count in zip(sums, points, strict=True)]
    known = [mean for mean in means if mean is not None]
    return {"landmarks": dict(zip(LANDMARKS, means, strict=True)),
            "average": float(np.mean(known)) if known else None,
            "garments": int(there.any(axis=1).sum()), "points": int(points.sum())}


def format_table(rows):
    """The paper's table: a line for each named summary, a column for each landmark, the average.

    Args:
        rows: {name: what `_summarise` gives}.
    """
    width = max(map(len, rows))
    columns = [*LANDMARKS, "Avg", "garments"]
    lines = [" " * width + "".join(f"{name:>13}" for name in columns)]
    for name, numbers in rows.items():
        values = [*numbers["landmarks"].values(), numbers["average"]]
        lines.append(f"{name:{width}}" + "".join(
            f"{'-' if value is None else f'{value:.4f}':>13}" for value in values)
            + f"{numbers['garments']:>13,}")
    return "\n".join(lines)
