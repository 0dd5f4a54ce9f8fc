"""Parts of texts that are longer than a model reads."""

import pytest

from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.text_parts import text_parts

LINES = "One. Two!\nThree? "
TEXTS = [
    "",
    "Short.",
    "word " * 3000,
    "a" * 9000,
    "好" * 3000,
    "🙂" * 2000,
    " " * 900,
    LINES * 500,
    "x\n" * 4000,
    "\n\n\n" + "One is here. " * 500,
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("limit", [20, 500])
def test_parts_are_within_the_limit_and_hold_the_whole_text(text, limit):
    parts = text_parts(text, limit)
    assert "".join(parts) == text
    assert all(estimated_tokens(part) <= limit for part in parts)


def test_sentences_stay_together():
    assert text_parts("The first sentence. The second sentence. ", 6) == [
        "The first sentence. ",
        "The second sentence. ",
    ]
