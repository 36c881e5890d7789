"""The photos of a measurement, each with what is annotated on it and what was found."""

import functools

import numpy as np

from fashion.benchmark import analysis
from fashion.benchmark.overlaps import ALONE, match_any_class, measure

# A detection below this score would only clutter a picture.
SHOWN_SCORE = 0.5


class Sight:
    """One photo.

    Args:
        image_id: the data set's.
        image: COCO's.
        truth, found: COCO's annotations and detections; crowds and weak detections are left out.

    Attributes:
        name: of its file.
        shape: (height, width) px.
        places: for each of `truth` its place among all annotated objects.
        partners: for each of `found` the place of its object of the same class in `truth`, with a
            box of IoU 0.5 or more, or `ALONE`.
        missed: those of `truth` that are nobody's partners.
    """

    def __init__(self, image_id: int, image: dict, truth: list[dict], found: list[dict]):
        self.image_id, self.name = image_id, image["file_name"]
        self.shape = image["height"], image["width"]
        self.places = [i for i, each in enumerate(truth) if not each["iscrowd"]]
        self.truth = [truth[i] for i in self.places]
        self.found = sorted((each for each in found if each["score"] >= SHOWN_SCORE),
                            key=lambda each: -each["score"])
        self._overlaps = measure(self.truth, self.found, self.shape)
        self.partners = self._overlaps.partners
        taken = set(self.partners.tolist())
        self.missed = [each for i, each in enumerate(self.truth) if i not in taken]

    @functools.cached_property
    def any_partners(self) -> np.ndarray:
        """The same, where those left over are paired whatever their class."""
        return match_any_class(self._overlaps)

    @property
    def wrong(self) -> list[int]:
        """Which of `found` are another class's object."""
        return np.flatnonzero((self.any_partners != ALONE) & (self.partners == ALONE)).tolist()

    @property
    def alone(self) -> list[int]:
        """Which of `found` are nobody's partners, whatever their class."""
        return np.flatnonzero(self.any_partners == ALONE).tolist()

    @functools.cached_property
    def worst_mask(self) -> tuple[float, int] | None:
        """The least IoU of masks, and which of `found` has it, among those with a partner."""
        ious = measure(self.truth, self.found, self.shape, "segm").ious
        return min(((float(ious[row, partner]), row) for row, partner in enumerate(self.partners)
                    if partner >= 0), default=None)


def sights(scores) -> list[Sight]:
    """All photos of `scoring.Scores`."""
    truth = scores.instances.ground_truth
    true = analysis.by_image(truth["annotations"])
    found = analysis.by_image(scores.instances.detections)
    return [Sight(scores.image_ids[image["id"]], image, true[image["id"]], found[image["id"]])
            for image in truth["images"]]
