"""Texts in their formats: what remains of them, and the offsets of the rest."""

import time
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.texts.document import FORMATS, Document

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


@pytest.mark.parametrize(
    "case", [each for name in ("mail", "html", "markdown", "chat") for each in cases(f"{name}.txt")]
)
def test_a_text_is_read_in_its_format(case: Case) -> None:
    document = Document(case.source)
    assert (document.format, document.text) == (case.format, case.text)


_, *LOOK_ALIKES = (DATA / "plain.txt").read_text(encoding="utf-8").split("\n########\n")


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_a_text_that_looks_like_another_format_stays_as_it_is(text: str) -> None:
    document = Document(text)
    assert (document.format, document.text) == ("plain", text)
    assert document.source_span(1, 3) == (1, 3)


# pieces of all formats, one a line, as Python writes them
PIECES = [literal_eval(line) for line in (DATA / "pieces.txt").read_text(encoding="utf-8").splitlines()[1:]]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join), st.sampled_from(FORMATS))
def test_each_character_has_its_place_in_the_source(source: str, text_format: str) -> None:
    document = Document(source, text_format)
    spans = [document.source_span(offset, offset + 1) for offset in range(len(document.text))]
    for character, (start, end) in zip(document.text, spans, strict=True):
        written = source[start:end]
        assert written == character or character.isspace() or len(written) != 1
    assert spans == sorted(spans)
    assert all(0 <= start <= end <= len(source) for start, end in spans)
    if spans:
        assert document.source_span(0, len(spans)) == (spans[0][0], spans[-1][1])


def test_a_character_reference_is_one_character_of_the_text() -> None:
    source = "<p>Fish &amp; chips for 5&nbsp;&euro;</p>"
    document = Document(source)
    assert document.text == "Fish & chips for 5 €"
    assert source[slice(*document.source_span(5, 6))] == "&amp;"
    assert source[slice(*document.source_span(0, 12))] == "Fish &amp; chips"
    assert source[slice(*document.source_span(17, 20))] == "5&nbsp;&euro;"
    assert document.source_span(5, 5) == (8, 8)
    assert document.source_span(20, 20) == (37, 37)


def test_an_encoded_character_of_a_mail_is_one_character_of_the_text() -> None:
    source = (
        "From: a@b.example\nTo: c@d.example\nMIME-Version: 1.0\nContent-Type: text/plain; charset=shift_jis\n"
        "Content-Transfer-Encoding: quoted-printable\n\n=93=8C=8B=9E =83A=\n=83C"
    )
    document = Document(source)
    assert document.text == "東京 アイ"
    written = [source[slice(*document.source_span(offset, offset + 1))] for offset in range(5)]
    assert written == ["=93=8C", "=8B=9E", " ", "=83A", "=83C"]


def test_a_character_of_base64_stands_for_the_whole_body() -> None:
    body = "SGVsbG8gd29ybGQu"
    source = f"From: a@b.example\nTo: c@d.example\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\n{body}"
    document = Document(source)
    assert document.text == "Hello world."
    assert source[slice(*document.source_span(6, 11))] == body


@pytest.mark.parametrize("text_format", FORMATS)
@pytest.mark.parametrize(
    "source", ["", " \n ", "<nav></nav>", "<!-- -->", "> quoted", "```\ncode\n```", "From: a@b.c\nTo: d\n\n"]
)
def test_a_text_of_which_nothing_would_remain_stays_as_it_is(source: str, text_format: str) -> None:
    document = Document(source, text_format)
    assert document.text.split() in (source.split(), ["quoted"])
    assert document.source_span(0, 0)[0] <= len(source)


@pytest.mark.parametrize("text_format", ["html", "markdown", "email"])
@pytest.mark.parametrize("piece", PIECES, ids=range(len(PIECES)))
def test_a_text_of_one_piece_again_and_again_is_read_in_linear_time(piece: str, text_format: str) -> None:
    started = time.process_time()
    assert Document(piece * (8_000 // len(piece)), text_format).text
    # it takes 0.1 seconds at most; 64 million steps would take more than 1
    assert time.process_time() - started < 1


def test_tags_may_be_nested_without_a_limit() -> None:
    document = Document("<div>" * 20_000 + "deep" + "</div>" * 20_000)
    assert document.text == "deep"
    assert document.source_span(0, 4) == (100_000, 100_004)
