"""Sentiment by the encoder."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from app.backends.encoder.calls import EncoderCalls
from app.backends.encoder.languages import reading_language, reading_model
from app.backends.plan import Plan
from app.backends.tasks.opinion_words import add_opinions
from app.backends.tasks.sentiment_parts import Ratings, rate_by_parts
from app.backends.tasks.star_rating import find_rating
from app.backends.text_types import SentimentRequest
from app.backends.types import Sentiment, Usage


def rate_sentiment(encoder: EncoderCalls, request: SentimentRequest) -> Plan[Sentiment]:
    """Rate a text by its parts; a rating in stars that stands beside it weighs more than they do."""
    language = reading_language(request.text, request.language)
    rate = partial(_rate, encoder, language)
    result = yield from rate_by_parts(rate, request)
    result = yield from add_opinions(rate, request.text, result)
    rating = find_rating(request.text)
    return replace(result, scores=rating.combine(result.scores), mixed=None) if rating else result


def _rate(encoder: EncoderCalls, language: str | None, texts: Sequence[str]) -> Plan[Ratings]:
    """Rate each text."""

    def parse(outputs: list[Any], tokens: list[int]) -> Ratings:
        return Ratings(outputs, Usage(sum(tokens), 0), reading_model(language))

    inputs = [{"text": text, "language": language} for text in texts]
    return (yield encoder.call_all("sentiment", inputs, {}, parse))
