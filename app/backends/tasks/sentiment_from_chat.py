"""Parses the sentiment that a chat model names."""

import math
import re
from collections.abc import Mapping

from app.backends.types import MIXED, SENTIMENTS, TokenLogprobs

# the labels that a model is asked for
LABELS = (*SENTIMENTS, MIXED)
_REASONING = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)


def strip_reasoning(text: str) -> str:
    """Return a text without the `<think>` blocks of a reasoning model."""
    return _REASONING.sub("", text)


def scores_from_logprobs(logprobs: tuple[TokenLogprobs, ...]) -> dict[str, float] | None:
    """Return the share of each sentiment among the most likely tokens, at the first token that names one.

    None if no token names a sentiment, or the token itself has no valid log-probability.
    """
    for position in logprobs:
        if chosen := _sentiment_of(position.token):
            mass = dict.fromkeys(LABELS, 0.0)
            for token, logprob in position.top.items():
                if label := _sentiment_of(token):
                    mass[label] += math.exp(min(0.0, logprob))
            total = sum(mass.values())
            return {label: share / total for label, share in mass.items()} if mass[chosen] else None
    return None


def _sentiment_of(token: str) -> str | None:
    """Return the sentiment whose first letters, at least three, are the token's letters."""
    word = re.sub(r"[^a-z]", "", token.lower())
    return next((label for label in LABELS if len(word) >= 3 and label.startswith(word)), None)


def scores_from_text(text: str) -> dict[str, float] | None:
    """Return a score of 1 for the sentiment that the text names; None if it names none or several."""
    words = set(re.findall(r"[a-z]+", strip_reasoning(text).lower())) & set(LABELS)
    return {label: float(label in words) for label in LABELS} if len(words) == 1 else None


def without_mixed(scores: Mapping[str, float]) -> tuple[dict[str, float], float | None]:
    """Return the scores of SENTIMENTS, and that of `mixed` if it is the highest; half of it belongs to each side."""
    half = scores[MIXED] / 2
    added = {"positive": half, "negative": half, "neutral": 0.0}
    mixed = scores[MIXED] if max(scores.values()) == scores[MIXED] else None
    return {label: scores[label] + added[label] for label in SENTIMENTS}, mixed
