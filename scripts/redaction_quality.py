"""Writes recall and false alarms of the rules for personal data into docs/redaction.md: `make redaction-quality`."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from app.pii.detector import find_personal_data
from app.pii.kinds import RULE_KINDS

ROOT = Path(__file__).parents[1]
DATA = ROOT / "tests/data/quality/pii.jsonl"
PAGE = ROOT / "docs/redaction.md"
BEGIN, END = "<!-- quality: begin -->", "<!-- quality: end -->"

Span = tuple[str, int, int]
# one regular expression for each kind, as they are found in tutorials
_BASELINE = {
    "email": r"[\w.+-]+@[\w-]+\.[\w.-]+",
    "phone": r"\+?\d[\d ()./-]{7,}\d",
    "iban": r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}",
    "card": r"\b(?:\d[ -]?){13,16}\b",
    "national_id": r"\b\d{3}-\d{2}-\d{4}\b|\b\d{9,11}\b",
    "ip": r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
    "mac": r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}",
}


def by_rules(text: str) -> list[Span]:
    """Return what the rules find."""
    return [(one.kind, one.start, one.end) for one in find_personal_data(text, RULE_KINDS)]


def by_expressions(text: str) -> list[Span]:
    """Return what the regular expressions find."""
    return [(kind, *match.span()) for kind, pattern in _BASELINE.items() for match in re.finditer(pattern, text)]


def read_samples() -> list[dict[str, Any]]:
    """Return the texts; the first line describes the file."""
    return [json.loads(line) for line in DATA.read_text().splitlines()[1:]]


def table(samples: Iterable[dict[str, Any]]) -> str:
    """Return the table of recall and false alarms by kind, in Markdown."""
    rows = list(samples)
    finders = (by_rules, by_expressions)
    counted = [_counted(rows, find) for find in finders]
    planted = Counter(kind for row in rows for kind, _, _ in row["entities"])
    clean = sum(not row["entities"] for row in rows)
    lines = [
        f"{len(rows) - clean} texts of {len({row['country'] for row in rows} - {None})} countries with "
        f"{planted.total()} identifiers, and {clean} texts with look-alikes:",
        "",
        "| kind | planted | found by the rules | false alarms | found by regular expressions | false alarms |",
        "|---|---|---|---|---|---|",
    ]
    for kind in [*planted, "all"]:
        cells = [str(counts[kind]) for pair in counted for counts in pair]
        lines.append(f"| {kind} | {planted.total() if kind == 'all' else planted[kind]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _counted(rows: list[dict[str, Any]], find: Callable[[str], list[Span]]) -> tuple[Counter[str], Counter[str]]:
    """Return how many are found with their kind and complete, and how many findings touch no identifier."""
    found: Counter[str] = Counter()
    false: Counter[str] = Counter()
    for row in rows:
        spans = find(row["text"])
        for kind, start, end in row["entities"]:
            hit = any(one == kind and first <= start and end <= last for one, first, last in spans)
            found.update({kind: hit, "all": hit})
        for kind, first, last in spans:
            touches = any(first < end and start < last for _, start, end in row["entities"])
            false.update({kind: not touches, "all": not touches})
    return found, false


def page_with(figures: str) -> str:
    """Return the page with new figures."""
    before, rest = PAGE.read_text().split(BEGIN)
    return f"{before}{BEGIN}\n{figures}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(page_with(table(read_samples())))
    print(table(read_samples()))
