"""The report as text."""

from fashion.evaluation import published
from fashion.evaluation.report import TITLES, format_all, number, table
from fashion.evaluation.retrieval_outcomes import NAMES as TOPS

_FAMILIES = {"readme": "published (README)", "paper": "published (paper)"}


def format_report(report: dict) -> str:
    """All tables of a report, see `report.make`."""
    parts = [_head(report), format_all(report["tasks"] | report["retrieval"]),
             *(_subsets(report, task) for task, numbers in report["tasks"].items()
               if numbers.get("subsets")),
             *(_retrieval_subsets(report, task) for task in report["retrieval"]),
             _published(report), _parts(report["costs"]), _costs(report["costs"]),
             _cspn(report["published"]["cspn"])]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(report) -> str:
    dataset = report["dataset"]
    lines = [f"{report['weights']['file']} ({report['configuration']['name']}, weights "
             f"{report['weights']['fingerprint'][:8]})",
             f"{report['images']:,} {dataset['subset']} images with {report['items']:,} garments "
             f"of {dataset['folder']}"]
    if report["weights"]["refiner"]:
        lines.append(f"The landmarks are refined by {report['weights']['refiner']}.")
    if dataset["sample"]:
        lines.append("The data is a made-up sample: its numbers say nothing about photos.")
    lines += [f"{count:>8,}  {reason}" for reason, count in (
        report["skipped"] | report["landmark_counts"]).items()]
    return "\n".join(lines)


def _subsets(report, task) -> str:
    """A titled table of a task: a line for each subset, the paper's numbers at its end."""
    paper = report["published"]["paper"]["tasks"].get(task, {}).get("subsets", {})
    rows = [("", "objects", "images", *published.PRECISIONS, *(
        f"paper {name}" for name in published.PRECISIONS))]
    for division, parts in report["tasks"][task]["subsets"].items():
        for name, numbers in parts.items():
            theirs = paper.get(division, {}).get(name, {})
            rows.append((f"{division} {name}", f"{numbers['objects']:,}",
                         f"{numbers['images']:,}",
                         *(number(numbers[each]) for each in published.PRECISIONS),
                         *(number(theirs.get(each)) for each in published.PRECISIONS)))
    return f"{TITLES[task].capitalize()}, by subset:\n{table(rows)}"


def _retrieval_subsets(report, task) -> str:
    """A titled table of the queries by subset; with the paper's own queries beside, if any."""
    numbers = report["retrieval"][task]
    shown = [numbers, *([numbers["over_five"]] if numbers["over_five"]["queries"] else [])]
    rows = [("", *("queries", "top-1", "top-20", "> 5", "top-1", "top-20")[:3 * len(shown)]),
            ("all", *(cell for each in shown for cell in _few(each)))]
    rows += [(f"{division} {name}", *(cell for each in shown
                                      for cell in _few(each["subsets"][division][name])))
             for division, parts in numbers.get("subsets", {}).items() for name in parts]
    title = f"Retrieval with {TITLES[task]}, by subset of the queries"
    if len(shown) > 1:
        title += "; > 5: those with more than five right garments, which the paper asks"
    return f"{title}:\n{table(rows)}"


def _few(numbers) -> tuple[str, str, str]:
    return f"{numbers['queries']:,}", number(numbers["top1"]), number(numbers["top20"])


def _published(report) -> str:
    """Ours beside the two families of published numbers, which are kept apart."""
    rows = [("", "family", *published.PRECISIONS)]
    for task, numbers in report["tasks"].items():
        if task in published.README["tasks"]:
            rows.append((TITLES[task], "ours", *(number(numbers[name])
                                                 for name in published.PRECISIONS)))
            rows += [("", title, *(number(report["published"][family]["tasks"][task][name])
                                   for name in published.PRECISIONS))
                     for family, title in _FAMILIES.items()]
    lines = ["Beside Match R-CNN's published numbers:", table(rows)]
    lines += [f"{title}: {report['published'][family]['note']}."
              for family, title in _FAMILIES.items()]
    if "retrieval" in report["retrieval"]:
        lines += ["", _published_retrieval(report)]
    return "\n".join(lines)


def _published_retrieval(report) -> str:
    ours = report["retrieval"]["retrieval"]
    rows = [("detected boxes", *(f"top-{name[3:]}" for name in TOPS)),
            (f"ours: {published.features_name(ours['features'])}",
             *(number(ours[name]) for name in TOPS))]
    rows += [(f"published (README): {features}", *(number(tops[name]) for name in TOPS))
             for features, tops in report["published"]["readme"]["retrieval"].items()]
    return table(rows)


def _parts(costs) -> str:
    rows = [("part of the network", "parameters", "GFLOPs", "ms median", "ms 95 %")]
    rows += [(part["name"], f"{part['parameters']:,}", f"{part['GFLOPs']:.2f}",
              *_milliseconds(part["seconds"])) for part in costs["parts"]]
    height, width = costs["image_px"]
    return f"Costs of a photo molded to {height} x {width} px:\n{table(rows)}"


def _costs(costs) -> str:
    rows = [("stage, one photo at a time", "ms median", "ms 95 %")]
    rows += [(stage["name"], *_milliseconds(stage["seconds"])) for stage in costs["stages"]]
    rows.append(("an image", *_milliseconds(costs["image"])))
    lines = [table(rows),
             f"{costs['parameters']:,} parameters, {costs['MB']:.1f} MB as float32, "
             f"{costs['GFLOPs']:.1f} GFLOPs an image"]
    lines += [f"{megabytes:,.0f} MB of memory at most, {when}"
              for when, megabytes in (costs["peak_memory_MB"] or {}).items()]
    lines.append(", ".join(f"{name} {seconds:,.0f} s"
                           for name, seconds in costs["seconds"].items()))
    return "\n".join(lines)


def _cspn(published_costs) -> str:
    rows = [("stages", "GFLOPs", "MB of parameters", "normalised error")]
    rows += [(str(stage["stages"]), f"{stage['GFLOPs']}", f"{stage['MB']}", f"{stage['NE']:.4f}")
             for stage in published_costs["stages"]]
    return (f"Published for CSPN, about {published_costs['seconds']:.0f} s an image:\n"
            f"{table(rows)}\n{published_costs['note']}.")


def _milliseconds(seconds) -> tuple[str, str]:
    if seconds is None:
        return "-", "-"
    return f"{1e3 * seconds['median']:.1f}", f"{1e3 * seconds['p95']:.1f}"
