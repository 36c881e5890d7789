"""Where the errors of a measurement lie: its curves, confusions, scores and kinds of errors."""

from collections import defaultdict

from fashion.benchmark import calibration, confusion, curves, errors
from fashion.benchmark.overlaps import Overlaps, measure

KINDS = ("bbox", "segm")
_SCORE = 0.5  # of the confusion matrix where nothing tells a better one


def analyse(scores) -> dict:
    """Analyses what was measured.

    Args:
        scores: `scoring.Scores`.

    Returns:
        "curves" by task, see `curves.of`; and for "bbox" and, with a mask head, for "segm" a dict
        of "errors", "calibration" and "confusion", see the modules of these names. The confusion
        is that of the detections above the score where F1 over all classes is greatest.
    """
    truth = scores.instances.ground_truth
    names = class_names(truth)
    found = {"curves": {task: curves.of(values, sorted(each["id"] for each in truth["categories"]),
                                        names) for task, values in scores.precisions.items()}}
    for kind in KINDS:
        if kind in scores.metrics:
            found[kind] = _of_kind(list(overlaps(truth, scores.instances.detections, kind)), names)
    return found


def class_names(truth: dict) -> list[str]:
    """Names by class id of a COCO data set, background first."""
    names = {each["id"]: each["name"] for each in truth["categories"]}
    return [names.get(i, "background") for i in range(max(names, default=0) + 1)]


def overlaps(truth: dict, detections: list[dict], kind: str):
    """Yields the `Overlaps` of each image, in the order of their numbers, as COCO takes them.

    Args:
        truth: a COCO data set.
        detections: COCO's.
        kind: "bbox" or "segm".
    """
    true, found = by_image(truth["annotations"]), by_image(detections)
    for image in sorted(truth["images"], key=lambda each: each["id"]):
        yield measure(true[image["id"]], found[image["id"]], (image["height"], image["width"]),
                      kind)


def by_image(annotations: list[dict]) -> defaultdict[int, list[dict]]:
    """COCO's annotations or detections by the number of their image."""
    parts = defaultdict(list)
    for each in annotations:
        parts[each["image_id"]].append(each)
    return parts


def _of_kind(images: list[Overlaps], names) -> dict:
    scored = calibration.analyse(images, names)
    cut = scored["best"]["score"] if scored["best"] else _SCORE
    return {"errors": errors.analyse(images, names), "calibration": scored,
            "confusion": confusion.analyse(images, names, cut)}
