"""Several reports side by side, with their differences from the first."""

import json
from pathlib import Path

from fashion.benchmark import report as reports
from fashion.evaluation.report import TITLES, table
from fashion.evaluation.retrieval_outcomes import NAMES as TOPS

# What a table shows of a report: (name, path of keys, better, kind).
_PRECISIONS = ("AP", "AP50", "AP75")
_COSTS = (
    ("parameters", ("parameters",), "lower", "count"), ("size", ("MB",), "lower", "MB"),
    ("GFLOPs an image", ("GFLOPs",), "lower", "GFLOPs"),
    ("seconds an image, median", ("image", "median"), "lower", "seconds"),
    ("seconds an image, 95 %", ("image", "p95"), "lower", "seconds"),
    ("peak memory, pass", ("peak_memory_MB", "after the pass"), "lower", "MB"),
    ("peak memory, GPU", ("peak_memory_MB", "on the GPU"), "lower", "MB"))
_DECIMALS = {"share": 3, "count": 0, "seconds": 3, "MB": 1, "GFLOPs": 2}


def read(path: str | Path) -> dict:
    """A report of a file, or of the folder that holds its report.json.

    Raises:
        ValueError: it is none, or of another format.
        FileNotFoundError: there is none.
    """
    path = Path(path)
    path = path / "report.json" if path.is_dir() else path
    if not path.is_file():
        raise FileNotFoundError(f"There is no {path}: --compare takes the folders that "
                                "`benchmark --output` wrote, or their report.json.")
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        theirs = report["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no report of a benchmark: give its folder.") from error
    if theirs != reports.FORMAT:
        raise ValueError(f"{path} has format {theirs}, expected {reports.FORMAT}: run `benchmark` "
                         "once more, its network's results are still there.")
    return report


def compare(found: list[dict]) -> dict:
    """Compares reports.

    Args:
        found: at least two, see `read`.

    Returns:
        A dict: "reports", what each is of; "notes", why they may not compare; "tables", each with
        "title" and "rows" of "name", "values", "differences" from the first report, None where
        one has no such number, "better" ("higher" or "lower") and "kind" ("share", "count",
        "seconds", "MB", "GFLOPs").
    """
    kept = ("weights", "dataset", "images", "made")
    heads = [{**{key: each[key] for key in kept}, "name": name,
              "configuration": each["configuration"]["name"]}
             for each, name in zip(found, _names(found), strict=True)]
    tables = [_table(found, title, rows) for title, rows in _layout(found).items()]
    return {"reports": heads, "notes": _notes(found),
            "tables": [each for each in tables if each["rows"]]}


def _names(found) -> list[str]:
    """What the reports are called; numbered where some are called alike, as folders often are."""
    names = [each["name"] for each in found]
    if len(set(names)) == len(names):
        return names
    return [f"{name} ({number})" for number, name in enumerate(names, start=1)]


def _notes(found) -> list[str]:
    checks = {
        "Other data": lambda each: (each["dataset"]["folder"], each["dataset"]["sample"]),
        "Another part of the data": lambda each: each["dataset"]["subset"],
        "Other numbers of images": lambda each: each["images"],
        "Other numbers of garments": lambda each: each["items"],
        "Another machine: seconds do not compare": lambda each: each["environment"]["device"]}
    return [f"{what}: {'; '.join(str(key(each)) for each in found)}."
            for what, key in checks.items() if any(key(each) != key(found[0]) for each in found)]


def _layout(found) -> dict[str, list[tuple]]:
    """By title the rows of a table, as `_COSTS`."""
    tasks = _union(found, "tasks")
    layout = {"Average precision": [
        (f"{TITLES[task]} {name}", ("tasks", task, name), "higher", "share")
        for task in tasks for name in _PRECISIONS]}
    layout |= {f"AP by category, {TITLES[task]}": [
        (name, ("tasks", task, "per_class", name, "AP"), "higher", "share")
        for name in _union(found, "tasks", task, "per_class")] for task in tasks}
    layout |= {f"AP by subset, {TITLES[task]}": [
        (f"{division} {name}", ("tasks", task, "subsets", division, name, "AP"), "higher", "share")
        for division in _union(found, "tasks", task, "subsets")
        for name in _union(found, "tasks", task, "subsets", division)] for task in tasks}
    layout["Retrieval"] = [
        (f"{TITLES[task]} top-{name[3:]}", ("retrieval", task, name), "higher", "share")
        for task in _union(found, "retrieval") for name in TOPS]
    layout["Costs"] = [(name, ("costs", *path), better, kind)
                       for name, path, better, kind in _COSTS]
    return layout


def _union(found, *path) -> list[str]:
    """Keys of a dict in the reports, in their order."""
    return list(dict.fromkeys(key for each in found for key in _at(each, path) or ()))


def _at(report, path):
    """What stands at a path of keys; None where nothing does."""
    for key in path:
        report = report.get(key) if report else None
    return report


def _table(found, title, rows) -> dict:
    return {"title": title, "rows": [
        _row(name, [_at(each, path) for each in found], better, kind)
        for name, path, better, kind in rows if any(
            _at(each, path) is not None for each in found)]}


def _row(name, values, better, kind) -> dict:
    first = values[0]
    differences = [None, *(None if first is None or value is None else value - first
                           for value in values[1:])]
    return {"name": name, "values": values, "differences": differences, "better": better,
            "kind": kind}


def format_comparison(comparison: dict) -> str:
    """A comparison as text: a column for each report, its difference from the first beside it."""
    names = [each["name"] for each in comparison["reports"]]
    head = ["", names[0], *(title for name in names[1:] for title in (name, "+/-"))]
    parts = list(comparison["notes"])
    for each in comparison["tables"]:
        rows = [tuple(head), *(tuple(_cells(row)) for row in each["rows"])]
        parts.append(f"{each['title']}:\n{table(rows)}")
    return "\n\n".join(parts) + "\n"


def _cells(row):
    decimals = _DECIMALS[row["kind"]]
    yield row["name"]
    yield _text(row["values"][0], f",.{decimals}f")
    for value, difference in zip(row["values"][1:], row["differences"][1:], strict=True):
        yield _text(value, f",.{decimals}f")
        yield _text(difference, f"+,.{decimals}f")


def _text(value, form) -> str:
    return "-" if value is None else format(value, form)
