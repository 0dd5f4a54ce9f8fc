"""Requests of Hugging Face's task calls, and of text-generation-inference (TGI).

Their fields: https://huggingface.co/docs/inference-providers/tasks/index and TGI's OpenAPI document.
"""

from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields, post_load, validate

from app.config import Config
from app.config.hf_tasks import TASK_ALIASES, TASK_OPERATIONS, TEXT_GENERATION, canonical_task
from app.schemas.fields import (
    MAX_SEED,
    MAX_TOKENS,
    Integer,
    Model,
    Number,
    PromptText,
    RequestSchema,
    StopSequences,
    StrictBoolean,
    max_input_length,
    text_schema,
    validate_text,
)
from app.schemas.json_shape import JsonShape

MAX_INPUTS = 2048
MAX_BEST_OF = 20
MAX_TOP_N_TOKENS = 5
# fields that older clients send beside each other in place of `inputs`
_LEGACY_INPUTS = ({"question", "context"}, {"query", "table"}, {"question", "table"}, {"source_sentence", "sentences"})
_INPUTS = ("string", "object")


class Inputs(fields.Field[Any]):
    """A text, an object of texts, or a list of these."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        items = value if isinstance(value, list) else [value]
        if not 1 <= len(items) <= MAX_INPUTS or not all(isinstance(item, str | dict | list) for item in items):
            raise ValidationError(f"This must be a text, an object, or a list of 1 to {MAX_INPUTS} of these.")
        for item in items:
            if isinstance(item, str):
                validate_text(item, self)
        limit = max_input_length(self)
        for text in nested_texts(value):
            if "\x00" in text or len(text) > limit:
                raise ValidationError(f"Each text may have at most {limit} characters, and no NUL character.")
        return value

    def json_schema(self) -> dict[str, Any]:
        one = [text_schema(self), {"type": "object"}]
        item = {"anyOf": [*one, {"type": "array"}]}
        return {"anyOf": [*one, {"type": "array", "minItems": 1, "maxItems": MAX_INPUTS, "items": item}]}


def nested_texts(value: Any) -> list[str]:
    """Return all texts in a JSON value, without the keys of objects."""
    if isinstance(value, str):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in items for text in nested_texts(item)]


class _Stops(StopSequences):
    """The texts that end a generation; clients of TGI send an empty list for none."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        return () if value == [] else super()._deserialize(value, attr, data, **kwargs)

    def json_schema(self) -> dict[str, Any]:
        text, texts = super().json_schema()["anyOf"]
        return {"anyOf": [text, {**texts, "minItems": 0}]}


class GrammarSchema(Schema):
    """TGI's constraint on the generated text."""

    class Meta:
        unknown = INCLUDE

    type = fields.String(required=True, validate=validate.OneOf(("json", "json_schema", "regex")))
    value = JsonShape("a schema or a regular expression", {"type": ["object", "string"]}, required=True)


def _boolean(description: str) -> StrictBoolean:
    return StrictBoolean(allow_none=True, metadata={"description": description})


def _integer(minimum: int, maximum: int, description: str) -> Integer:
    return Integer(minimum, maximum, allow_none=True, metadata={"description": description})


def _number(minimum: float, maximum: float, description: str, *, above: bool = False) -> Number:
    return Number(minimum, maximum, above=above, allow_none=True, metadata={"description": description})


class GenerationParametersSchema(Schema):
    """TGI's parameters; null counts as absent. Others are passed on to a pipeline of Hugging Face."""

    class Meta:
        unknown = INCLUDE

    max_new_tokens = _integer(1, MAX_TOKENS, "The maximum length of the generated text, in tokens.")
    do_sample = _boolean("Sample; without it and any sampling parameter the most likely token is taken.")
    temperature = _number(0, 100, "The sampling temperature; 0 takes the most likely token.")
    top_p = _number(0, 1, "Sample from the most likely tokens of this total probability.", above=True)
    top_k = _integer(1, 2**31 - 1, "Sample from this number of most likely tokens.")
    typical_p = _number(0, 1, "The mass of typical decoding.", above=True)
    repetition_penalty = _number(0, 100, "The penalty on repeated tokens; 1 is none.", above=True)
    frequency_penalty = _number(-2, 2, "The penalty on tokens in proportion to their frequency so far.")
    stop = _Stops(allow_none=True, metadata={"description": "Texts that end the generation."})
    seed = _integer(0, MAX_SEED, "Equal requests with the same seed get the same text.")
    best_of = _integer(1, MAX_BEST_OF, "Generate this number of texts, and return the most likely one.")
    top_n_tokens = _integer(0, MAX_TOP_N_TOKENS, "The number of most likely tokens to return at each position.")
    truncate = _integer(1, 2**31 - 1, "The number of tokens to which the input is cut.")
    details = _boolean("Return the finish reason and the tokens.")
    decoder_input_details = _boolean("Return the tokens of the input too.")
    return_full_text = _boolean("Begin the generated text with the input.")
    watermark = _boolean("Mark the text as generated.")
    adapter_id = fields.String(allow_none=True, metadata={"description": "The LoRA adapter to use."})
    grammar = fields.Nested(GrammarSchema, allow_none=True, metadata={"description": "The form of the text."})

    @post_load
    def _without_nulls(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        return {name: value for name, value in data.items() if value is not None}


class _HuggingFaceSchema(RequestSchema):
    """The common fields. Unknown ones are passed on to a pipeline of Hugging Face."""

    class Meta:
        unknown = INCLUDE

    model = Model(allow_none=True, metadata={"description": "The model to use, by default that of the task."})
    stream = _boolean("Send the generated text in parts, as server-sent events.")

    def body_limit(self, config: Config) -> int:
        """Return MAX_BODY_BYTES: a body may have many inputs."""
        return config.max_body_bytes

    @post_load
    def _without_nulls(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        return {name: value for name, value in data.items() if value is not None}


class TaskRequestSchema(_HuggingFaceSchema):
    """The inputs and parameters of a task. Objects may stand at the root, as older clients send them."""

    inputs = Inputs(required=True, metadata={"description": "A text, an object of texts, or a list of these."})
    parameters = JsonShape("an object", {"type": "object"}, metadata={"description": "The parameters of the task."})
    options = JsonShape("an object", {"type": "object"}, metadata={"description": "Accepted and ignored."})
    task = fields.String(
        validate=validate.OneOf((*TASK_OPERATIONS, *TASK_ALIASES)),
        metadata={"description": "The task; without it the form of the request, the model or the settings decide."},
    )

    def load(self, data: Any, **options: Any) -> dict[str, Any]:
        """Return the fields, with the canonical name of the task, and with legacy fields as `inputs`."""
        if isinstance(data, dict):
            data = _with_inputs(data)
            if isinstance(data.get("task"), str):
                data["task"] = canonical_task(data["task"]) or data["task"]
            if isinstance(data.get("model"), str):
                data["model"] = data["model"].rstrip("/")
        loaded: dict[str, Any] = super().load(data, **options)
        return loaded


class GenerateRequestSchema(_HuggingFaceSchema):
    """TGI's request for text."""

    inputs = PromptText(required=True, metadata={"description": "The text to continue."})
    parameters = fields.Nested(
        GenerationParametersSchema, allow_none=True, metadata={"description": "The parameters of the generation."}
    )


class TranslatedGenerationSchema(RequestSchema):
    """The fields of a generation that count for its tokens."""

    inputs = Inputs()
    max_new_tokens = Integer(1, MAX_TOKENS)
    stream = StrictBoolean()


class TranslatedSummarySchema(RequestSchema):
    """The fields of a summarization that count for its tokens."""

    inputs = Inputs()
    max_length = Integer(1, MAX_TOKENS)


class TranslatedPipelineSchema(RequestSchema):
    """The fields of other tasks that count for their tokens."""

    inputs = Inputs()


def _with_inputs(data: dict[str, Any]) -> dict[str, Any]:
    if "inputs" in data:
        return dict(data)
    names = next((names for names in _LEGACY_INPUTS if data.keys() >= names), None)
    if names is None:
        return dict(data)
    rest = {name: value for name, value in data.items() if name not in names}
    return {**rest, "inputs": {name: data[name] for name in sorted(names)}}


class ModelPathSchema(RequestSchema):
    """The model in a URL."""

    model = Model(
        required=True, metadata={"description": "The model; `default` is that of the task.", "examples": ["default"]}
    )


class ModelTaskPathSchema(ModelPathSchema):
    """The model and the task in a URL."""

    task = fields.String(
        required=True,
        validate=validate.OneOf((*TASK_OPERATIONS, *TASK_ALIASES)),
        metadata={"description": "The task.", "examples": [TEXT_GENERATION]},
    )
