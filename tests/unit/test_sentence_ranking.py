"""Sentences, their ranking, and summaries made of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks import extractive_summary
from app.backends.tasks.sentence_ranking import complete_sentences, rank, select_central, split_sentences, truncate

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=300)


@pytest.mark.parametrize(
    ("text", "whole"),
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
def test_a_cut_sentence_is_left_out_or_shown_as_cut(text, whole):
    assert complete_sentences(text) == whole


def test_sentences_are_distinct_clean_and_within_the_limit():
    text = "* The first one is here.\n\nThe first one is here. Fig. 3. " + "A very long sentence " * 30 + "ends here."
    assert split_sentences(text, 60) == ["The first one is here."]


def test_short_sentences_count_where_there_are_no_others():
    assert split_sentences("Yes. No. Maybe.", 60) == ["Yes.", "No.", "Maybe."]


def test_lines_stand_in_for_sentences_and_are_made_to_end_whole():
    assert split_sentences("milk\n\nbread,\n\neggs", 60) == ["milk.", "bread.", "eggs."]


def test_a_text_that_never_ends_is_broken_at_words():
    pieces = split_sentences("word " * 100, 20)
    assert all(piece.endswith("…") and estimated_tokens(piece) <= 20 for piece in pieces)


def test_a_sentence_that_shares_its_words_with_others_comes_before_one_that_shares_none():
    alone = ["Ann likes tea.", "Bob plays chess.", "Eve paints doors.", "Tom grows beans.", "Kim reads maps."]
    shared = ["Storms sank ships.", "Ships feared storms.", "Storms broke harbours.", "Harbours sheltered ships."]
    order = rank([*alone, *shared])
    assert order.index("Storms sank ships.") < order.index("Kim reads maps.")
    assert order[0] == alone[0]  # a text opens with its topic


def test_condensing_keeps_the_order_and_the_budget_and_leaves_near_copies_out():
    found = ["The storm hit the harbour hard.", "The storm hit the harbour very hard.", "Boats sank.", "It was May."]
    kept = select_central(found, 20)
    assert kept == [sentence for sentence in found if sentence in kept]
    assert sum(map(estimated_tokens, kept)) <= 20
    assert len({"The storm hit the harbour hard.", "The storm hit the harbour very hard."} & set(kept)) == 1


def test_a_summary_is_filled_up_to_its_minimum_within_its_maximum():
    found = [f"Keeper{n} saw ship{n} near rock{n}." for n in range(20)]
    assert extractive_summary.summary(found[:1], found, 0, 100) == found[0]
    filled = extractive_summary.summary(found[:1], found, 40, 60)
    assert 40 <= estimated_tokens(filled) <= 60
    assert filled.startswith(found[0])


def test_a_minimum_beyond_the_material_gives_all_there_is():
    assert extractive_summary.summary([], ["One is here.", "Two went home."], 500, 500) == "One is here. Two went home."


def test_where_no_sentence_fits_words_are_cut_and_shown_as_cut():
    assert extractive_summary.summary([], ["An incomprehensibly long sentence."], 0, 5) == "An…"
    assert truncate("one two three", 12) == "one two…"


@settings(deadline=None)
@given(TEXTS, st.integers(5, 60))
def test_every_text_has_a_summary_that_keeps_its_limit(text, longest):
    found = split_sentences(text, longest)
    choices = extractive_summary.candidates(text, found, 0, longest)
    if choices:
        assert set(choices) <= set(found)
        assert extractive_summary.prompt(choices)
        assert extractive_summary.grammar(choices).startswith("root ::= (")
        assert extractive_summary.summary([], found, 0, longest)
        assert extractive_summary.parse_selection(" ".join(choices) + " ", choices) == choices
