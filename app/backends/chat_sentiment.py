"""Sentiment by a chat model: one label is asked for, and models that reason first get more tokens."""

from collections.abc import Callable, Mapping
from typing import Any

from cachetools import TTLCache

from app.backends.base import Plan
from app.backends.tasks.sentiment_from_chat import (
    scores_from_logprobs,
    scores_from_text,
    strip_reasoning,
    without_mixed,
)
from app.backends.types import Generation, Sentiment
from app.errors import UpstreamInvalidResponse, UpstreamRejected

# OpenAI allows 20, some compatible servers 5
TOP_LOGPROBS = 5
# a label is one token; the others allow for a space or a quote before it
SENTIMENT_TOKENS = 4
# without log-probabilities a reasoning model may think before it writes the label
SENTIMENT_TOKENS_WITH_REASONING = 512
MAX_REMEMBERED_MODELS = 1000
REMEMBERED_SECONDS = 3600.0

# makes the chat call with these parameters
Ask = Callable[[dict[str, Any]], Plan[Generation]]


class ChatSentiment:
    """Rates texts, and remembers for each model whether it needs the long question, or fails that one too."""

    def __init__(self) -> None:
        self._needs_long: TTLCache[str, bool] = TTLCache(MAX_REMEMBERED_MODELS, REMEMBERED_SECONDS)

    def rate(self, ask: Ask, model: str | None) -> Plan[Sentiment]:
        """Return the rating of the text that `ask` shows to the model.

        Compare the log-probabilities of the labels; without them parse the label itself.
        """
        needs_long = self._needs_long.get(model or "")
        scores, reasons = None, False
        if not needs_long:
            generation, scores = yield from self._ask_short(ask)
            reasons = generation is None or _is_cut_in_reasoning(generation)
        if scores is None and needs_long is not False:
            generation, scores = yield from self._ask_long(ask)
            if scores is not None:
                self._needs_long[model or ""] = True
            elif not reasons and not needs_long:  # a model that reasons may have failed on this text only
                self._needs_long[model or ""] = False
        if scores is None or generation is None:
            raise UpstreamInvalidResponse("The model did not name a sentiment; use another model.")
        sentiments, mixed = without_mixed(scores)
        return Sentiment(sentiments, mixed=mixed, usage=generation.usage, model=generation.model)

    def _ask_short(self, ask: Ask) -> Plan[tuple[Generation | None, Mapping[str, float] | None]]:
        """Ask for one label; return no generation if the server rejects the question, as some do for `logprobs`."""
        body = {"max_tokens": SENTIMENT_TOKENS, "temperature": 0, "logprobs": True, "top_logprobs": TOP_LOGPROBS}
        try:
            generation = yield from ask(body)
        except UpstreamRejected:
            return None, None
        return generation, scores_from_logprobs(generation.logprobs) or scores_from_text(generation.text)

    def _ask_long(self, ask: Ask) -> Plan[tuple[Generation, Mapping[str, float] | None]]:
        generation = yield from ask({"max_tokens": SENTIMENT_TOKENS_WITH_REASONING, "temperature": 0})
        return generation, scores_from_text(generation.text)


def _is_cut_in_reasoning(generation: Generation) -> bool:
    """Return whether a model that was cut off had written nothing beside its reasoning."""
    return generation.finish_reason == "length" and not strip_reasoning(generation.text).strip()
