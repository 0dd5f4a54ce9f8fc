"""Maps the labels of any sentiment model to positive, negative and neutral; an unknown label is an error."""

import re
from collections.abc import Iterable, Mapping

from app.backends.types import SENTIMENTS
from app.errors import NotSupported

_NAMES = {
    "positive": "positive",
    "pos": "positive",
    "very positive": "positive",
    "negative": "negative",
    "neg": "negative",
    "very negative": "negative",
    "neutral": "neutral",
    "neu": "neutral",
}
_STARS = re.compile(r"([1-5]) stars?")
_BY_STARS = ("negative", "negative", "neutral", "positive", "positive")

# the meanings of LABEL_0, LABEL_1, … from the cards of models whose labels have no names
_NUMBERED = {
    "cardiffnlp/twitter-roberta-base-sentiment": ("negative", "neutral", "positive"),
    "cardiffnlp/bertweet-base-sentiment": ("negative", "neutral", "positive"),
    "textattack/bert-base-uncased-sst-2": ("negative", "positive"),
    "textattack/bert-base-uncased-imdb": ("negative", "positive"),
    "textattack/roberta-base-imdb": ("negative", "positive"),
    "textattack/distilbert-base-uncased-imdb": ("negative", "positive"),
    "lvwerra/distilbert-imdb": ("negative", "positive"),
    "federicopascual/finetuning-sentiment-model-3000-samples": ("negative", "positive"),
    "blanchefort/rubert-base-cased-sentiment": ("neutral", "positive", "negative"),
}


def sentiment_scores(scores: Iterable[tuple[str, float]], model: str) -> Mapping[str, float]:
    """Return the probability of each sentiment from a model's labels and their probabilities.

    Raises NotSupported for a label that is none of the three.
    """
    totals = dict.fromkeys(SENTIMENTS, 0.0)
    for label, score in scores:
        sentiment = _sentiment(label, model)
        if sentiment is None:
            raise NotSupported(
                "The labels of this model do not say positive, negative or neutral; use a sentiment model.",
                details={"model": model, "label": label[:100]},
            )
        totals[sentiment] += score
    return totals


def _sentiment(label: str, model: str) -> str | None:
    name = " ".join(label.lower().replace("_", " ").replace("-", " ").split())
    if stars := _STARS.fullmatch(name):
        return _BY_STARS[int(stars[1]) - 1]
    if numbered := re.fullmatch(r"label (\d)", name):
        meanings = _NUMBERED.get(model.lower(), ())
        index = int(numbered[1])
        return meanings[index] if index < len(meanings) else None
    return _NAMES.get(name)
