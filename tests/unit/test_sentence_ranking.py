"""Sentences, their ranking, and summaries made of them."""

import pytest
import sentencex
from hypothesis import given, settings
from hypothesis import strategies as st

from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks import extractive_summary
from app.backends.tasks.sentence_ranking import (
    complete_sentences,
    rank,
    segments,
    select_central,
    split_sentences,
    truncate,
)
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


def test_sentences_are_distinct_without_list_marks_and_within_the_limit():
    text = "* The first one is here.\n\nThe first one is here. Fig. 3. " + "A very long sentence " * 30 + "ends here."
    assert split_sentences(text, 60) == ["The first one is here."]


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
        "The  result stands in this table.".replace("  ", "\u3000"),
    ],
)
def test_a_sentence_appears_letter_by_letter_as_it_stands_in_the_text(sentence):
    assert split_sentences(f"The report is here for all.\n{sentence} The end is near for all.", 60)[1] == sentence


@pytest.mark.parametrize("mark", ["- ", "* ", "• ", "# ", "### ", "> ", "> > ", "- # ", "*   "])
def test_a_list_mark_before_a_space_is_left_out(mark):
    assert split_sentences(f"{mark}The first one is here.", 60) == ["The first one is here."]


@pytest.mark.parametrize("text", ["《" * 39_000, "“a.”" * 5000, "Ships sank. " * 2000, "字。" * 9000, "x" * 20_000])
def test_the_splitting_library_sees_short_pieces_only(monkeypatch, text):
    seen = []

    def segment(language, piece):
        seen.append(len(piece))
        return sentencex.segment(language, piece)

    monkeypatch.setattr(sentences, "segment", segment)
    split_sentences(text, 60)
    complete_sentences(text)
    assert max(seen) <= 2000
    assert sum(seen) < 5 * len(text)


@given(TEXTS)
def test_segments_hold_each_letter_of_the_text(text):
    assert "".join("".join(segments(text * 20)).split()) == "".join((text * 20).split())


def test_a_sentence_that_two_windows_share_stays_whole():
    text = "The harbour was closed for the whole of that winter. " * 60
    assert set(segments(text)) == {"The harbour was closed for the whole of that winter. "}


def test_short_sentences_count_if_there_are_no_others():
    assert split_sentences("Yes. No. Maybe.", 60) == ["Yes.", "No.", "Maybe."]


def test_lines_replace_sentences_and_get_a_full_stop():
    assert split_sentences("milk\n\nbread,\n\neggs", 60) == ["milk.", "bread.", "eggs."]


def test_a_text_without_full_stops_is_broken_at_words():
    chunks = split_sentences("word " * 100, 20)
    assert all(chunk.endswith("…") and estimated_tokens(chunk) <= 20 for chunk in chunks)


def test_a_sentence_that_shares_words_with_others_ranks_before_one_that_shares_none():
    alone = ["Ann likes tea.", "Bob plays chess.", "Eve paints doors.", "Tom grows beans.", "Kim reads maps."]
    shared = ["Storms sank ships.", "Ships feared storms.", "Storms broke harbours.", "Harbours sheltered ships."]
    order = rank([*alone, *shared])
    assert order.index("Storms sank ships.") < order.index("Kim reads maps.")
    assert order[0] == alone[0]  # a text opens with its topic


def test_selection_keeps_order_and_budget_and_leaves_near_duplicates_out():
    found = ["The storm hit the harbour hard.", "The storm hit the harbour very hard.", "Boats sank.", "It was May."]
    kept = select_central(found, 20)
    assert kept == [sentence for sentence in found if sentence in kept]
    assert sum(map(estimated_tokens, kept)) <= 20
    assert len({"The storm hit the harbour hard.", "The storm hit the harbour very hard."} & set(kept)) == 1


def test_a_summary_is_extended_to_its_minimum_within_its_maximum():
    found = [f"Keeper{n} saw ship{n} near rock{n}." for n in range(20)]
    assert extractive_summary.summary(found[:1], found, 0, 100) == found[0]
    filled = extractive_summary.summary(found[:1], found, 40, 60)
    assert 40 <= estimated_tokens(filled) <= 60
    assert filled.startswith(found[0])


def test_a_minimum_beyond_the_text_returns_all_sentences():
    assert extractive_summary.summary([], ["One is here.", "Two went home."], 500, 500) == "One is here. Two went home."


def test_a_summary_is_cut_at_words_if_no_sentence_fits():
    assert extractive_summary.summary([], ["An incomprehensibly long sentence."], 0, 5) == "An…"
    assert truncate("one two three", 12) == "one two…"


@settings(deadline=None)
@given(TEXTS, st.integers(5, 60))
def test_every_text_with_candidates_has_a_prompt_a_grammar_and_a_summary(text, longest):
    found = split_sentences(text, longest)
    choices = extractive_summary.candidates(text, found, 0, longest)
    if choices:
        assert set(choices) <= set(found)
        assert extractive_summary.prompt(choices)
        assert extractive_summary.grammar(choices).startswith("root ::= (")
        assert extractive_summary.summary([], found, 0, longest)
        assert extractive_summary.parse_selection(" ".join(choices) + " ", choices) == choices
