"""Texts in their formats: what remains of them, and the offsets of the rest."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from app.texts.document import Document

DATA = Path(__file__).parents[1] / "data" / "formats"


class Case(NamedTuple):
    """A text as it was sent, the format that is found, and the text itself."""

    format: str
    source: str
    text: str


def cases(name: str) -> Iterator[object]:
    """Yield the cases of a file."""
    _, *parts = (DATA / name).read_text(encoding="utf-8").split("\n######## ")
    for head, text in zip(parts[::2], parts[1::2], strict=True):
        title, _, source = head.partition("\n")
        title, _, text_format = title.partition(" | ")
        yield pytest.param(Case(text_format, source, text.partition("\n")[2].strip("\n")), id=title)


@pytest.mark.parametrize("case", [each for name in ("mail", "html", "markdown", "chat") for each in cases(f"{name}.txt")])
def test_a_text_is_read_in_its_format(case: Case) -> None:
    document = Document(case.source)
    assert (document.format, document.text) == (case.format, case.text)


_, *LOOK_ALIKES = (DATA / "plain.txt").read_text(encoding="utf-8").split("\n########\n")


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_a_text_that_looks_like_another_format_stays_as_it_is(text: str) -> None:
    document = Document(text)
    assert (document.format, document.text) == ("plain", text)
    assert document.source_span(1, 3) == (1, 3)
