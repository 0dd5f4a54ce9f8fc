"""The findings of a detector in a text."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Personal data between two offsets of a text, in code points.

    `checked` means that a checksum or the rules of a numbering plan confirm it, and `labelled` that a word before it
    says what it is. `name` and `country` say which identifier it is, such as `nir` and `FR`; None where the kind has
    no countries.
    """

    kind: str
    start: int
    end: int
    checked: bool = False
    labelled: bool = False
    country: str | None = None
    name: str | None = None


def without_overlaps(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings in the order of the text; where some overlap, the first one of the list stays."""
    chosen: list[Finding] = []
    taken: set[int] = set()
    for finding in findings:
        span = range(finding.start, finding.end)
        if taken.isdisjoint(span):
            taken.update(span)
            chosen.append(finding)
    return sorted(chosen, key=lambda finding: finding.start)
