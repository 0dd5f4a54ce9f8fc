"""Sentiment by a small completion model: rated examples, one generated token, scores from its log-probabilities."""

import math
from collections.abc import Mapping

from app.backends.types import SENTIMENTS

TOP_LOGPROBS = 20
# a token is at least one byte, so this bounds the tokens of any script; more text does not make ratings better
TEXT_MAX_BYTES = 800

# The order changes the accuracy by several points: labels alternate and kinds of text are mixed. With a neutral example
# last the model finds far more plain statements neutral.
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

# The offset of each label's log-probability, and the scale (inverse temperature) of the sum: fitted with
# SmolLM2-135M-Instruct Q4_1 on 800 rated texts, see docs/embedded-engine.md.
_OFFSETS = {"positive": -0.2, "negative": 0.2, "neutral": 2.4}
_SCALE = 2.25


def excerpt(text: str) -> tuple[str, bool]:
    """Return the text on one line, and whether it is cut: beyond TEXT_MAX_BYTES, its beginning and end remain."""
    data = " ".join(text.split()).encode()
    if len(data) <= TEXT_MAX_BYTES:
        return data.decode(), False
    half = TEXT_MAX_BYTES // 2
    head = data[:half].decode(errors="ignore")
    tail = data[-half:].decode(errors="ignore")
    return f"{head.rpartition(' ')[0] or head} ... {tail.partition(' ')[2] or tail}", True


def prompt(text: str) -> str:
    """Return the examples followed by the text; in this order the engine's prompt cache holds the examples."""
    return _SHOTS + _FRAME.format(text)


def scores(top: Mapping[str, float]) -> Mapping[str, float]:
    """Return the probability of each sentiment from the log-probabilities of the most likely tokens.

    A token outside `top` gets the lowest log-probability in it, which is an upper bound.
    """
    floor = min(top.values())
    logits = {}
    for label in SENTIMENTS:
        spellings = (top.get(f" {label}", floor), top.get(f" {label.capitalize()}", floor))
        logits[label] = _SCALE * (_log_sum_exp(*spellings) + _OFFSETS[label])
    total = _log_sum_exp(*logits.values())
    return {label: math.exp(logit - total) for label, logit in logits.items()}


def _log_sum_exp(*values: float) -> float:
    """Return log(sum(exp(values))) without overflow."""
    top = max(values)
    return top + math.log(sum(math.exp(value - top) for value in values))
