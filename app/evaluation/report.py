"""The HTML report of an evaluation: one file, without scripts, that loads nothing."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from app.evaluation.classes import calibration_error
from app.evaluation.evaluation import Evaluation, Mistake
from app.evaluation.plots import class_bars, heat_map, reliability_diagram
from app.evaluation.printed import class_cells, facts
from app.evaluation.session import Outcome

MAX_MISTAKES = 50
MAX_CHARS = 500
MAX_CLASSES = 40

STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --page: #ffffff; --faint: #d5dbe1; --good: #0f766e; --bad: #c2410c;
  --strong: #ffffff; --second: #2563eb; --third: #a16207; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --page: #14181d; --faint: #3a434d; --good: #2dd4bf;
  --bad: #fb923c; --strong: #14181d; --second: #60a5fa; --third: #facc15; } }
@media print { :root { color-scheme: light; --ink: #000000; --page: #ffffff; --faint: #cccccc; --good: #0f766e;
  --bad: #c2410c; --strong: #ffffff; --second: #2563eb; --third: #a16207; } section { break-inside: avoid; } }
* { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { text-align: left; padding: .25rem .75rem;
  border-bottom: 1px solid var(--faint); vertical-align: top; } td.number { text-align: right;
  font-variant-numeric: tabular-nums; } td.text { overflow-wrap: break-word; min-width: 5rem;
  max-width: 30rem; }
svg { max-width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg text.strong { fill: var(--strong); } .grid { stroke: var(--faint); } .diagonal { stroke: var(--ink);
  stroke-dasharray: 4 4; } .gap { stroke: var(--bad); stroke-width: 2; } .dot, .hit, .measure0 { fill: var(--good); }
.miss { fill: var(--bad); } .measure1 { fill: var(--second); } .measure2 { fill: var(--third); }
rect.hit, rect.miss { stroke: var(--faint); }
"""


def report(outcome: Outcome) -> str:
    """Return the page."""
    title = f"{outcome.request.operation} on {outcome.request.file.name}"
    parts = [f"<h1>{escape(title)}</h1>", f"<p>{outcome.ended:%Y-%m-%d %H:%M} UTC</p>"]
    parts += [f"<p>{escape(sentence)}</p>" for sentence in facts(outcome)]
    if outcome.evaluation is not None:
        parts += _sections(outcome.evaluation)
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
    )
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{body}\n</body>\n</html>\n'


def _sections(found: Evaluation) -> Iterator[str]:
    figures = [[name, f"{value:.4f}"] for name, value in found.figures.items()]
    baseline = [[f"baseline: {name}", f"{value:.4f}"] for name, value in found.baseline.items()]
    yield _section("Figures", _table([], [*figures, *baseline]), *found.notes)
    if found.bins:
        error = calibration_error(found.bins)
        note = f"Expected calibration error: {error:.4f}, in ten bins of equal width (C. Guo et al., ICML 2017)."
        yield _section("Scores and the share of right results", reliability_diagram(found.bins), note)
    if found.confusion is not None:
        note = "Rows are right classes, columns predicted ones. The colour is the share of the row."
        yield _section("Confusion matrix", heat_map(found.confusion), note)
    if found.classes:
        plot = class_bars(found.classes) if len(found.classes) <= MAX_CLASSES else ""
        head = ["class", "precision", "recall", "F1", "support"]
        yield _section("Classes", plot + _table(head, map(class_cells, found.classes)))
    if found.mistakes:
        shown = found.mistakes[:MAX_MISTAKES]
        head = ["line", "text", "right", "result", "score"]
        note = f"{len(shown)} of {len(found.mistakes)}; those with the highest scores come first."
        yield _section("Wrong results", _table(head, map(_mistake_cells, shown)), note)


def _mistake_cells(one: Mistake) -> list[str]:
    score = "" if one.score is None else f"{one.score:.4f}"
    return [str(one.line), _cut(one.text), _cut(one.right), _cut(one.predicted), score]


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARS else text[:MAX_CHARS] + "…"


def _section(title: str, content: str, *notes: str) -> str:
    sentences = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return f"<section><h2>{escape(title)}</h2>\n{content}\n{sentences}</section>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = "\n".join("<tr>" + "".join(map(_cell, cells)) + "</tr>" for cells in rows)
    return f"<table><thead><tr>{names}</tr></thead>\n<tbody>{lines}</tbody></table>"


def _cell(text: str) -> str:
    kind = "number" if text.replace(".", "", 1).isdecimal() else "text"
    return f'<td class="{kind}">{escape(text)}</td>'
