"""Metrics as text for people."""

from fashion.evaluation import landmarks, published, retrieval

_NAMES = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR")
_CLASS_NAMES = published.PRECISIONS
TITLES = {"bbox": "boxes", "bbox_agnostic": "boxes, classes aside",
          "segm": "masks", "segm_agnostic": "masks, classes aside",
          "keypoints_visible": "landmarks, visible",
          "keypoints_visible_and_occluded": "landmarks, visible and occluded",
          "retrieval": "detected boxes", "retrieval_true_boxes": "true boxes"}
_RETRIEVAL_NAMES = [f"top-{k}" for k in retrieval.RANKS]
_RETRIEVAL_COUNTS = ("queries", "missed", "gallery")
_LANDMARK_NAMES = {"found": "found", "PCK10": "PCK@0.1", "PCK20": "PCK@0.2"}


def format_metrics(metrics: dict[str, dict]) -> str:
    """A table with a line for each task. Arguments as `InstanceEvaluator.evaluate` returns them.

    Retrieval has a table of its own, see `format_retrieval`.
    """
    rows = [(TITLES.get(task, task), *(number(numbers.get(name)) for name in _NAMES))
            for task, numbers in metrics.items() if task not in retrieval.TASKS]
    return table([("", *_NAMES), *rows]) if rows else ""


def format_classes(metrics: dict[str, dict]) -> str:
    """A table with a line for each class that has objects, for the tasks that tell classes apart.

    Landmarks have tables of their own, see `format_landmarks`.
    """
    tasks = [task for task in metrics
             if "per_class" in metrics[task] and task not in landmarks.TASKS]
    titles = [f"{TITLES[task]} {name}" for task in tasks for name in _CLASS_NAMES]
    rows = [("", "objects", *titles)]
    for class_name, first in metrics[tasks[0]]["per_class"].items() if tasks else ():
        if first["objects"]:
            numbers = [metrics[task]["per_class"][class_name][name]
                       for task in tasks for name in _CLASS_NAMES]
            rows.append((class_name, f"{first['objects']:,}", *map(number, numbers)))
    return table(rows) if tasks else ""


def format_landmarks(metrics: dict[str, dict], task: str) -> str:
    """A titled table of a landmark task: a line for each class that has objects, and one for all.

    `error px` is the mean error; it and PCK are those of the garments that were found.
    """
    rows = [("", "objects", *_CLASS_NAMES, *_LANDMARK_NAMES.values(), "error px")]
    for name, numbers in (*metrics[task]["per_class"].items(), ("all", metrics[task])):
        if numbers["objects"]:
            error = numbers["error_px"]
            rows.append((name, f"{numbers['objects']:,}",
                         *(number(numbers[key]) for key in (*_CLASS_NAMES, *_LANDMARK_NAMES)),
                         "-" if error is None else f"{error:.1f}"))
    return f"{TITLES[task].capitalize()}:\n{table(rows)}"


def format_retrieval(metrics: dict[str, dict]) -> str:
    """A titled table of top-k, and below each line what a gallery in random order would give.

    A last line tells how many garments of users are no queries, for no shop's photo shows them.
    """
    tasks = [task for task in retrieval.TASKS if task in metrics]
    if not tasks:
        return ""
    rows = [("", *_RETRIEVAL_NAMES, *_RETRIEVAL_COUNTS)]
    for task in tasks:
        rows += _retrieval_rows(TITLES[task], metrics[task])
    lines = ["Retrieval, from users' photos to shops':", table(rows)]
    unsold = metrics[tasks[0]]["unsold"]  # the same for all tasks
    if unsold:
        lines.append(f"{unsold:,} more garments of users are no queries: no shop's photo shows one "
                     "of their pair and style.")
    return "\n".join(lines)


def _retrieval_rows(title, numbers):
    yield (title, *(number(numbers[name]) for name in retrieval.NAMES),
           *(f"{numbers[name]:,}" for name in _RETRIEVAL_COUNTS))
    yield ("  by chance", *(number(numbers[f"chance_{name}"]) for name in retrieval.NAMES),
           *[""] * len(_RETRIEVAL_COUNTS))


def format_all(metrics: dict[str, dict]) -> str:
    """All tables of a measurement."""
    tables = [format_metrics(metrics), format_classes(metrics),
              *(format_landmarks(metrics, task) for task in landmarks.TASKS if task in metrics),
              format_retrieval(metrics)]
    return "\n\n".join(table for table in tables if table)


def format_published() -> str:
    """The published numbers that a measurement on the whole validation set compares with."""
    rows = [(features, *map(number, tops.values()))
            for features, tops in published.README["retrieval"].items()]
    return ("Published for Match R-CNN on this set:\n"
            + format_metrics(published.README["tasks"])
            + "\n\nand for its retrieval with detected boxes, by what its match head sees:\n"
            + table([("", *_RETRIEVAL_NAMES), *rows]))


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def table(rows) -> str:
    """Rows of texts as lines: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(
            text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in rows)
