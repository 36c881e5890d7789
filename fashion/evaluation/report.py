"""Metrics as text for people."""

# DeepFashion2's own baseline, Match R-CNN, trained on the released training set and measured on
# the whole validation set (README of switchablenorms/DeepFashion2). The paper's numbers are higher:
# they come from a training set twice as large that was never released.
PUBLISHED = {"bbox": {"AP": 0.638, "AP50": 0.789, "AP75": 0.745},
             "segm": {"AP": 0.640, "AP50": 0.797, "AP75": 0.754}}
PUBLISHED_IMAGES = 32_153

_NAMES = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR")
_CLASS_NAMES = _NAMES[:3]
_TITLES = {"bbox": "boxes", "bbox_agnostic": "boxes, classes aside",
           "segm": "masks", "segm_agnostic": "masks, classes aside"}


def format_metrics(metrics: dict[str, dict]) -> str:
    """A table with a line for each task. Arguments as `InstanceEvaluator.evaluate` returns them."""
    rows = [("", *_NAMES)]
    for task, numbers in metrics.items():
        rows.append((_TITLES.get(task, task), *(_number(numbers.get(name)) for name in _NAMES)))
    return _table(rows)


def format_classes(metrics: dict[str, dict]) -> str:
    """A table with a line for each class that has objects, for the tasks that tell classes apart.
    """
    tasks = [task for task in metrics if "per_class" in metrics[task]]
    titles = [f"{_TITLES[task]} {name}" for task in tasks for name in _CLASS_NAMES]
    rows = [("", "objects", *titles)]
    for class_name, first in metrics[tasks[0]]["per_class"].items():
        if first["objects"]:
            numbers = [metrics[task]["per_class"][class_name][name]
                       for task in tasks for name in _CLASS_NAMES]
            rows.append((class_name, f"{first['objects']:,}", *map(_number, numbers)))
    return _table(rows)


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
