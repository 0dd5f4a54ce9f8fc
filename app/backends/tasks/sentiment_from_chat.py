"""Reads the sentiment that a chat model names."""

import math
import re

from app.backends.base import SENTIMENTS, TokenLogprobs

_REASONING = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)


def without_reasoning(text: str) -> str:
    """Return a text without what a model thought in it before it answered."""
    return _REASONING.sub("", text)


def scores_of_tokens(logprobs: tuple[TokenLogprobs, ...]) -> dict[str, float] | None:
    """Return the share of each sentiment among the likeliest tokens where the answer first names one."""
    for position in logprobs:
        if _sentiment_of(position.token):
            mass = dict.fromkeys(SENTIMENTS, 0.0)
            for token, logprob in position.top.items():
                if label := _sentiment_of(token):
                    mass[label] += math.exp(min(0.0, logprob))
            total = sum(mass.values())
            return {label: share / total for label, share in mass.items()} if total else None
    return None


def _sentiment_of(token: str) -> str | None:
    """Return the sentiment that a token begins; three letters tell the words apart."""
    word = re.sub(r"[^a-z]", "", token.lower())
    return next((label for label in SENTIMENTS if len(word) >= 3 and label.startswith(word)), None)


def scores_of_word(text: str) -> dict[str, float] | None:
    """Return certainty for the sentiment that the answer names; None where it names none or several."""
    words = set(re.findall(r"[a-z]+", without_reasoning(text).lower())) & set(SENTIMENTS)
    return {label: float(label in words) for label in SENTIMENTS} if len(words) == 1 else None
