"""What the encoder reads beside vectors: emoji by their names, Hindi by its words."""

import pytest

from app.embedded.encoder.emoji import spell_emoji
from app.embedded.encoder.hindi import rate_hindi


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("Nice 👍🏽", "Nice  thumbs up sign "),
        ("❤️", " heavy black heart "),
        ("Plain text, 5 € – fine", "Plain text, 5 € – fine"),
        ("\U0001faff", "  "),
        ("★" * 10, " black star " * 10),
        ("★" * 5000 + "☆", " black star " * 10 + " white star "),
    ],
)
def test_emoji_are_read_by_their_names_without_skin_tones(text, spelled):
    assert spell_emoji(text) == spelled


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("सेवा बहुत अच्छी थी।", "positive"),
        ("यह अच्छा नहीं है।", "negative"),
        ("कोई समस्या नहीं हुई।", "positive"),
        ("खराब फोन, बेकार बैटरी।", "negative"),
        ("ख़राब फ़ोन।", "negative"),
        ("बैठक मंगलवार को होगी।", "neutral"),
        ("no Hindi", "neutral"),
    ],
)
def test_words_and_negations_of_hindi_decide(text, label):
    scores = rate_hindi(text)
    assert max(scores, key=scores.get) == label
    assert sum(scores.values()) == pytest.approx(1)
