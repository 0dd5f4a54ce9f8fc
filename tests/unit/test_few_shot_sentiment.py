"""The prompt and the scores of the embedded engine's sentiment."""

import pytest

from app.backends.tasks.few_shot_sentiment import TEXT_MAX_BYTES, excerpt, prompt, scores
from app.backends.types import SENTIMENTS


def test_the_prompt_ends_with_the_text():
    assert prompt("Fine.").endswith("\n\nText: Fine.\nSentiment:")


def test_a_short_text_is_put_on_one_line():
    assert excerpt(" One.\n\n  Two. ") == ("One. Two.", False)


@pytest.mark.parametrize("text", ["start " + "word " * 400 + "end", "é" * 2000])
def test_a_long_text_is_shortened_to_its_beginning_and_end(text):
    shortened, truncated = excerpt(text)
    head, _, tail = shortened.partition(" ... ")
    assert truncated
    assert len(shortened.encode()) <= TEXT_MAX_BYTES + len(" ... ")
    assert text.startswith(head)
    assert text.endswith(tail)
    assert head
    assert tail


def test_scores_are_probabilities_of_all_sentiments():
    rated = scores({" positive": -0.1, " Negative": -3.0, " the": -5.0})
    assert set(rated) == set(SENTIMENTS)
    assert sum(rated.values()) == pytest.approx(1)
    assert max(rated, key=rated.get) == "positive"
