"""The table of docs/clients.md: the results of a run, one row a client."""

import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "clients.md"
COLUMNS = (
    "chat",
    "stream",
    "tools",
    "structured",
    "embeddings",
    "rerank",
    "tasks",
    "completions",
    "models",
    "errors",
    "likelihood",
    "counts",
)
MAX_REASON = 160

_BETWEEN_MARKERS = re.compile(r"(?<=<!-- results -->\n).*(?=<!-- end of results -->)", re.DOTALL)


@dataclass
class Result:
    """The results of one client: its version, each check's `ok` or reason, and a note."""

    name: str
    version: str
    note: str
    scripted: dict[str, str] = field(default_factory=dict)
    embedded: dict[str, str] = field(default_factory=dict)
    failure: str = ""

    def row(self) -> str:
        """Return the client's row of the table."""
        cells = [_cell(self.scripted.get(column)) for column in COLUMNS]
        engine = ", ".join(f"{check} {_cell(outcome)}" for check, outcome in self.embedded.items())
        return "| " + " | ".join([self.name, self.version, *cells, engine or "-", self._remarks()]) + " |"

    def failures(self) -> list[str]:
        """Return the reason of each check that failed."""
        groups = (("", self.scripted), ("embedded ", self.embedded))
        failed = [
            f"{prefix}{name}: {_reason(text)}"
            for prefix, group in groups
            for name, text in group.items()
            if text != "ok"
        ]
        return [self.failure, *failed] if self.failure else failed

    def _remarks(self) -> str:
        return "; ".join(filter(None, [self.note, *self.failures()])).replace("|", "\\|")


def _cell(outcome: str | None) -> str:
    return "-" if outcome is None else "ok" if outcome == "ok" else "**no**"


def _reason(text: str) -> str:
    line = " ".join(text.split())
    line = line if len(line) <= MAX_REASON else line[:MAX_REASON] + "..."
    return f"`{line.replace('`', '')}`"


def write(results: list[Result], version: str) -> None:
    """Write the results between the markers of the page."""
    checks = [outcome for one in results for group in (one.scripted, one.embedded) for outcome in group.values()]
    passed = checks.count("ok")
    run = f"Run of {date.today().isoformat()} with version {version} of the service"
    summary = f"{run}: {len(results)} clients, {passed} of {len(checks)} checks passed."
    head = "| client | version | " + " | ".join(COLUMNS) + " | embedded engine | remarks |"
    rule = "|---" * (len(COLUMNS) + 4) + "|"
    table = "\n".join(["", summary, "", head, rule, *(one.row() for one in results), "", ""])
    PAGE.write_text(_BETWEEN_MARKERS.sub(lambda match: table, PAGE.read_text()))
