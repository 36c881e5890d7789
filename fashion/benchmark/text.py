"""The report as text."""

from fashion.benchmark.errors import KINDS
from fashion.benchmark.report import caution
from fashion.evaluation import published
from fashion.evaluation.report import TITLES, format_all, number, table
from fashion.evaluation.retrieval_outcomes import NAMES as TOPS

_TOPS = [f"top-{name.removeprefix('top')}" for name in TOPS]
_FAMILIES = {"readme": "published (README)", "paper": "published (paper)"}


def format_report(report: dict) -> str:
    """All tables of a report, see `report.make`."""
    parts = [_head(report), format_all(report["tasks"] | report["retrieval"]),
             *(_subsets(report, task) for task, numbers in report["tasks"].items()
               if numbers.get("subsets")),
             *(_retrieval_subsets(report, task) for task in report["retrieval"]),
             _published(report), *_analysis(report["analysis"]), _parts(report["costs"]),
             _costs(report["costs"]),
             _cspn(report["published"]["cspn"])]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(report) -> str:
    dataset = report["dataset"]
    lines = [f"{report['weights']['file']} ({report['configuration']['name']}, weights "
             f"{report['weights']['fingerprint'][:8]})",
             f"{report['images']:,} {dataset['subset']} images with {report['items']:,} garments "
             f"of {dataset['folder']}",
             f"{report['made'].replace('T', ' ')}, " + ", ".join(
                 f"{name} {value}" for name, value in report["environment"].items())]
    if report["weights"]["refiner"]:
        lines.append(f"The landmarks are refined by {report['weights']['refiner']}, whose costs "
                     "are not counted.")
    if not dataset["is_whole_validation_set"]:
        lines.append(caution(dataset))
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
    rows = [("", *("queries", *_TOPS, "> 5", *_TOPS)[:6 * len(shown)]),
            ("all", *(cell for each in shown for cell in _tops(each)))]
    rows += [(f"{division} {name}", *(cell for each in shown
                                      for cell in _tops(each["subsets"][division][name])))
             for division, parts in numbers.get("subsets", {}).items() for name in parts]
    title = f"Retrieval with {TITLES[task]}, by subset of the queries"
    if len(shown) > 1:
        title += "; > 5: those with more than five right garments, which the paper asks"
    return f"{title}:\n{table(rows)}"


def _tops(numbers) -> list[str]:
    return [f"{numbers['queries']:,}", *(number(numbers[name]) for name in TOPS)]


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
    for task, ours in report["retrieval"].items():
        readme, paper = (report["published"]["readme"]["retrieval"],
                         report["published"]["paper"]["retrieval"][task])
        if task == "retrieval":  # with detected boxes; the README has no other
            lines += ["", _published_retrieval(TITLES[task], ours, ours, readme, "readme")]
        if ours["over_five"]["queries"]:
            lines += ["", _published_retrieval(
                f"{TITLES[task]}, more than five right", ours, ours["over_five"], paper, "paper")]
    return "\n".join(lines)


def _published_retrieval(title, ours, tops, theirs, family) -> str:
    rows = [(title, *_TOPS), (f"ours: {published.features_name(ours['features'])}",
                              *(number(tops[name]) for name in TOPS))]
    rows += [(f"{_FAMILIES[family]}: {features}", *(number(tops.get(name)) for name in TOPS))
             for features, tops in theirs.items()]
    return table(rows)


def _analysis(analysis):
    """Yields the tables of errors; for curves see the page."""
    for kind in ("bbox", "segm"):
        if kind in analysis:
            yield _errors(TITLES[kind], analysis[kind]["errors"])
            yield _scores(TITLES[kind], analysis[kind]["calibration"])
            yield _confusion(TITLES[kind], analysis[kind])


def _errors(title, errors) -> str:
    columns = ("objects", "right", *KINDS)
    rows = [("", *columns)]
    rows += [(name, *(f"{numbers[column]:,}" for column in columns))
             for name, numbers in errors["per_class"].items()]
    rows.append(("all", f"{errors['objects']:,}", f"{errors['right']:,}",
                 *(f"{errors['kinds'][kind]['count']:,}" for kind in KINDS)))
    rows.append((f"AP50 {number(errors['AP50'])}, to gain", "", "",
                 *(number(errors["kinds"][kind]["cost"]) for kind in KINDS)))
    return f"Kinds of errors, {title}:\n{table(rows)}"


def _scores(title, calibration) -> str:
    names = ("score", "precision", "recall", "F1")
    rows = [("", *names), *(
        (name, *(number((best or {}).get(each)) for each in names))
        for name, best in (*calibration["per_class"].items(), ("all", calibration["best"])))]
    return (f"The score of the greatest F1, {title}; calibration error "
            f"{number(calibration['error'])}:\n{table(rows)}")


def _confusion(title, analysed) -> str:
    """Lines and columns in the order of the classes; what is missed and what is not there last."""
    counts = analysed["confusion"]["counts"]
    names = [*analysed["errors"]["per_class"], "nothing there"]
    order = [*range(1, len(counts)), 0]
    rows = [("", *(f"as {class_id}" for class_id in order[:-1]), "missed")]
    rows += [(f"{row} {name}" if row else name, *(f"{counts[row][column]:,}" for column in order))
             for row, name in zip(order, names, strict=True)]
    return (f"What is taken for what, {title}, scores of at least "
            f"{analysed['confusion']['score']:.2f}:\n{table(rows)}")


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
              for when, megabytes in costs["peak_memory_MB"].items() if megabytes is not None]
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
