"""The tables of a benchmark report's page. Each function takes the report; "" where it has none.

`report` is the dict of report.json, see `fashion.benchmark.report`.
"""

from fashion.benchmark import markup
from fashion.benchmark.errors import KINDS
from fashion.benchmark.markup import Cell, bar, count, escape, head, number, row, shaded, table
from fashion.evaluation import landmarks as landmark_tasks
from fashion.evaluation import published
from fashion.evaluation import retrieval as retrieval_tasks
from fashion.evaluation.report import TITLES
from fashion.evaluation.retrieval import NAMES as TOPS

TASKS = {task: TITLES[task] for task in ("bbox", "segm", *landmark_tasks.TASKS)}
_AGNOSTIC = {task: TITLES[task] for task in ("bbox_agnostic", "segm_agnostic")}
BOXES = {task: TITLES[task] for task in retrieval_tasks.TASKS}
LEVELS = published.PRECISIONS
_SIZES = {"AP_small": "small", "AP_medium": "medium", "AP_large": "large", "AR": "AR"}
_ATTRIBUTES = {"scale": "scale", "occlusion": "occlusion", "zoom_in": "zoom-in",
               "viewpoint": "viewpoint"}
_RANKS = [f"top-{name.removeprefix('top')}" for name in TOPS]


def tasks(report: dict) -> str:
    """Average precision of every task, beside what was published."""
    others = [report["published"][family]["tasks"] for family in ("readme", "paper")]
    rows = []
    for task, name in (TASKS | _AGNOSTIC).items():
        numbers = report["tasks"].get(task)
        if numbers:
            rows.append(row(name, [shaded(numbers[level]) for level in LEVELS],
                            [number(numbers.get(size)) for size in _SIZES],
                            *([number(family.get(task, {}).get(level), css="faint")
                               for level in LEVELS] for family in others)))
    if not rows:
        return ""
    return table(
        "<b>The four tasks.</b> COCO's average precision (AP: mean over IoU or OKS "
        "0.50:0.05:0.95), that of COCO's sizes (up to 32 x 32, 96 x 96 px, and above) of the "
        "annotated box, and average recall (AR).",
        head(("this report", list(LEVELS)), ("AP by size, and AR", list(_SIZES.values())),
             ("published, README", list(LEVELS)), ("published, paper", list(LEVELS))), rows,
        families(report))


def families(report: dict) -> str:
    """What the two families of published numbers are."""
    return " ".join(f"<b>{title}:</b> {escape(report['published'][family]['note'])}."
                    for family, title in (("readme", "README of DeepFashion2"),
                                          ("paper", "Paper (arXiv 1901.07973)")))


def classes(report: dict) -> str:
    """Average precision of every category."""
    shown = {task: name for task, name in TASKS.items()
             if "per_class" in report["tasks"].get(task, {})}
    if not shown:
        return ""
    rows = [row(each["name"], [count(each[name]) for name in ("items", "images", "detections")],
                *(_levels(report["tasks"][task]["per_class"].get(each["name"], {}))
                  for task in shown)) for each in report["classes"]]
    rows.append(row("all", [count(report["items"]), count(report["images"]), count(_sum(
        report, "detections"))], *(_levels(report["tasks"][task]) for task in shown), css="total"))
    return table("<b>Every category.</b> The last line is the mean over the categories that have "
                 "items; an image may count for several.",
                 head(("", ["items", "images", "detections"]),
                      *((name, list(LEVELS)) for name in shown.values())), rows)


def _levels(numbers: dict) -> list[Cell]:
    return [shaded(numbers.get("AP")), *(number(numbers.get(level)) for level in LEVELS[1:])]


def _sum(report, name):
    return sum(each[name] for each in report["classes"])


def landmarks(report: dict) -> str:
    """How far landmarks are off, by category."""
    shown = {task: TASKS[task] for task in TASKS
             if task.startswith("keypoints") and task in report["tasks"]}
    if not shown:
        return ""
    names = [each["name"] for each in report["classes"]]
    rows = [row(name, *(_errors(report["tasks"][task]["per_class"].get(name, {}))
                        for task in shown)) for name in names]
    rows.append(row("all", *(_errors(report["tasks"][task]) for task in shown), css="total"))
    return table(
        "<b>Landmarks in pixels.</b> Of the garments with landmarks that count (objects) the share "
        "that was found with an IoU of at least 0.5, and of those the share of landmarks within "
        "0.1 and 0.2 of the box's longer side (PCK) and their mean distance.",
        head(*((name, ["objects", "found", "PCK@0.1", "PCK@0.2", "px"])
               for name in shown.values())), rows)


def _errors(numbers: dict) -> list[Cell]:
    return [count(numbers.get("objects")), *(number(numbers.get(name)) for name in (
        "found", "PCK10", "PCK20")), number(numbers.get("error_px"), 1)]


def subsets(report: dict) -> str:
    """Average precision of the subsets, and of the whole set."""
    if not report["subsets"]:
        return ""
    rows = [row("items", *_subset_counts(report, "items"), [count(report["items"])]),
            row("images", *_subset_counts(report, "images"), [count(report["images"])])]
    paper = report["published"]["paper"]["tasks"]
    for task, name in TASKS.items():
        if task in report["tasks"]:
            rows += [_subset_row(report, report["tasks"][task], level,
                                 f"{name} {level}" if level == "AP" else level,
                                 shaded if level == "AP" else number,
                                 "rule" if level == "AP" else "faint") for level in LEVELS]
            rows.append(_subset_row(report, paper.get(task, {}), "AP", "AP, paper", number,
                                    "faint"))
    return table(
        "<b>Subsets.</b> Items of one scale, occlusion, zoom-in or viewpoint, as DeepFashion2 "
        "measures them: other items on the same photos are ignored, neither to be found nor false "
        "alarms, and photos without such an item are left out.",
        head(*_subset_titles(report), ("", ["all"])), rows,
        "Items of an attribute add up to all items; an image counts for every kind of item on it.")


def _subset_titles(report) -> list[tuple[str, list[str]]]:
    return [(_ATTRIBUTES.get(attribute, attribute), [each["name"] for each in values])
            for attribute, values in report["subsets"].items()]


def _subset_counts(report, name) -> list[list[Cell]]:
    return [[count(each[name]) for each in values] for values in report["subsets"].values()]


def _subset_row(report, numbers: dict, level, name, write, css="") -> str:
    """One number of all subsets and of the whole set; `write` makes its cells."""
    own = numbers.get("subsets", {})
    groups = [[write(own.get(attribute, {}).get(each["name"], {}).get(level)) for each in values]
              for attribute, values in report["subsets"].items()]
    return row(name, *groups, [write(numbers.get(level))], css=css)


def retrieval(report: dict) -> str:
    """Top-k of the garments that were searched, beside what was published."""
    rows = []
    for task, name in BOXES.items():
        numbers = report["retrieval"].get(task)
        if numbers:
            rows.append(row(f"{name}, {published.features_name(numbers['features'])}",
                            [shaded(numbers[top]) for top in TOPS],
                            [count(numbers[name]) for name in ("queries", "missed", "gallery")],
                            css="rule"))
            rows.append(row("by chance", [number(numbers[f"chance_{top}"]) for top in TOPS],
                            [Cell("")] * 3, css="faint"))
    if not rows:
        return ""
    for i, (features, numbers) in enumerate(report["published"]["readme"]["retrieval"].items()):
        rows.append(row(f"README, detected boxes, {features}",
                        [number(numbers.get(top)) for top in TOPS], [Cell("")] * 3,
                        css="faint" if i else "faint rule"))
    return table(
        "<b>Consumer-to-shop retrieval.</b> The share of garments on users' photos for which the "
        "first k garments found on shops' photos hold the same one. A garment that was missed, or "
        "detected as another category, has failed.",
        head(("", _RANKS), ("", ["queries", "missed", "gallery"])), rows,
        "Chance is what a gallery in random order would give.")


def retrieval_over_five(report: dict) -> str:
    """Top-k of the queries that the paper counts, beside its numbers."""
    ours = {name: report["retrieval"].get(task, {}).get("over_five")
            for task, name in BOXES.items()}
    if not any(numbers and numbers["queries"] for numbers in ours.values()):
        return ""
    rows = [row(name, [shaded(numbers[top]) for top in TOPS], [count(numbers["queries"])])
            for name, numbers in ours.items() if numbers]
    for task, name in BOXES.items():
        for features, numbers in report["published"]["paper"]["retrieval"].get(task, {}).items():
            rows.append(row(f"paper, {name}, {features}",
                            [number(numbers.get(top)) for top in TOPS], [Cell("")], css="faint"))
    return table("<b>Retrieval as the paper counts it:</b> only garments with more than five right "
                 "ones in the gallery are searched for.",
                 head(("", _RANKS), ("", ["queries"])), rows)


def retrieval_subsets(report: dict) -> str:
    """Top-k of the subsets."""
    if not report["subsets"] or not report["retrieval"]:
        return ""
    rows = []
    for task, name in BOXES.items():
        numbers = report["retrieval"].get(task)
        if numbers:
            rows.append(_subset_row(report, numbers, "queries", f"{name}, queries", count, "rule"))
            rows += [_subset_row(report, numbers, top, f"{name}, top-{top.removeprefix('top')}",
                                 shaded if top == "top1" else number) for top in TOPS]
            rows += _over_five_rows(report, task, numbers)
    return table("<b>Retrieval of the subsets</b>, by what the garment in question is like.",
                 head(*_subset_titles(report), ("", ["all"])), rows)


def _over_five_rows(report, task, numbers) -> list[str]:
    if not numbers.get("over_five", {}).get("queries"):
        return []
    rows = [_subset_row(report, numbers["over_five"], "top20", "more than five right, top-20",
                        number)]
    paper = report["published"]["paper"]["retrieval"].get(task, {})
    return rows + [_subset_row(report, theirs, "top20", f"paper, {features}, top-20", number,
                               "faint") for features, theirs in paper.items()]


def error_kinds(report: dict, kind: str) -> str:
    """How often each category meets each kind of error."""
    errors = report["analysis"].get(kind, {}).get("errors")
    if not errors:
        return ""
    columns = ("objects", "right", *KINDS)
    totals = {"objects": errors["objects"], "right": errors["right"],
              **{name: errors["kinds"][name]["count"] for name in KINDS}}
    rows = [row(name, *_error_cells(numbers)) for name, numbers in errors["per_class"].items()]
    rows.append(row("all", *_error_cells(totals), css="total"))
    return table(f"<b>Kinds of errors by category, {TASKS[kind]}.</b> False alarms count for the "
                 "category that was claimed, missed objects for their own; the darker, the more of "
                 "a line's errors.", head(("", list(columns[:2])), ("", list(KINDS))), rows)


def _error_cells(numbers):
    total = sum(numbers[kind] for kind in KINDS) or 1
    return ([count(numbers["objects"]), count(numbers["right"])],
            [markup.heat(f"{numbers[kind]:,}", 0.6 * numbers[kind] / total, "wrong")
             for kind in KINDS])


def cuts(report: dict, kind: str = "bbox") -> str:
    """Where each category's score is best cut off."""
    scored = report["analysis"].get(kind, {}).get("calibration")
    if not scored or not scored["best"]:
        return ""
    names = ("score", "precision", "recall", "F1")
    rows = [row(name, [number((best or {}).get(each)) for each in names])
            for name, best in scored["per_class"].items()]
    rows.append(row("all", [number(scored["best"][each]) for each in names], css="total"))
    return table("<b>The score that gives the greatest F1</b>, of each category and of all, and "
                 "what it gives.", head(("", list(names))), rows)


def parts(report: dict) -> str:
    """What each part of the network costs."""
    whole = report["costs"]
    rows = [row(each["name"], [count(each["parameters"]), bar(each["parameters"] / (
        whole["parameters"] or 1))], [number(each["GFLOPs"], 2), bar(each["GFLOPs"] / (
            whole["GFLOPs"] or 1))], _seconds(each["seconds"])) for each in whole["parts"]]
    rows.append(row("network", [count(whole["parameters"]), Cell("")],
                    [number(whole["GFLOPs"], 2), Cell("")], [Cell("")] * 2, css="total"))
    height, width = whole["image_px"]
    return table(f"<b>Parts of the network</b>, for a picture of {width} x {height} px; a "
                 "multiplication with its addition counts as two operations.",
                 head(("", ["parameters", ""]), ("", ["GFLOPs", ""]),
                      ("seconds an image", ["median", "95 %"])), rows)


def stages(report: dict) -> str:
    """What each step from the file to the result costs."""
    rows = [row(each["name"], _seconds(each["seconds"])) for each in report["costs"]["stages"]]
    rows.append(row("an image, from file to result", _seconds(report["costs"]["image"]),
                    css="total"))
    return table("<b>Steps of the pipeline</b>, one photo at a time on "
                 f"{escape(report['environment']['device'])}.",
                 head(("seconds an image", ["median", "95 %"])), rows)


def _seconds(times: dict | None) -> list[Cell]:
    return [number((times or {}).get(name), 4) for name in ("median", "p95")]


def published_costs(report: dict) -> str:
    """The size and the work of CSPN, the published network that says them."""
    cspn = report["published"].get("cspn")
    if not cspn:
        return ""
    rows = [row("this network", [number(report["costs"]["MB"], 0),
                                 number(report["costs"]["GFLOPs"], 1),
                                 number(report["costs"]["image"]["median"], 2), Cell("")])]
    rows += [row(f"CSPN, {each['stages']} stage{'s' if each['stages'] > 1 else ''}", [
        number(each["MB"], 0), number(each["GFLOPs"], 0),
        number(cspn["seconds"] if each["stages"] == 4 else None, 2), number(each["NE"], 4)],
        css="faint") for each in cspn["stages"]]
    return table("<b>Beside a network whose costs are published.</b>",
                 head(("", ["MB of parameters", "GFLOPs", "seconds an image", "NE"])), rows,
                 f"{escape(cspn['note'])}.")
