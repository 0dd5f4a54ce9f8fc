"""Moderations by models that rate texts one by one: guards, which are chat models, and classifiers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.backends.base import Plan, UpstreamRequest
from app.backends.responses.moderations import moderation_id
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.guards import VERDICT_TOKENS, Guard
from app.backends.tasks.moderation_labels import rating_of_labels
from app.backends.tasks.moderation_ratings import Rating, openai_result, worst
from app.backends.tasks.pipeline_inputs import ENCODER_MAX_TOKENS
from app.backends.tasks.text_parts import text_parts
from app.backends.types import Generation, OpenAIResult, Usage
from app.errors import NotSupported, UpstreamRejected

NO_MODEL = "No model for moderations is set: set MODERATION_MODEL, or name a model in the request."
NO_IMAGES = "This moderation model reads no images; send texts only, or use another model."
NOT_A_GUARD = (
    "The server has no /v1/moderations, and the name of this model is none of a known guard model; use Llama Guard "
    "3 or 4, Qwen3Guard-Gen or Granite Guardian."
)
# calls of one request, which are made one after another
MAX_PARTS = 64

Labels = Sequence[tuple[str, float]]
# rates one input: the rating, and the tokens that it took
Rate = Callable[["ModerationInput"], Plan[tuple[Rating, Usage]]]


@dataclass(frozen=True)
class ModerationInput:
    """One input: its text, and its parts if it has images."""

    text: str
    image_parts: Sequence[Mapping[str, Any]] = ()

    @property
    def types(self) -> tuple[str, ...]:
        """The kinds of input, as OpenAI names them."""
        return (*(("text",) if self.text else ()), *(("image",) if self.image_parts else ()))


def moderation_inputs(value: Any) -> list[ModerationInput]:
    """Return the inputs of a validated request: each text of a list, or all parts together, which are one input."""
    items = value if isinstance(value, list) else [value]
    if isinstance(items[0], str):
        return [ModerationInput(text) for text in items]
    text = "\n".join(part["text"] for part in items if part["type"] == "text")
    return [ModerationInput(text, [part for part in items if part["type"] != "text"])]


def require_model(model: str | None) -> str:
    """Return the model; raise NotSupported without one."""
    if model is None:
        raise NotSupported(NO_MODEL)
    return model


def moderate(inputs: Sequence[ModerationInput], rate: Rate, model: str) -> Plan[OpenAIResult]:
    """Rate each input. Raises NotSupported for images, UpstreamInvalidResponse for a verdict that is none."""
    results, prompt_tokens, completion_tokens, estimated = [], 0, 0, False
    for one in inputs:
        rating, usage = yield from rate(one)
        results.append(openai_result(rating, one.types))
        prompt_tokens += usage.prompt_tokens
        completion_tokens += usage.output_tokens or 0
        estimated = estimated or usage.estimated
    payload = {"id": moderation_id(), "model": model, "results": results}
    return OpenAIResult(payload, usage=Usage(prompt_tokens, completion_tokens, estimated), model=model)


def rate_by_guard(
    guard: Guard, chat: Callable[[dict[str, Any], str], Plan[Generation]], one: ModerationInput
) -> Plan[tuple[Rating, Usage]]:
    """Show an input to a guard. `chat` takes a body and its text; a text beyond the context is the server's error."""
    if one.image_parts and not guard.reads_images:
        raise NotSupported(NO_IMAGES)
    content: Any = one.text
    if one.image_parts:
        content = [*({"type": "text", "text": one.text} for _ in one.text[:1]), *one.image_parts]
    body = {"messages": [{"role": "user", "content": content}], "max_tokens": VERDICT_TOKENS, "temperature": 0}
    generation = yield from chat(body, one.text)
    return guard.parse(generation.text), generation.usage


def rate_by_labels(
    ask: Callable[[str], UpstreamRequest[Labels]], model: str, one: ModerationInput
) -> Plan[tuple[Rating, Usage]]:
    """Classify a text. A text that is longer than the model reads is rated in parts: the highest score counts."""
    if one.image_parts:
        raise NotSupported(NO_IMAGES)
    try:
        ratings = yield from _rate_parts(ask, model, text_parts(one.text, ENCODER_MAX_TOKENS))
    except UpstreamRejected as error:
        is_moderated = error.report is not None and error.report.status == 403
        shorter = text_parts(one.text, ENCODER_MAX_TOKENS // 2)
        if is_moderated or len(shorter) < 2:
            raise
        ratings = yield from _rate_parts(ask, model, shorter)
    return worst(ratings), Usage(estimated_tokens(one.text), None, estimated=True)


def _rate_parts(ask: Callable[[str], UpstreamRequest[Labels]], model: str, parts: Sequence[str]) -> Plan[list[Rating]]:
    if len(parts) > MAX_PARTS:
        reason = f"The text has {len(parts)} parts of what this model reads; at most {MAX_PARTS} are rated."
        raise UpstreamRejected(details={"reason": reason})
    ratings = []
    for part in parts:
        ratings.append(rating_of_labels((yield ask(part)), model))
    return ratings
