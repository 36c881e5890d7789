"""HTML of a page of tables and figures: one file that needs no other and no script."""

import base64
import html
from pathlib import Path
from typing import NamedTuple

from mrcnn.files import atomic_path

NOTHING = "–"  # there is nothing to measure
_STYLE = Path(__file__).with_name("page.css")


class Cell(NamedTuple):
    """A cell of a table.

    Attributes:
        text: what it says; escaped here.
        css: classes of page.css.
        style: CSS of its own.
        title: what a pointer that rests on it is told.
    """

    text: str
    css: str = ""
    style: str = ""
    title: str = ""

    def to_html(self, more: str = "") -> str:
        css = " ".join(filter(None, (self.css, more)))
        written = "".join(f' {name}="{escape(value)}"' for name, value in (
            ("class", css), ("style", self.style), ("title", self.title)) if value)
        return f"<td{written}>{escape(self.text)}</td>"


def escape(value) -> str:
    """Any value as text that HTML takes for nothing else."""
    return html.escape(str(value))


def number(value: float | None, decimals: int = 3, css: str = "") -> Cell:
    """A number with so many decimals."""
    return Cell(NOTHING if value is None else f"{value:.{decimals}f}", css)


def count(value: int | None, css: str = "") -> Cell:
    """A whole number."""
    return Cell(NOTHING if value is None else f"{value:,}", css)


def heat(text: str, share: float, css: str = "heat", title: str = "") -> Cell:
    """A cell the darker the greater a share, 0 to 1, is."""
    share = min(max(share, 0.0), 1.0)
    return Cell(text, f"{css} dark" if share > 0.6 else css, f"--heat:{share:.2f}", title)


def shaded(value: float | None, css: str = "heat") -> Cell:
    """A number 0 to 1 on a ground that shows how great it is."""
    return number(value) if value is None else heat(f"{value:.3f}", 0.45 * value, css)


def bar(share: float) -> Cell:
    """A cell with a bar, its length a share, 0 to 1, of the cell."""
    return Cell("", "bar", f"--bar:{100 * min(max(share, 0.0), 1.0):.1f}%")


def row(name: str, *groups: list[Cell], css: str = "") -> str:
    """A table's row: its name, and its cells in groups that stand apart."""
    cells = "".join(cell.to_html("" if i else "first")
                    for group in groups for i, cell in enumerate(group))
    return f'<tr class="{css}"><th scope="row">{escape(name)}</th>{cells}</tr>'


def head(*groups: tuple[str, list[str]], name: str = "") -> str:
    """A table's head: titles of groups, and below them those of their columns."""
    over = "".join(f'<th class="group first" scope="colgroup" colspan="{len(titles)}">'
                   f"<span>{escape(title)}</span></th>" for title, titles in groups)
    over = f"<tr><td></td>{over}</tr>" if any(title for title, _ in groups) else ""
    titles = "".join(f'<th scope="col"{"" if i else " class=first"}>{escape(title)}</th>'
                     for _, titles in groups for i, title in enumerate(titles))
    return f'{over}<tr><th scope="col">{escape(name)}</th>{titles}</tr>'


def table(caption: str, heading: str, rows: list[str], note: str = "", css: str = "") -> str:
    """A numbered table.

    Args:
        caption: HTML.
        heading: as `head` makes it.
        rows: as `row` makes them.
        note: HTML, in small below the table.
        css: classes of the table.
    """
    below = f'<p class="note">{note}</p>' if note else ""
    return (f'<figure class="table"><figcaption>{caption}</figcaption><div class="scroll">'
            f'<table class="{css}"><thead>{heading}</thead><tbody>{"".join(rows)}</tbody></table>'
            f"</div>{below}</figure>")


def figure(caption: str, content: str) -> str:
    """A numbered figure; caption and content are HTML."""
    return f'<figure class="figure"><figcaption>{caption}</figcaption>{content}</figure>'


def section(name: str, title: str, *blocks: str) -> str:
    """A section with an anchor; nothing if it has no content."""
    content = "".join(blocks)
    return f'<section id="{name}"><h2>{escape(title)}</h2>{content}</section>' if content else ""


def facts(pairs: list[tuple[str, str]]) -> str:
    """A list of names and texts."""
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in pairs)
    return f'<dl class="facts">{items}</dl>'


def picture(data: bytes, alt: str, css: str = "") -> str:
    """A JPEG picture inside the page."""
    text = base64.b64encode(data).decode("ascii")
    written = f' class="{css}"' if css else ""
    return f'<img{written} alt="{escape(alt)}" src="data:image/jpeg;base64,{text}">'


def write(path: str | Path, title: str, body: str) -> None:
    """Writes a page; whoever opens it sees it whole or not at all.

    Args:
        path: of the file.
        title: of the browser's window.
        body: HTML.
    """
    text = ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(title)}</title><style>\n{_STYLE.read_text(encoding='utf-8')}</style>"
            f"</head><body>\n{body}\n</body></html>\n")
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
