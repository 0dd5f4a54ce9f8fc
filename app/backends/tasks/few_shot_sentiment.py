"""Sentiment by a small completion model: rated examples, one token, and its log-probabilities made into scores."""

import math
from collections.abc import Mapping

from app.backends.base import SENTIMENTS

TOP_LOGPROBS = 20
# a token is at least one byte, so this bounds the tokens in any script; more text does not help the rating
TEXT_MAX_BYTES = 800

# The order matters by several points: labels alternate, kinds of text are mixed, and with a neutral example last the
# model calls plain statements neutral far more often.
_EXAMPLES = (
    ("A dull, predictable story that drags on forever.", "negative"),
    ("A warm, funny film with wonderful performances.", "positive"),
    ("The first part was filmed in Spain in 1994.", "neutral"),
    ("The battery died after two days and support never answered.", "negative"),
    ("Works exactly as described and the sound is crisp.", "positive"),
    ("The box holds two cables and a printed guide.", "neutral"),
)
_FRAME = "Text: {}\nSentiment:"
_SHOTS = "".join(f"{_FRAME.format(text)} {label}\n\n" for text, label in _EXAMPLES)

# Fitted with SmolLM2-135M-Instruct Q4_1 on 800 rated texts, as docs/embedded-engine.md tells: what is added to the
# log-probability of each label, and how much more certain the model is than it says.
_OFFSETS = {"positive": -0.2, "negative": 0.2, "neutral": 2.4}
_CERTAINTY = 2.25


def prompt(text: str) -> str:
    """Return the examples, which the engine keeps in its cache, with the text after them."""
    return _SHOTS + _FRAME.format(_shortened(text))


def scores(top: Mapping[str, float]) -> Mapping[str, float]:
    """Return the probability of each sentiment from the log-probabilities of the likeliest first tokens.

    A token that is not listed is at most as likely as the last one listed.
    """
    floor = min(top.values())
    logits = {}
    for label in SENTIMENTS:
        spellings = (top.get(f" {label}", floor), top.get(f" {label.capitalize()}", floor))
        logits[label] = _CERTAINTY * (_log_sum_exp(*spellings) + _OFFSETS[label])
    total = _log_sum_exp(*logits.values())
    return {label: math.exp(logit - total) for label, logit in logits.items()}


def _shortened(text: str) -> str:
    """Return the text on one line; of a long one the beginning and the end, cut between words."""
    data = " ".join(text.split()).encode()
    if len(data) <= TEXT_MAX_BYTES:
        return data.decode()
    half = TEXT_MAX_BYTES // 2
    head = data[:half].decode(errors="ignore")
    tail = data[-half:].decode(errors="ignore")
    return f"{head.rpartition(' ')[0] or head} ... {tail.partition(' ')[2] or tail}"


def _log_sum_exp(*values: float) -> float:
    """Return log(sum(exp(values))) without overflow."""
    top = max(values)
    return top + math.log(sum(math.exp(value - top) for value in values))
