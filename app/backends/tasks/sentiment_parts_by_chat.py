"""The sentiment of sentences and aspects that a chat model names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.backends.plan import Plan
from app.backends.tasks.clauses import Span, mentions
from app.backends.tasks.prompts import SENTIMENT_OF_PARTS
from app.backends.tasks.structured_chat import Chat, ask_json
from app.backends.text_types import SentimentRequest
from app.backends.types import SENTIMENTS, RatedAspect, RatedSpan, Sentiment, Usage
from app.texts.sentences import sentence_spans

# a model loses count in longer lists
MAX_SENTENCES = 40
TOKENS_FOR_EACH = 40
MIN_TOKENS = 100


def add_parts(chat: Chat, request: SentimentRequest, result: Sentiment) -> Plan[Sentiment]:
    """Return the sentiment of a text with that of its sentences and of aspects, as far as the request asks for them."""
    sentences = sentence_spans(request.text, request.language)
    rated: list[RatedSpan] = []
    aspects = {aspect: RatedAspect(aspect) for aspect in request.aspects}
    usages = [result.usage]
    for start in range(0, len(sentences), MAX_SENTENCES):
        part = sentences[start : start + MAX_SENTENCES]
        payload, generation = yield from _ask(chat, request, part)
        usages.append(generation.usage)
        labels = payload.get("sentences")
        rated += _rated_sentences(part, labels if isinstance(labels, list) else [])
        for aspect in _aspects(request, part, payload.get("aspects")):
            if aspects[aspect.aspect].scores is None:
                aspects[aspect.aspect] = aspect
    listed = rated if request.by_sentence else ()
    return replace(result, sentences=listed, aspects=list(aspects.values()), usage=_total(usages))


def _ask(chat: Chat, request: SentimentRequest, sentences: Sequence[Span]) -> Plan[Any]:
    label = {"type": "string", "enum": list(SENTIMENTS)}
    properties: dict[str, Any] = {}
    if request.by_sentence:
        properties["sentences"] = {"type": "array", "items": label, "minItems": len(sentences)}
    if request.aspects:
        fields = {
            "aspect": {"type": "string", "enum": list(request.aspects)},
            "found": {"type": "boolean"},
            "sentiment": label,
            "opinion": {"type": "string"},
        }
        item = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
        properties["aspects"] = {"type": "array", "items": item}
    numbered = "\n".join(f"{number}. {request.text[slice(*span)]}" for number, span in enumerate(sentences, 1))
    asked = f"{numbered}\n\nAspects: {', '.join(request.aspects)}" if request.aspects else numbered
    limit = MIN_TOKENS + TOKENS_FOR_EACH * (len(sentences) + len(request.aspects))
    return ask_json(chat, f"{SENTIMENT_OF_PARTS} {_form(properties)}", asked, {"properties": properties}, limit)


def _form(properties: Mapping[str, Any]) -> str:
    """Return the description of the answer, for servers that enforce no schema."""
    forms = {
        "sentences": '"sentences": ["positive", ...] with one label for each sentence',
        "aspects": '"aspects": [{"aspect": "...", "found": true, "sentiment": "negative", "opinion": "..."}]',
    }
    labels = ", ".join(SENTIMENTS)
    return f"Labels are {labels}. Reply with a JSON object only: {', '.join(forms[name] for name in properties)}."


def _rated_sentences(sentences: Sequence[Span], labels: Sequence[Any]) -> Iterator[RatedSpan]:
    """Yield each sentence with the label in its place; one without a valid label is left out."""
    for span, label in zip(sentences, labels, strict=False):
        if label in SENTIMENTS:
            yield RatedSpan(*span, _scores(label))


def _aspects(request: SentimentRequest, sentences: Sequence[Span], items: Any) -> Iterator[RatedAspect]:
    """Yield the aspects that the model has found; quotes that the text does not have are left out."""
    for item in items if isinstance(items, list) else ():
        if not isinstance(item, dict) or item.get("aspect") not in request.aspects or item.get("found") is not True:
            continue
        if item.get("sentiment") not in SENTIMENTS:
            continue
        start, end = sentences[0][0], sentences[-1][1]
        opinions = list(_quoted(request.text, item.get("opinion"), start, end))
        places = [*mentions(request.text, item["aspect"]), *opinions]
        about = [span for span in sentences if any(span[0] <= place[0] < span[1] for place in places)]
        yield RatedAspect(item["aspect"], _scores(item["sentiment"]), about, opinions)


def _quoted(text: str, quote: Any, start: int, end: int) -> Iterator[Span]:
    """Yield the first place of a quote."""
    found = text.find(quote.strip(), start, end) if isinstance(quote, str) and quote.strip() else -1
    if found >= 0:
        yield found, found + len(quote.strip())


def _scores(label: str) -> dict[str, float]:
    return {name: float(name == label) for name in SENTIMENTS}


def _total(usages: Sequence[Usage]) -> Usage:
    return Usage(
        sum(usage.prompt_tokens for usage in usages),
        sum(usage.completion_tokens or 0 for usage in usages),
        any(usage.estimated for usage in usages),
    )
