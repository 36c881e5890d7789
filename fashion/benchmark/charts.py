"""Charts as SVG inside a page: they stay sharp, and need no script."""

from typing import NamedTuple

from fashion.benchmark.markup import escape

# Okabe & Ito's colours, told apart with usual, red-, green- and blue-blind eyes.
BLUE, VERMILION, GREEN, ORANGE, PURPLE, GRAY = (
    "#0072b2", "#d55e00", "#009e73", "#e69f00", "#a0527f", "#7b8794")
_GRID, _AXIS = "#e4e8ec", "#8a949e"
_LEFT, _RIGHT, _TOP, _BOTTOM = 36, 8, 8, 34  # px around the field of a chart
_UNIT = ((0.0, 1.0), (0.0, 1.0))
_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


class Line(NamedTuple):
    """A line of a chart.

    Attributes:
        name: for the legend.
        points: [(x, y)]; y None leaves a point out.
        color: of the line.
        dash: SVG's dashes; "" draws it through.
        dots: whether its points are marked.
    """

    name: str
    points: list[tuple[float, float | None]]
    color: str
    dash: str = ""
    dots: bool = False


class Field:
    """The field of a chart, with its axes, in an SVG of (width, height) px.

    Args:
        x, y: titles of the axes; "" leaves room for none.
        limits: of x and of y.
        ticks: of x and of y.
        size: px.
    """

    def __init__(self, x: str, y: str, limits=_UNIT, ticks=(_QUARTERS, _QUARTERS),
                 size=(300, 230)):
        self.size, self._limits = size, limits
        self._left = _LEFT + (14 if y else -4)
        self._bottom = size[1] - (_BOTTOM if x else 20)
        self._parts: list[str] = []
        self._draw_axes(ticks)
        width, height = size
        if x:
            self.text((self._left + width - _RIGHT) / 2, height - 3, x, "middle", "ink")
        if y:
            middle = (_TOP + self._bottom) / 2
            self._parts.append(f'<text class="ink" text-anchor="middle" transform="translate(11 '
                               f'{middle:.0f}) rotate(-90)">{escape(y)}</text>')

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the field lies, px."""
        (x0, x1), (y0, y1) = self._limits
        return (self._left + (x - x0) / (x1 - x0) * (self.size[0] - _RIGHT - self._left),
                self._bottom - (y - y0) / (y1 - y0) * (self._bottom - _TOP))

    def _draw_axes(self, ticks) -> None:
        (x0, x1), (y0, y1) = self._limits
        for value in ticks[1]:
            self.rule((x0, value), (x1, value), _GRID if value != y0 else _AXIS)
            left, middle = self.at(x0, value)
            self.text(left - 5, middle + 4, f"{value:g}", "end")
        for value in ticks[0]:
            self.rule((value, y0), (value, y1), _GRID if value != x0 else _AXIS)
            middle, bottom = self.at(value, y0)
            self.text(middle, bottom + 14, f"{value:g}", "middle")

    def text(self, x: float, y: float, content: str, anchor: str = "start", css: str = "") -> None:
        """Writes at a place in px."""
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{css}">'
                           f"{escape(content)}</text>")

    def rule(self, start, end, color: str, dash: str = "") -> None:
        """Draws a thin straight line between two points of the field."""
        (x1, y1), (x2, y2) = self.at(*start), self.at(*end)
        self._parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                           f'stroke="{color}"{_dashed(dash)}/>')

    def line(self, line: Line) -> None:
        """Draws a line of values."""
        points = [self.at(x, y) for x, y in line.points if y is not None]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(
            f'<polyline points="{path}" fill="none" stroke="{line.color}" stroke-width="1.8" '
            f'stroke-linejoin="round"{_dashed(line.dash)}><title>{escape(line.name)}</title>'
            "</polyline>")
        if line.dots:
            self._parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{line.color}"/>'
                            for x, y in points]

    def box(self, low, high, color: str, title: str, opacity: float = 1.0) -> None:
        """Fills the rectangle between two corners of the field."""
        (x1, y2), (x2, y1) = self.at(*low), self.at(*high)
        self._parts.append(
            f'<rect x="{x1:.1f}" y="{y1:.1f}" width="{x2 - x1:.1f}" height="{y2 - y1:.1f}" '
            f'fill="{color}" fill-opacity="{opacity}"><title>{escape(title)}</title></rect>')

    def to_svg(self, label: str) -> str:
        """The chart; `label` is for those who cannot see it."""
        return (f'<svg viewBox="0 0 {self.size[0]} {self.size[1]}" role="img" '
                f'aria-label="{escape(label)}">{"".join(self._parts)}</svg>')


def _dashed(dash):
    return f' stroke-dasharray="{dash}"' if dash else ""


def lines(label: str, series: list[Line], field: Field) -> str:
    """A chart of lines."""
    for line in series:
        field.line(line)
    return field.to_svg(label)


def legend(series: list[Line]) -> str:
    """What the lines of charts mean."""
    items = "".join(
        f'<li><svg viewBox="0 0 30 8" aria-hidden="true"><line x1="0" y1="4" x2="30" y2="4" '
        f'stroke="{line.color}" stroke-width="2.4"{_dashed(line.dash)}/></svg>'
        f"{escape(line.name)}</li>" for line in series)
    return f'<ul class="legend">{items}</ul>'


def titled(title: str, detail: str, chart: str) -> str:
    """A chart under its title."""
    return (f'<div class="chart"><h4>{escape(title)} <span>{escape(detail)}</span></h4>{chart}'
            "</div>")


def grid(charts: list[str], is_small: bool = False) -> str:
    """Charts side by side, as many as the page is wide."""
    return f'<div class="charts{" small" if is_small else ""}">{"".join(charts)}</div>'
