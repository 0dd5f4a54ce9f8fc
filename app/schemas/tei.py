"""Requests of text-embeddings-inference (TEI): https://huggingface.github.io/text-embeddings-inference."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import INCLUDE, ValidationError, fields, post_load, validates_schema

from app.config import Config
from app.schemas.fields import NOT_BLANK, Integer, Model, RequestSchema, StrictBoolean
from app.schemas.json_shape import JsonShape
from app.schemas.openai_fields import MAX_INPUTS
from app.schemas.rerank import RerankRequestSchema
from app.schemas.rerank_fields import MAX_DOCUMENTS, RankedTexts, is_text

_TEXT = {"type": "string", "pattern": NOT_BLANK}
_REASON = "This must be a text, or a list of 1 to {most} texts, none of them blank or with NUL characters."


class TextOrTexts(fields.Field[Any]):
    """A text, or a list of texts."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        items = value if isinstance(value, list) else [value]
        if not 1 <= len(items) <= MAX_INPUTS or not all(map(is_text, items)):
            raise ValidationError(_REASON.format(most=MAX_INPUTS))
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"anyOf": [_TEXT, {"type": "array", "minItems": 1, "maxItems": MAX_INPUTS, "items": _TEXT}]}


# each is a call of its own; text-embeddings-inference takes as many by default
MAX_SEQUENCES = 32


class Sequences(fields.Field[Any]):
    """A text, a pair of texts, or a batch: a list of lists of one or two texts."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        is_batch = isinstance(value, list) and bool(value) and isinstance(value[0], list)
        items = value if is_batch else [value if isinstance(value, list) else [value]]
        if len(items) > MAX_SEQUENCES or not all(map(_is_sequence, items)):
            raise ValidationError(
                f"This must be a text, a pair of texts, or a list of 1 to {MAX_SEQUENCES} lists of one or two texts, "
                "none of them blank or with NUL characters."
            )
        return value

    def json_schema(self) -> dict[str, Any]:
        sequence = {"type": "array", "minItems": 1, "maxItems": 2, "items": _TEXT}
        batch = {"type": "array", "minItems": 1, "maxItems": MAX_SEQUENCES, "items": sequence}
        return {"anyOf": [_TEXT, sequence, batch]}


def _is_sequence(value: Any) -> bool:
    return isinstance(value, list) and 1 <= len(value) <= 2 and all(map(is_text, value))


class Comparison(fields.Field[dict[str, Any]]):
    """An object with a text and the texts to compare it with."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        value = value if isinstance(value, dict) else {}
        sentences = value.get("sentences")
        if not is_text(value.get("source_sentence")) or not isinstance(sentences, list):
            raise ValidationError("This must be an object with `source_sentence`, a text, and `sentences`, a list.")
        if not 1 <= len(sentences) <= MAX_DOCUMENTS or not all(map(is_text, sentences)):
            raise ValidationError(f"sentences: {_REASON.format(most=MAX_DOCUMENTS)}")
        return value

    def json_schema(self) -> dict[str, Any]:
        sentences = {"type": "array", "minItems": 1, "maxItems": MAX_DOCUMENTS, "items": _TEXT}
        properties = {"source_sentence": _TEXT, "sentences": sentences}
        return {"type": "object", "required": list(properties), "properties": properties}


class TeiRequestSchema(RequestSchema):
    """The common fields. Unknown ones are ignored, as by TEI, and a field with null counts as absent."""

    class Meta:
        unknown = INCLUDE

    model = Model(allow_none=True, metadata={"description": "The model to use, by default the configured one."})

    def body_limit(self, config: Config) -> int:
        """Return MAX_BODY_BYTES: a body may have many texts."""
        return config.max_body_bytes

    @post_load
    def _known_values(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        return {name: value for name, value in data.items() if value is not None and name in self.fields}


def _truncate() -> StrictBoolean:
    return StrictBoolean(
        allow_none=True, metadata={"description": "With false, a text that the model reads in part only is an error."}
    )


class EmbedRequestSchema(TeiRequestSchema):
    """Texts to turn into vectors."""

    inputs = TextOrTexts(required=True, metadata={"description": "A text, or a list of texts; not blank."})
    normalize = StrictBoolean(
        allow_none=True, metadata={"description": "Whether vectors have the length 1, which is the default."}
    )
    truncate = _truncate()
    dimensions = Integer(1, 100_000, allow_none=True, metadata={"description": "The number of values in each vector."})
    prompt_name = JsonShape(
        "a string", {"type": "string"}, metadata={"description": "Not supported: write the prompt into the texts."}
    )


class PredictRequestSchema(TeiRequestSchema):
    """Texts to classify."""

    inputs = Sequences(
        required=True, metadata={"description": "A text, a pair of texts, or a list of lists of one or two texts."}
    )
    raw_scores = StrictBoolean(
        allow_none=True, metadata={"description": "Whether scores are the model's own numbers, not probabilities."}
    )
    truncate = _truncate()


class SimilarityRequestSchema(TeiRequestSchema):
    """A text, and the texts to compare it with."""

    inputs = Comparison(
        required=True, metadata={"description": "The text in `source_sentence`, and those in `sentences`."}
    )
    parameters = JsonShape(
        "an object", {"type": "object"}, metadata={"description": "Ignored: long texts are cut on the right."}
    )


class RerankRootRequestSchema(RerankRequestSchema):
    """A query with TEI's `texts`, or with the `documents` of Cohere and Jina."""

    json_rules: ClassVar[Mapping[str, Any]] = {"anyOf": [{"required": ["texts"]}, {"required": ["documents"]}]}

    texts = RankedTexts(metadata={"description": "The texts to rank, none of them blank."})
    raw_scores = StrictBoolean(
        allow_none=True, metadata={"description": "Whether scores are the model's own numbers; only TEI has these."}
    )
    return_text = StrictBoolean(allow_none=True, metadata={"description": "Whether results have their text."})
    truncate = _truncate()

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.fields["documents"].required = False

    @validates_schema(skip_on_field_errors=False)
    def _has_texts(self, data: dict[str, Any], **_: Any) -> None:
        if "texts" not in data and "documents" not in data:
            raise ValidationError("Send texts, or documents.", "texts")
