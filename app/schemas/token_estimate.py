"""Estimates how many tokens a request may need: those of its text, and those of the longest response."""

from typing import Any, cast

from app.backends.responses.token_estimate import estimated_tokens, pair_tokens
from app.schemas.fields import RequestSchema
from app.schemas.huggingface import nested_texts
from app.schemas.openai_fields import Conversation, joined_texts
from app.schemas.texts import TextsRequestSchema, texts_of

# above every token limit, and small enough for a JSON number and for Redis
MAX_ESTIMATE = 10**15
_INPUT_FIELDS = ("messages", "prompt", "input", "text", "documents", "inputs")
_LIMIT_FIELDS = ("max_tokens", "max_completion_tokens", "max_length", "max_new_tokens")
# names of the same limit that some servers read too, some of them (llama.cpp) before `max_tokens`
OTHER_LIMIT_FIELDS = ("n_predict", "max_new_tokens", "max_output_tokens")
# each choice of the response is one answer; `best_of` answers are generated although one is returned
_ANSWER_FIELDS = ("n", "best_of")


class TokenEstimator:
    """Estimates the requests of one schema, from the fields that the schema declares.

    A request without a limit may get `default_max_tokens`. On routes that pass fields through, a client may send more
    than the schema declares, so `limit` makes the estimate true for the upstream too. `can_stream` is whether the
    schema has streams.
    """

    def __init__(self, schema: RequestSchema, default_max_tokens: int) -> None:
        fields = schema.fields if schema.uses_tokens else ()
        self._input = next((name for name in _INPUT_FIELDS if name in fields), "")
        self._limits = [name for name in _LIMIT_FIELDS if name in schema.fields]
        self._default = default_max_tokens
        self._reads_texts = schema if isinstance(schema, TextsRequestSchema) else None
        self.can_stream = "stream" in schema.fields

    def estimate(self, body: dict[str, Any]) -> int:
        """Return the tokens that a validated body may need, at most MAX_ESTIMATE."""
        if self._reads_texts:
            texts = [*texts_of(body), *body.get("candidates", ())]
            needed = self._reads_texts.needed_tokens(body, estimated_tokens("\n".join(texts)), len(texts))
            return min(needed + self._max_tokens(body) * len(texts), MAX_ESTIMATE)
        value = body.get(self._input, "")
        if self._input == "documents":
            return min(pair_tokens(body["query"], value), MAX_ESTIMATE)
        text = self._text(value)
        answers = _prompts(value) * max(_count(body.get(name)) or 1 for name in _ANSWER_FIELDS)
        return min(estimated_tokens(text) + _token_ids(value) + self._max_tokens(body) * answers, MAX_ESTIMATE)

    def texts(self, body: dict[str, Any]) -> int:
        """Return the number of texts that a body has; 0 if its operation takes no texts."""
        return len(texts_of(body)) if self._reads_texts else 0

    def _text(self, value: Any) -> str:
        if self._input == "messages":
            return cast("Conversation", value).text
        return "\n".join(nested_texts(value)) if self._input == "inputs" else joined_texts(value)

    def limit(self, body: dict[str, Any]) -> bool:
        """Set each limit in a body of one of OpenAI's routes to the estimated one, so that no server gives more.

        Return whether the body had none.
        """
        if not self._limits:
            return False
        max_tokens = self._max_tokens(body)
        if is_added := not any(name in body for name in self._limits):
            body[self._limits[0]] = max_tokens
        body |= {name: max_tokens for name in (*self._limits, *OTHER_LIMIT_FIELDS) if name in body}
        return is_added

    def _max_tokens(self, body: dict[str, Any]) -> int:
        """Return the lowest of the limits on one answer; 0 for operations that generate no text."""
        given = [count for name in self._limits if (count := _count(body.get(name))) is not None]
        return min(given, default=self._default if self._limits else 0)


def _count(value: Any) -> int | None:
    """Return a number as servers read it that are not strict, such as "3"; None if it is no count."""
    try:
        count = int(float(value)) if isinstance(value, int | float | str) else -1
    except (ValueError, OverflowError):
        return None
    return count if count >= 0 else None


def _prompts(value: Any) -> int:
    """Return the number of prompts; a list of numbers is one prompt."""
    is_list = isinstance(value, list) and not isinstance(value, Conversation)
    return sum(not isinstance(item, int) for item in value) or 1 if is_list else 1


def _token_ids(value: Any) -> int:
    """Return the number of token ids in a `prompt` or an `input`."""
    items = value if isinstance(value, list) else []
    return sum(len(item) if isinstance(item, list) else isinstance(item, int) for item in items)
