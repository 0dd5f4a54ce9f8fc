"""The few elements of SVG that the pictures use."""

from collections.abc import Iterable
from html import escape

WIDTH = 860
INK, MUTED, LINE, PAPER = "#1f2933", "#52606d", "#9aa5b1", "#ffffff"
GREEN, GREY, ORANGE = "#e3f2ef", "#f1f3f5", "#fdf0e7"


def box(x: float, y: float, width: float, height: float, fill: str) -> str:
    """Return a rounded box with its corner at (x, y)."""
    size = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
    return f'<rect {size} rx="6" fill="{fill}" stroke="{LINE}"/>'


def text(x: float, y: float, text: str, *, size: int = 13, bold: bool = False, anchor: str = "middle") -> str:
    """Return one line of text; below size 12 it is grey."""
    colour, weight = (MUTED, "normal") if size < 12 else (INK, "bold" if bold else "normal")
    style = f'text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" fill="{colour}"'
    return f'<text x="{x:g}" y="{y:g}" {style}>{escape(text)}</text>'


def path(data: str) -> str:
    """Return a line with an arrow head at its end."""
    return f'<path d="{data}" fill="none" stroke="{INK}" marker-end="url(#arrow)"/>'


def svg(height: float, parts: Iterable[str], title: str) -> str:
    """Return the picture, which is WIDTH wide; the title is for screen readers."""
    tip = f'<path d="M0,0 L8,4 L0,8 z" fill="{INK}"/>'
    marker = f'<marker id="arrow" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">{tip}</marker>'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" font-family="sans-serif" role="img">'
    )
    paper = f'<rect width="{WIDTH}" height="{height:g}" fill="{PAPER}"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", f"<defs>{marker}</defs>", paper, *parts, "</svg>", ""])
