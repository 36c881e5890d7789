"""A benchmark report as one HTML file: every table, chart and gallery, without any other file."""

from pathlib import Path

from fashion.benchmark import galleries, gallery_garments, markup, page_figures, page_tables
from fashion.benchmark.report import caution, weights_text
from fashion.benchmark.sights import sights

_TOPS = {"top1": "top-1", "top10": "top-10"}
_SECTIONS = {"overview": "Overview", "categories": "Categories", "subsets": "Subsets",
             "retrieval": "Retrieval", "curves": "Precision and recall", "errors": "Errors",
             "scores": "Scores", "galleries": "Galleries", "costs": "Costs", "method": "Method"}


def write_page(path: str | Path, report: dict, scores=None) -> None:
    """Writes a report's page.

    Args:
        path: of the file.
        report: the dict of report.json.
        scores: `scoring.Scores`, for the galleries; None leaves them out.
    """
    contents = {
        "overview": [page_tables.tasks(report)],
        "categories": [page_tables.classes(report), page_tables.landmarks(report)],
        "subsets": [page_tables.subsets(report)],
        "retrieval": [page_tables.retrieval(report), page_figures.top_k(report),
                      page_tables.retrieval_subsets(report),
                      page_tables.retrieval_over_five(report)],
        "curves": [page_figures.precision_recall(report)],
        "errors": [page_figures.error_costs(report), page_figures.confusion(report),
                   *(page_tables.error_kinds(report, kind) for kind in ("bbox", "segm"))],
        "scores": [page_figures.calibration(report), page_tables.cuts(report)],
        "galleries": [] if scores is None else _galleries(scores),
        "costs": [_memory(report), page_tables.parts(report), page_tables.stages(report),
                  page_tables.published_costs(report)],
        "method": [_method(report)]}
    shown = {name: blocks for name, blocks in contents.items() if any(blocks)}
    body = "".join(markup.section(name, _SECTIONS[name], *blocks)
                   for name, blocks in shown.items())
    markup.write(path, f"Benchmark of {report['name']}",
                 f"{_header(report)}{_navigation(shown)}<main>{body}</main>{_footer(report)}")


def _galleries(scores) -> list[str]:
    seen = sights(scores)
    return [galleries.detections(scores, seen), galleries.masks(scores, seen),
            gallery_garments.landmarks(scores, seen), gallery_garments.retrieval(scores)]


def _navigation(names) -> str:
    links = "".join(f'<a href="#{name}">{_SECTIONS[name]}</a>' for name in names)
    return f"<nav>{links}</nav>"


def _header(report) -> str:
    dataset, text = report["dataset"], caution(report["dataset"])
    warning = f'<p class="warning">{text}</p>' if text else ""
    pairs = [
        ("Weights", weights_text(report["weights"])),
        ("Configuration", report["configuration"]["name"]),
        ("Data", f"{dataset['folder']}, {dataset['subset']}: {report['images']:,} images, "
                 f"{report['items']:,} garments"),
        ("Measured", f"{report['made'].replace('T', ' ')} on {report['environment']['device']}")]
    return (f"<header><h1>Benchmark of {markup.escape(report['name'])}</h1>{markup.facts(pairs)}"
            f"{warning}{_tiles(report)}</header>")


def _tiles(report) -> str:
    """The numbers that matter most, at a glance."""
    published = report["published"]["readme"]
    tiles = [_tile(f"AP, {name}", report["tasks"][task]["AP"],
                   published["tasks"].get(task, {}).get("AP"))
             for task, name in page_tables.TASKS.items() if task in report["tasks"]]
    numbers = report["retrieval"].get("retrieval")
    if numbers:
        best = max(published["retrieval"].values(), key=lambda each: each["top20"], default={})
        tiles += [_tile(f"{title}, retrieval", numbers[top], best.get(top))
                  for top, title in _TOPS.items()]
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _tile(title, value, published) -> str:
    beside = "" if published is None else f"<small>README {published:.3f}</small>"
    return (f'<div class="tile"><span>{markup.escape(title)}</span>'
            f"<b>{markup.number(value).text}</b>{beside}</div>")


def _memory(report) -> str:
    """Size of the network, and peak memory and time of the measurement."""
    costs = report["costs"]
    pairs = [("Network", f"{costs['parameters']:,} parameters, {costs['MB']:.1f} MB as float32, "
                         f"{costs['GFLOPs']:.2f} GFLOPs an image")]
    if costs["file_MB"]:
        pairs.append(("File of the weights", f"{costs['file_MB']:.1f} MB"))
    pairs.append(("Peak memory of the process", _listed(costs["peak_memory_MB"], "{:,.0f} MB")))
    pairs.append(("Time of this measurement", _listed(costs["seconds"], "{:,.1f} s")))
    return markup.facts(pairs)


def _listed(numbers: dict, form: str) -> str:
    return ", ".join(f"{name} {form.format(value)}" for name, value in numbers.items()
                     if value is not None)


def _method(report) -> str:
    """How it was measured, and what was met on the way."""
    pairs = [("Software", ", ".join(f"{name} {value}" for name, value in
                                    report["environment"].items() if name != "device"))]
    if report["limit"]:
        pairs.append(("Limit", f"about {report['limit']:,} images, spread evenly over the set"))
    pairs += [("Left out", f"{number:,} × {reason}") for reason, number in (
        report["skipped"] | report["landmark_counts"]).items()]
    pairs += [(what, name) for what, name in report["files"].items()]
    values = report["configuration"]["values"]
    knobs = [markup.row(name, [markup.Cell(str(value), "text")])
             for name, value in sorted(values.items())]
    return (markup.facts(pairs)
            + f"<details><summary>Configuration, {len(knobs)} values</summary>"
            + f'<div class="scroll"><table><tbody>{"".join(knobs)}</tbody></table></div></details>')


def _footer(report) -> str:
    return (f"<footer>Made {markup.escape(report['made'])}; the same numbers are in report.json "
            "and report.txt beside this file.</footer>")
