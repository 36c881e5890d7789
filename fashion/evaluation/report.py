"""Metrics as text for people."""

from fashion.evaluation import landmarks

# DeepFashion2's own baseline, Match R-CNN, trained on the released training set and measured on
# the whole validation set (README of switchablenorms/DeepFashion2). The paper's numbers are higher:
# they come from a training set twice as large that was never released.
PUBLISHED = {"bbox": {"AP": 0.638, "AP50": 0.789, "AP75": 0.745},
             "segm": {"AP": 0.640, "AP50": 0.797, "AP75": 0.754},
             "keypoints_visible": {"AP": 0.605, "AP50": 0.790, "AP75": 0.684},
             "keypoints_visible_and_occluded": {"AP": 0.529, "AP50": 0.775, "AP75": 0.596}}
PUBLISHED_IMAGES = 32_153

_NAMES = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR")
_CLASS_NAMES = _NAMES[:3]
_TITLES = {"bbox": "boxes", "bbox_agnostic": "boxes, classes aside",
           "segm": "masks", "segm_agnostic": "masks, classes aside",
           "keypoints_visible": "landmarks, visible",
           "keypoints_visible_and_occluded": "landmarks, visible and occluded"}
_LANDMARK_NAMES = {"found": "found", "PCK10": "PCK@0.1", "PCK20": "PCK@0.2"}


def format_metrics(metrics: dict[str, dict]) -> str:
    """A table with a line for each task. Arguments as `InstanceEvaluator.evaluate` returns them."""
    rows = [("", *_NAMES)]
    for task, numbers in metrics.items():
        rows.append((_TITLES.get(task, task), *(_number(numbers.get(name)) for name in _NAMES)))
    return _table(rows)


def format_classes(metrics: dict[str, dict]) -> str:
    """A table with a line for each class that has objects, for the tasks that tell classes apart.

    Landmarks have tables of their own, see `format_landmarks`.
    """
    tasks = [task for task in metrics
             if "per_class" in metrics[task] and task not in landmarks.TASKS]
    titles = [f"{_TITLES[task]} {name}" for task in tasks for name in _CLASS_NAMES]
    rows = [("", "objects", *titles)]
    for class_name, first in metrics[tasks[0]]["per_class"].items() if tasks else ():
        if first["objects"]:
            numbers = [metrics[task]["per_class"][class_name][name]
                       for task in tasks for name in _CLASS_NAMES]
            rows.append((class_name, f"{first['objects']:,}", *map(_number, numbers)))
    return _table(rows) if tasks else ""


def format_landmarks(metrics: dict[str, dict], task: str) -> str:
    """A titled table of a landmark task: a line for each class that has objects, and one for all.

    `error px` is the mean error; it and PCK are those of the garments that were found.
    """
    rows = [("", "objects", *_CLASS_NAMES, *_LANDMARK_NAMES.values(), "error px")]
    for name, numbers in (*metrics[task]["per_class"].items(), ("all", metrics[task])):
        if numbers["objects"]:
            error = numbers["error_px"]
            rows.append((name, f"{numbers['objects']:,}",
                         *(_number(numbers[key]) for key in (*_CLASS_NAMES, *_LANDMARK_NAMES)),
                         "-" if error is None else f"{error:.1f}"))
    return f"{_TITLES[task].capitalize()}:\n{_table(rows)}"


def format_all(metrics: dict[str, dict]) -> str:
    """All tables of a measurement."""
    tables = [format_metrics(metrics), format_classes(metrics),
              *(format_landmarks(metrics, task) for task in landmarks.TASKS if task in metrics)]
    return "\n\n".join(table for table in tables if table)


def format_published() -> str:
    """The published numbers that a measurement on the whole validation set compares with."""
    return "Published for Match R-CNN on this set:\n" + format_metrics(PUBLISHED)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _table(rows) -> str:
    """Rows of texts as lines: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]),
                   *(text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))])
        for row in rows)
