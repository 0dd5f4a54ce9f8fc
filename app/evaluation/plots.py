"""Plots as inline SVG. Their colours are variables of the page's style, for light, dark and printed pages."""

from collections.abc import Sequence
from html import escape

from app.evaluation.classes import Bin, ClassScores, Confusion

SIDE = 320
MARGIN = 56
CELL, MAX_MATRIX = 44, 640
ROW, BAR = 54, 12
NAME_CHARS = 18
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
MEASURES = ("precision", "recall", "F1")


def reliability_diagram(bins: Sequence[Bin]) -> str:
    """Draw the share of right results against the mean score of each bin. On the diagonal scores are as they should be.

    The area of a dot grows with its number of texts.
    """
    most = max(one.count for one in bins)
    parts = [_line(_x(0), _y(0), _x(1), _y(1), "diagonal")]
    for tick in TICKS:
        parts += [_line(_x(tick), _y(0), _x(tick), _y(1), "grid"), _line(_x(0), _y(tick), _x(1), _y(tick), "grid")]
        parts += [
            _text(_x(tick), _y(0) + 18, f"{tick:g}", "middle"),
            _text(_x(0) - 8, _y(tick) + 4, f"{tick:g}", "end"),
        ]
    for one in bins:
        x, y = _x(one.score), _y(one.accuracy)
        label = f"{one.count} texts, mean score {one.score:.3f}, {one.accuracy:.3f} right"
        parts += [_line(x, y, x, _y(one.score), "gap")]
        radius = 3 + 9 * (one.count / most) ** 0.5
        parts += [f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"><title>{label}</title></circle>']
    parts += [_text(_x(0.5), _y(0) + 40, "mean score", "middle")]
    parts += [f'<g transform="rotate(-90 14 {_y(0.5)})">{_text(14, _y(0.5), "share of right results", "middle")}</g>']
    return _svg("Reliability diagram", SIDE + 2 * MARGIN, SIDE + 1.5 * MARGIN, parts)


def heat_map(confusion: Confusion) -> str:
    """Draw a confusion matrix: rows are right classes, columns predicted ones, shades shares of rows."""
    names = [_short(name) for name in confusion.names]
    cell = max(14.0, min(CELL, MAX_MATRIX / len(names)))
    left, top = 9 * max(map(len, names)) + 16, 7 * max(map(len, names)) + 30
    parts = []
    for i, row in enumerate(confusion.counts):
        y = top + i * cell
        parts += [_text(left - 8, y + cell / 2 + 4, names[i], "end")]
        x = left + i * cell + cell / 2
        parts += [f'<g transform="rotate(-45 {x} {top - 8})">{_text(x, top - 8, names[i])}</g>']
        for j, count in enumerate(row):
            share = count / sum(row) if count else 0.0
            x = left + j * cell
            label = f"{names[i]} rated as {names[j]}: {count}"
            parts += [
                f'<rect class="{"hit" if i == j else "miss"}" x="{x}" y="{y}" width="{cell - 2}" height="{cell - 2}" '
                f'fill-opacity="{share:.3f}"><title>{escape(label)}</title></rect>'
            ]
            if count and cell >= 24:
                kind = "strong" if share > 0.5 else ""
                parts += [_text(x + cell / 2 - 1, y + cell / 2 + 3, str(count), "middle", kind)]
    size = cell * len(names)
    return _svg("Confusion matrix", left + size + top, top + size + 10, parts)


def class_bars(classes: Sequence[ClassScores]) -> str:
    """Draw precision, recall and F1 of each class as bars."""
    left = 9 * max(len(_short(one.name)) for one in classes) + 16
    parts = []
    for index, measure in enumerate(MEASURES):
        x = left + index * 100
        parts += [f'<rect class="measure{index}" x="{x}" y="4" width="12" height="12"/>', _text(x + 18, 14, measure)]
    for number, one in enumerate(classes):
        top = 30 + number * ROW
        parts += [_text(left - 8, top + 24, _short(one.name), "end")]
        for index, value in enumerate((one.precision, one.recall, one.f1)):
            y = top + index * (BAR + 2)
            parts += [f'<rect class="measure{index}" x="{left}" y="{y}" width="{value * SIDE:.1f}" height="{BAR}"/>']
            parts += [_text(left + value * SIDE + 6, y + 10, f"{value:.2f}")]
    return _svg("Precision, recall and F1 of each class", left + SIDE + 50, 30 + len(classes) * ROW, parts)


def _x(value: float) -> float:
    return MARGIN + value * SIDE


def _y(value: float) -> float:
    return MARGIN / 2 + (1 - value) * SIDE


def _short(name: str) -> str:
    return name if len(name) <= NAME_CHARS else name[: NAME_CHARS - 1] + "…"


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(title: str, width: float, height: float, parts: Sequence[str]) -> str:
    head = f'<svg role="img" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}">'
    return "\n".join([head, f"<title>{escape(title)}</title>", *parts, "</svg>"])
