"""Replaces findings in texts: by masks, by nothing, or by placeholders that can be restored."""

import re
from collections.abc import Callable, Iterable

from app.pii.findings import Finding
from app.pii.kinds import KINDS

MASK = "*"
# `[EMAIL_1]`: models keep it, and JSON, URLs of most kinds and Markdown need no escapes for it
_FORM = "[{label}_{number}]"
LABELS = {kind: kind.upper() for kind in KINDS}
# any spelling in a text reserves its number, so that no text of the client's is taken for a placeholder
_RESERVED = re.compile(rf"({'|'.join(LABELS.values())})[\W_]{{0,4}}(\d{{1,9}})", re.IGNORECASE)

# returns the text that replaces a finding, from its kind and value
Replace = Callable[[str, str], str]


class Placeholders:
    """Numbers the values of one call by kind, in the order in which they come; equal values are one placeholder.

    `mapping` holds the value of each placeholder.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        """`texts` are all that a placeholder must not be mistaken in."""
        self.mapping: dict[str, str] = {}
        self._known: dict[tuple[str, str], str] = {}
        self._numbers: dict[str, int] = {}
        self._reserved = {(match[1].upper(), int(match[2])) for text in texts for match in _RESERVED.finditer(text)}

    def replace(self, kind: str, value: str) -> str:
        """Return the placeholder of a value."""
        key = kind, value
        if key not in self._known:
            self._known[key] = placeholder = self._next(LABELS[kind])
            self.mapping[placeholder] = value
        return self._known[key]

    def _next(self, label: str) -> str:
        number = self._numbers.get(label, 0) + 1
        while (label, number) in self._reserved:
            number += 1
        self._numbers[label] = number
        return _FORM.format(label=label, number=number)


def mask(_kind: str, value: str) -> str:
    """Return an asterisk for each character that is no white space."""
    return "".join(character if character.isspace() else MASK for character in value)


def remove(_kind: str, _value: str) -> str:
    """Return nothing."""
    return ""


def replace_findings(text: str, findings: Iterable[Finding], replace: Replace) -> str:
    """Return the text with each finding replaced; findings are in order, and none overlaps another."""
    parts: list[str] = []
    position = 0
    for finding in findings:
        parts += (text[position : finding.start], replace(finding.kind, text[finding.start : finding.end]))
        position = finding.end
    return "".join((*parts, text[position:]))
