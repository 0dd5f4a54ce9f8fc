"""Run the curl examples of README.md and docs/, and write their outputs into the pages.

    python -m scripts.examples http://localhost:8080 [NAME=VALUE ...]

A `console` block begins with a curl command and goes on with its output. A comment `<!-- settings: NAME=VALUE -->`
above a block names the settings that it needs; the command runs the blocks with exactly the settings that it is given.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# the examples of adding.md are parts of other pages
PAGES = [ROOT / "README.md", *sorted(set((ROOT / "docs").rglob("*.md")) - {ROOT / "docs" / "adding.md"})]
ADDRESS = "http://localhost:8080"
# they depend on earlier requests
VARIABLE = {"breakers"}
# their values are the same in each run
FIXED = {"access", "allowed", "code", "finish_reason", "limit", "message", "model", "object", "sentiment", "type"}

_BLOCK = re.compile(
    r"(?:<!-- settings: (?P<settings>[^\n]*) -->\n\n)?"
    r"```console\n\$ (?P<command>curl (?:[^\n]*\\\n)*[^\n]*)\n(?P<output>.*?)```",
    re.DOTALL,
)


@dataclass(frozen=True)
class Example:
    """A command of a page, the settings that it needs, and its output."""

    page: Path
    settings: tuple[str, ...]
    command: str
    output: str

    def run(self, url: str) -> str:
        """Return the output of the command against a service; JSON is indented."""
        command = self.command.replace(ADDRESS, url)
        shell = ["bash", "-c", command]
        done = subprocess.run(shell, capture_output=True, text=True, check=True, timeout=60)
        with suppress(json.JSONDecodeError):
            return json.dumps(json.loads(done.stdout), indent=2, ensure_ascii=False) + "\n"
        return done.stdout


def examples(page: Path) -> Iterator[Example]:
    """Yield the examples of a page."""
    for match in _BLOCK.finditer(page.read_text()):
        settings = tuple((match["settings"] or "").split())
        yield Example(page, settings, match["command"], match["output"])


def shape(output: str) -> Any:
    """Return the part of an output that is the same in each run: keys, types, and the values of some keys."""
    with suppress(json.JSONDecodeError):
        return _shape(json.loads(output))
    events = [line.removeprefix("data: ") for line in output.splitlines() if line]
    return [event if event == "[DONE]" else _shape(json.loads(event)) for event in events]


def _shape(value: Any, key: str = "") -> Any:
    if isinstance(value, dict) and key not in VARIABLE:
        return {name: _shape(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_shape(item, key) for item in value]
    return value if key in FIXED else type(value).__name__


def main(url: str, settings: tuple[str, ...]) -> None:
    """Write the outputs of the examples that need these settings."""
    for page in PAGES:
        text = page.read_text()
        for example in examples(page):
            if example.settings == settings:
                old = f"$ {example.command}\n{example.output}```"
                text = text.replace(old, f"$ {example.command}\n{example.run(url)}```")
        page.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1], tuple(sys.argv[2:]))
