"""Ratings that a writer gives with a text."""

import pytest

from app.backends.tasks.star_rating import find_rating


@pytest.mark.parametrize(
    ("text", "label", "rest"),
    [
        ("★☆☆☆☆ Broke at once.", "negative", "Broke at once."),
        ("★★★★★", "positive", ""),
        ("☆☆☆☆☆ no", "negative", "no"),
        ("★★ Weak", "negative", "Weak"),
        ("⭐⭐⭐⭐ Nice", "positive", "Nice"),
        ("3/5 It works.", "neutral", "It works."),
        ("Loved it. 5 stars!", "positive", "Loved it."),
        ("1 star. The zip broke.", "negative", "The zip broke."),
        ("one star", "negative", ""),
        ("two out of five stars", "negative", ""),
        ("Rating: 4.5 out of 5. Rich sauce.", "positive", "Rich sauce."),
        ("6 von 10 - geht so", "neutral", "geht so"),
        ("3 von 5 Sternen", "neutral", ""),
        ("Awful 0/10", "negative", "Awful"),
        ("3,5 étoiles", "positive", ""),
    ],
)
def test_a_rating_at_the_beginning_or_end_has_a_label(text, label, rest):
    found = find_rating(text)
    assert (found.label, found.text) == (label, rest)


@pytest.mark.parametrize(
    "text",
    [
        "Step 2/5: add the eggs.",
        "5/5/2020 was a Tuesday.",
        "I have read 2/5 of it.",
        "12/10 would do it again",
        "⭐ meh",
        "The hotel has 5 starters.",
        "",
        "4 5 6",
    ],
)
def test_other_numbers_and_signs_are_no_rating(text):
    assert find_rating(text) is None


def test_the_rating_outweighs_the_words_and_scores_stay_probabilities():
    scores = find_rating("1/5").combine({"positive": 1.0, "negative": 0.0, "neutral": 0.0})
    assert max(scores, key=scores.get) == "negative"
    assert sum(scores.values()) == pytest.approx(1)
