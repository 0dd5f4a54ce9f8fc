"""The sentiment of a text by that of its parts: sentences, and clauses that stand against each other."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from app.backends.plan import Plan
from app.backends.tasks.clauses import Span, aspect_spans, clause_spans, with_words
from app.backends.text_types import SentimentRequest
from app.backends.types import SENTIMENTS, RatedAspect, RatedSpan, Sentiment, Usage
from app.texts.sentences import sentence_spans

Scores = Mapping[str, float]

# a longer text is rated by its clauses alone: models read it as a whole less well, or not all of it
MAX_WHOLE_CLAUSES = 8
MAX_WHOLE_CHARS = 1000
# A neutral clause says little about the text: one of all neutral scores has a tenth of the weight of a polar one.
NEUTRAL_WEIGHT = 0.1
# praise and blame are clear from here on, and neither outweighs the other more than this
CLEAR = 0.92
MIN_SHARE = 0.35


@dataclass(frozen=True)
class Ratings:
    """The scores of several texts, in their order. `truncated` if a text was read in part only."""

    scores: Sequence[Scores]
    usage: Usage
    model: str
    truncated: bool = False


Rate = Callable[[Sequence[str]], Plan[Ratings]]


def rate_by_parts(rate: Rate, request: SentimentRequest) -> Plan[Sentiment]:
    """Rate a text, its clauses, and on request its sentences and aspects, by one call of `rate`."""
    text = request.text
    sentences = sentence_spans(text, request.language)
    clauses = with_words(
        text, [clause for sentence in sentences for clause in clause_spans(text, sentence, request.language)]
    )
    aspects = {aspect: aspect_spans(text, aspect, clauses) for aspect in request.aspects}
    is_short = 1 < len(clauses) <= MAX_WHOLE_CLAUSES and len(text) <= MAX_WHOLE_CHARS
    whole = [(0, len(text))] if is_short else []
    listed = sentences if request.by_sentence else []
    spans = dict.fromkeys([*whole, *clauses, *listed, *chain.from_iterable(aspects.values())])
    rated, ratings = yield from _rate_spans(rate, text, spans)
    of_clauses = [rated[clause] for clause in clauses]
    mixed = mixture(of_clauses)
    combined = mean_by_polarity(of_clauses)
    if whole and mixed is None:
        combined = mean([combined, rated[whole[0]]])
    return Sentiment(
        combined,
        mixed=mixed,
        sentences=[RatedSpan(*sentence, rated[sentence]) for sentence in listed],
        aspects=[_rated_aspect(aspect, parts, rated) for aspect, parts in aspects.items()],
        usage=ratings.usage,
        model=ratings.model,
        truncated=ratings.truncated,
    )


def _rate_spans(rate: Rate, text: str, spans: Iterable[Span]) -> Plan[tuple[dict[Span, Scores], Ratings]]:
    """Return the scores of each part of a text; equal parts are rated once."""
    parts = {span: text[slice(*span)] for span in spans}
    texts = list(dict.fromkeys(parts.values()))
    ratings = yield from rate(texts)
    scores = dict(zip(texts, ratings.scores, strict=True))
    return {span: scores[part] for span, part in parts.items()}, ratings


def _rated_aspect(aspect: str, parts: Sequence[Span], rated: Mapping[Span, Scores]) -> RatedAspect:
    """Return the mean of the parts that name an aspect."""
    return RatedAspect(aspect, mean_by_polarity([rated[part] for part in parts]) if parts else None, parts)


def mean(scores: Sequence[Scores]) -> dict[str, float]:
    """Return the mean of each score."""
    return {label: sum(one[label] for one in scores) / len(scores) for label in SENTIMENTS}


def mean_by_polarity(scores: Sequence[Scores]) -> dict[str, float]:
    """Return the mean of each score, weighted by how polar each part is."""
    weights = [1 + NEUTRAL_WEIGHT - one["neutral"] for one in scores]
    total = sum(weights)
    return {
        label: sum(weight * one[label] for weight, one in zip(weights, scores, strict=True)) / total
        for label in SENTIMENTS
    }


def mixture(scores: Sequence[Scores]) -> float | None:
    """Return how sure it is that some parts praise and others blame, None unless both are clear and balanced."""
    praise, blame = ([one[label] for one in scores] for label in ("positive", "negative"))
    surety = min(max(praise), max(blame))
    if surety < CLEAR:
        return None
    share = sum(praise) / (sum(praise) + sum(blame))
    return surety if MIN_SHARE <= share <= 1 - MIN_SHARE else None
