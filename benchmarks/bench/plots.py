"""Draw plots as SVG: dots on a logarithmic axis, one line for each gateway, and curves of latency against rate."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, ROW, LEFT, RIGHT, TOP = 760, 30, 170, 90, 44
INK, FAINT, OURS = "#1f2933", "#d5dbe1", "#c2410c"
# begin and end of the curves' axes
ACROSS, UP = (70, WIDTH - 150), (400, 56)
LABEL = 15
COLOURS = ("#c2410c", "#0f766e", "#64748b", "#7c3aed", "#2563eb", "#a16207", "#be185d", "#15803d")

Lines = Mapping[str, Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class Axis:
    """A logarithmic axis: maps values from `low` to `high` to positions from `begin` to `end`."""

    low: float
    high: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        """Return the position of a value."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return round(self.begin + share * (self.end - self.begin), 1)

    def ticks(self) -> list[float]:
        """Return the powers of ten on the axis."""
        powers = range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1)
        return [10.0**power for power in powers]


def axis(values: Iterable[float], begin: float, end: float) -> Axis:
    """Return an axis between powers of ten that contains the values."""
    known = [value for value in values if 0 < value < math.inf]
    low, high = math.floor(math.log10(min(known))), math.ceil(math.log10(max(known)))
    return Axis(10.0**low, 10.0 ** max(high, low + 1), begin, end)


def dots(title: str, rows: Mapping[str, Sequence[float]], ours: str) -> str:
    """Return a plot with one row for each gateway: a dot for each round, and the median as a number."""
    rows = dict(sorted(((name, sorted(values)) for name, values in rows.items() if values), key=lambda row: row[1][0]))
    height = TOP + ROW * len(rows) + 30
    scale = axis((value for values in rows.values() for value in values), LEFT, WIDTH - RIGHT)
    parts = [_text(12, 24, title, size=15)]
    for tick in scale.ticks():
        parts += [_line(scale.at(tick), TOP - 8, scale.at(tick), height - 26)]
        parts += [_text(scale.at(tick), height - 10, f"{tick:,g}", anchor="middle")]
    for number, (name, values) in enumerate(rows.items()):
        y, colour = TOP + ROW * number + 10, OURS if name == ours else INK
        parts += [_text(LEFT - 12, y + 4, name, anchor="end", colour=colour)]
        parts += [f'<circle cx="{scale.at(value)}" cy="{y}" r="5" fill="{colour}" opacity="0.6"/>' for value in values]
        parts += [_text(scale.at(values[-1]) + 10, y + 4, short(values[len(values) // 2]), colour=colour)]
    return _svg(height, parts)


def curves(title: str, axes: tuple[str, str], lines: Lines, marks: Sequence[float]) -> str:
    """Return a plot of (x, y) curves, one for each gateway, with vertical lines at the marks."""
    lines = {name: points for name, points in lines.items() if points}
    points = [point for points in lines.values() for point in points]
    xs, ys = axis([x for x, _ in points] + list(marks), *ACROSS), axis([y for _, y in points], *UP)
    parts = [_text(12, 20, title, size=15), _text(ACROSS[1], UP[0] + 40, axes[0], "end"), _text(12, 42, axes[1])]
    for tick in ys.ticks():
        parts += [_line(ACROSS[0], ys.at(tick), ACROSS[1], ys.at(tick))]
        parts += [_text(ACROSS[0] - 8, ys.at(tick) + 4, f"{tick:,.0f}", "end")]
    for mark in marks:
        parts += [_line(xs.at(mark), UP[0], xs.at(mark), UP[1]), _text(xs.at(mark), UP[0] + 18, f"{mark:g}", "middle")]
    labels: list[float] = []
    for colour, (name, curve) in zip(COLOURS, lines.items(), strict=False):
        drawn = [(xs.at(x), ys.at(y)) for x, y in curve]
        path = " ".join(f"{x},{y}" for x, y in drawn)
        parts += [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>']
        parts += [f'<circle cx="{x}" cy="{y}" r="3.5" fill="{colour}"/>' for x, y in drawn]
        labels.append(_free(drawn[-1][1], labels))
        parts += [_text(ACROSS[1] + 8, labels[-1] + 4, name, colour=colour)]
    return _svg(UP[0] + 50, parts)


def _free(y: float, taken: Sequence[float]) -> float:
    """Return the nearest free position below the other labels."""
    while any(abs(y - other) < LABEL for other in taken):
        y += 1
    return y


def short(value: float) -> str:
    """Return a number with three significant digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = INK, size: int = 13) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}" font-size="{size}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{FAINT}"/>'


def _svg(height: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">'
    return "\n".join([head, f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>', *parts, "</svg>\n"])
