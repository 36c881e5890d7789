"""Several benchmark reports beside each other, as one HTML file."""

from pathlib import Path

from fashion.benchmark import markup
from fashion.benchmark.markup import Cell
from fashion.benchmark.report import weights_text

_DECIMALS = {"share": 3, "seconds": 3, "MB": 1, "GFLOPs": 2}


def write_page(path: str | Path, comparison: dict) -> None:
    """Writes the page of a comparison.

    Args:
        path: of the file.
        comparison: the dict of comparison.json, see `fashion.benchmark.compare`.
    """
    names = [each["name"] for each in comparison["reports"]]
    notes = "".join(f'<p class="warning">{markup.escape(note)}</p>'
                    for note in comparison["notes"])
    tables = "".join(_table(each, names) for each in comparison["tables"])
    title = f"Comparison of {', '.join(names)}"
    markup.write(path, title, f"<header><h1>{markup.escape(title)}</h1>"
                 f"{_reports(comparison['reports'])}<p>Differences are to {markup.escape(names[0])}"
                 f".</p>{notes}</header><main>{tables}</main>")


def _reports(reports) -> str:
    return markup.facts([(each["name"], (
        f"{weights_text(each['weights'])}, configuration "
        f"{each['configuration']}, {each['images']:,} images of {each['dataset']['folder']}, "
        f"{each['dataset']['subset']}; {each['made'].replace('T', ' ')}")) for each in reports])


def _table(table: dict, names: list[str]) -> str:
    rows = [_row(each) for each in table["rows"]]
    groups = [(names[0], [""]), *((name, ["", "difference"]) for name in names[1:])]
    return markup.table(f"<b>{markup.escape(table['title'])}</b>", markup.head(*groups), rows)


def _row(each: dict) -> str:
    cells = [[_number(value, each["kind"])] for value in each["values"]]
    for group, difference in zip(cells[1:], each["differences"][1:], strict=True):
        group.append(_difference(difference, each))
    return markup.row(each["name"], *cells)


def _number(value, kind) -> Cell:
    return markup.count(value) if kind == "count" else markup.number(value, _DECIMALS[kind])


def _difference(value, each) -> Cell:
    """A number with its sign, green where it is better than the first."""
    if value is None:
        return Cell(markup.NOTHING)
    text = f"{value:+,}" if each["kind"] == "count" else f"{value:+.{_DECIMALS[each['kind']]}f}"
    if not text.strip("+-0.,"):
        return Cell("=", "faint")
    is_better = (value > 0) == (each["better"] == "higher")
    return Cell(text, "better" if is_better else "worse")
