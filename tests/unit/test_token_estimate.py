"""Estimates of token counts."""

import tracemalloc

import pytest

from app.backends.responses.token_estimate import BUFFER_CHARS, TokenEstimate, estimated_tokens

MEBIBYTE = 1024**2


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a word", 2), ("lighthouse", 2), ("12 é!", 5), ("灯台", 6)])
def test_short_runs_of_latin_letters_and_other_bytes_count_as_tokens(text, tokens):
    assert estimated_tokens(text) == tokens


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_text_in_chunks_is_at_most_one_token_per_buffer_above_the_complete_text(size):
    text = "Words of some length, 灯台 and numbers 1852. " * 500
    estimate = TokenEstimate()
    for start in range(0, len(text), size):
        estimate.add(text[start : start + size])
    assert 0 <= estimate.tokens - estimated_tokens(text) <= len(text) / BUFFER_CHARS


def test_the_memory_of_an_estimate_is_bounded():
    estimate, chunk = TokenEstimate(), "x" * 1000
    tracemalloc.start()
    try:
        for number in range(2000):
            estimate.add(f"{number}{chunk}")
        assert tracemalloc.get_traced_memory()[0] < MEBIBYTE / 8
    finally:
        tracemalloc.stop()
    assert estimate.tokens >= 400_000
