"""True and found objects of an image, and how they overlap: what every analysis of errors reads."""

import functools
from dataclasses import dataclass

import numpy as np
from pycocotools import mask as coco_mask

IOU = 0.5  # at which a true object counts as found, wherever errors are told apart
ALONE, IGNORED = -1, -2  # partners of detections: no object; a crowd, so neither right nor wrong


@dataclass(frozen=True, eq=False)
class Overlaps:
    """G true objects and D detections of an image.

    Attributes:
        classes: [G] int.
        is_crowd: [G] bool.
        found_classes: [D] int.
        scores: [D], falling.
        rows: [D] int, places of the detections in the list that they were given in.
        ious: [D, G]; with a crowd the share of the detection that it covers, as COCO has it.
    """

    classes: np.ndarray
    is_crowd: np.ndarray
    found_classes: np.ndarray
    scores: np.ndarray
    rows: np.ndarray
    ious: np.ndarray

    @functools.cached_property
    def partners(self) -> np.ndarray:
        """[D] which object each detection finds, see `match`."""
        return match(self)

    def above(self, score: float) -> "Overlaps":
        """The same image without the detections below a score."""
        kept = self.scores >= score
        return Overlaps(self.classes, self.is_crowd, self.found_classes[kept], self.scores[kept],
                        self.rows[kept], self.ious[kept])


def measure(truth: list[dict], found: list[dict], shape: tuple[int, int],
            kind: str = "bbox") -> Overlaps:
    """Compares the objects of one image.

    Args:
        truth: COCO's annotations, G of them.
        found: detections in COCO's results format, D of them.
        shape: (height, width) of the image, px.
        kind: "bbox" or "segm".
    """
    scores = np.array([each["score"] for each in found], np.float64)
    rows = np.argsort(-scores, kind="stable")
    is_crowd = np.array([bool(each.get("iscrowd", 0)) for each in truth], bool)
    ious = np.zeros((len(found), len(truth)))
    if found and truth:
        ious = coco_mask.iou([_outline(found[row], shape, kind) for row in rows],
                             [_outline(each, shape, kind) for each in truth],
                             is_crowd.astype(int).tolist())
    return Overlaps(_class_ids(truth), is_crowd, _class_ids(found)[rows], scores[rows], rows, ious)


def _class_ids(objects) -> np.ndarray:
    return np.array([each["category_id"] for each in objects], int)


def _outline(each: dict, shape, kind):
    if kind == "bbox":
        return each["bbox"]
    outline = each["segmentation"]
    if isinstance(outline, list):  # polygons
        outline = coco_mask.merge(coco_mask.frPyObjects(outline, *shape))
    return outline


def match(image: Overlaps, least: float = IOU) -> np.ndarray:
    """Which object each detection finds, by COCO's rule.

    The surest detection chooses first, among the objects of its class that it overlaps enough and
    that nobody has taken, the one that it overlaps most.

    Args:
        image: D detections, G objects.
        least: IoU.

    Returns:
        [D] places of objects, `ALONE` or `IGNORED`.
    """
    partners = np.full(len(image.scores), ALONE)
    fits = _same_class(image) & (image.ious >= least)
    _choose(partners, image.ious, fits & ~image.is_crowd)
    partners[(partners == ALONE) & (fits & image.is_crowd).any(axis=1)] = IGNORED
    return partners


def match_any_class(image: Overlaps, least: float = IOU) -> np.ndarray:
    """The same, and then those left over, detections and objects, are paired whatever their class.

    So a coat that lies over a shirt is not confused with it as long as both are found.
    """
    partners = match(image, least)
    _choose(partners, image.ious, (image.ious >= least) & ~image.is_crowd)
    return partners


def _same_class(image) -> np.ndarray:
    return image.found_classes[:, None] == image.classes


def _choose(partners, ious, fits) -> None:
    """Gives detections without a partner one of the objects that fit [D, G], in place."""
    fits = fits.copy()
    fits[:, partners[partners >= 0]] = False
    for row in np.flatnonzero((partners == ALONE) & fits.any(axis=1)):
        free = np.flatnonzero(fits[row])
        if len(free):
            overlap = ious[row, free]
            # The last of several that are overlapped alike, as COCO takes it.
            partners[row] = free[np.flatnonzero(overlap == overlap.max())[-1]]
            fits[:, partners[row]] = False
