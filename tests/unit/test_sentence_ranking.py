"""Sentences of texts."""

import pytest
import sentencex
from hypothesis import given, settings
from hypothesis import strategies as st

from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.sentence_ranking import complete_sentences, leading_sentences, segments, truncate
from app.backends.tasks.summaries import extractive
from app.backends.tasks.summaries.lengths import fair_tokens
from app.backends.tasks.summaries.salience import words_of
from app.backends.types import SummaryRequest
from app.texts import sentences

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=300)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One is here. Two is cu", "One is here."),
        ("One is here. Two is here!", "One is here. Two is here!"),
        ('He said "stop." Then', 'He said "stop."'),
        ("No end at all", "No end at all…"),
        ("一つ。二つ", "一つ。"),
        ("  ", ""),
        ("Dr. Moor built i", "Dr. Moor built i…"),
    ],
)
def test_a_cut_off_sentence_is_left_out_or_gets_an_ellipsis(text, expected):
    assert complete_sentences(text) == expected


@pytest.mark.parametrize(
    "sentence",
    [
        "-12% growth was seen in Europe.",
        "- 40 degrees were measured in the town.",
        "--author names the person who wrote it.",
        "-v prints more of it.",
        "#1 in the ranking is this book.",
        "**Bold** words begin this sentence.",
        "> 5 % of all users left.",
        "~ 3 hours were lost in traffic.",
        "=SUM(A1) adds up the cells.",
        "|x| is never a negative number.",
        "•item without a space after it.",
        "- $5 were taken from the account.",
        "12\u00a0000 people came to the fair.",
        "-.5 was the lowest value seen.",
        "The\u3000result stands in this table.",
    ],
)
def test_a_sentence_appears_letter_by_letter_as_it_stands_in_the_text(sentence):
    assert (
        extractive.sentences_of(f"The report is here for all.\n{sentence} The end is near for all.", "en")[1]
        == sentence
    )


@pytest.mark.parametrize("mark", ["- ", "* ", "• ", "# ", "### ", "> ", "> > ", "- # ", "*   "])
def test_a_list_mark_before_a_space_is_left_out(mark):
    assert extractive.sentences_of(f"{mark}The first one is here.", "en") == ["The first one is here."]


@pytest.mark.parametrize("text", ["《" * 39_000, "“a.”" * 5000, "Ships sank. " * 2000, "字。" * 9000, "x" * 20_000])
def test_the_splitting_library_sees_short_pieces_only(monkeypatch, text):
    seen = []

    def segment(language, piece):
        seen.append(len(piece))
        return sentencex.segment(language, piece)

    monkeypatch.setattr(sentences, "segment", segment)
    extractive.sentences_of(text, None)
    complete_sentences(text)
    assert max(seen) <= 2000
    assert sum(seen) < 5 * len(text)


@given(TEXTS)
def test_segments_hold_each_letter_of_the_text(text):
    assert "".join("".join(segments(text * 20)).split()) == "".join((text * 20).split())


def test_a_sentence_that_two_windows_share_stays_whole():
    text = "The harbour was closed for the whole of that winter. " * 60
    assert set(segments(text)) == {"The harbour was closed for the whole of that winter. "}


def test_leading_sentences_are_whole_unless_too_little_would_remain():
    text = "One is here. Two is here. Three is here."
    assert leading_sentences(text, 10) == "One is here. Two is here."
    assert estimated_tokens(leading_sentences("word " * 100, 20)) <= 20


def test_a_text_is_truncated_at_a_word():
    assert truncate("one two three", 12) == "one two…"
    assert truncate("An incomprehensibly long sentence.", 5) == "An…"


@pytest.mark.parametrize(
    ("text", "words", "tokens"),
    [
        ("मेट्रो लाइन।", {"मेट्रो", "लाइन"}, 5),
        ("L'écran naïf, 12.5 €", {"l", "écran", "naïf", "12", "5", "€"}, 9),
        ("灯塔建于1852年。", {"灯塔", "塔建", "建于", "于", "1852", "年", "灯", "塔", "建"}, 8),
        ("البطارية لا تدوم.", {"البطارية", "لا", "تدوم"}, 7),
    ],
)
def test_words_and_tokens_are_those_of_the_script(text, words, tokens):
    assert words_of(text) == words
    assert fair_tokens(text) == tokens


@settings(deadline=None)
@given(TEXTS, st.integers(5, 60), st.one_of(st.none(), st.integers(1, 5)), st.sampled_from(["", "storm"]))
def test_every_summary_is_made_of_whole_sentences_in_their_order(text, longest, count, focus):
    request = SummaryRequest(text, longest, length=count, style="bullets", focus=focus)
    found = extractive.sentences_of(text, None)
    items = list(extractive.summarize(request, found).items)
    assert items == [sentence for sentence in found if sentence in items] or not found
    assert len(items) <= (count or len(items))
    assert len(items) == 1 or sum(map(fair_tokens, items)) <= longest
