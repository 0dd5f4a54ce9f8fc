"""Requests of text operations: one text, several, or documents; and the response to several."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.config import Config
from app.schemas.fields import Model, PromptText, RequestSchema, StrictBoolean
from app.schemas.responses import ExcerptSchema, OperationSchema, StrictSchema
from app.texts.document import FORMATS

LISTS = ("texts", "documents")
INPUTS = ("text", *LISTS)
MAX_ID_CHARS = 200
_DOCUMENT_KEYS = frozenset(("id", "text", "language"))
LANGUAGE_PATTERN = r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$"
_LANGUAGE = re.compile(LANGUAGE_PATTERN)


class TextList(fields.Field[list[Any]]):
    """A list of up to MAX_TEXTS texts. A text that is invalid becomes an error of its own, beside the results."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        limit = _max_texts(self)
        if not isinstance(value, list) or not 1 <= len(value) <= limit:
            raise ValidationError(f"This must be a list of 1 to {limit} texts; send more of them in several requests.")
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "array", "minItems": 1, "maxItems": _max_texts(self), "items": {}}


class DocumentList(TextList):
    """A list of documents: a text with an id of the caller's, and with its language if that is known."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        documents = super()._deserialize(value, attr, data, **kwargs)
        for index, document in enumerate(documents):
            if (reason := _document_error(document)) is not None:
                raise ValidationError(f"Document {index}: {reason}")
        ids = [document["id"] for document in documents if "id" in document]
        if len(ids) > len(set(ids)):
            raise ValidationError("Each id may occur once.")
        return documents

    def json_schema(self) -> dict[str, Any]:
        properties = {
            "id": {"type": "string", "minLength": 1, "maxLength": MAX_ID_CHARS},
            "text": {},
            "language": {"type": "string", "pattern": LANGUAGE_PATTERN},
        }
        item = {"type": "object", "properties": properties, "required": ["text"], "additionalProperties": False}
        return {**super().json_schema(), "items": item}


class Language(fields.String):
    """The code of a language (BCP 47), such as `en` or `pt-BR`."""

    def __init__(self, **options: Any) -> None:
        message = "This must be the code of a language, such as en or pt-BR."
        super().__init__(validate=validate.Regexp(LANGUAGE_PATTERN, error=message), **options)


class TextsRequestSchema(RequestSchema):
    """A request with exactly one of `text`, `texts` and `documents`, and with options that hold for each text."""

    alternatives: ClassVar[tuple[str, ...]] = INPUTS
    json_rules: ClassVar[dict[str, Any]] = {
        "oneOf": [{"required": [name]} for name in INPUTS],
        "not": {"required": ["text", "stream"], "properties": {"stream": {"const": True}}},
    }

    text = PromptText(metadata={"description": "The text; not blank."})
    texts = TextList(
        metadata={"description": "Several texts. An invalid one is listed in `errors`, beside the results."}
    )
    documents = DocumentList(
        metadata={"description": "Several texts, each with an `id` for its result, and its `language` if known."}
    )
    language = Language(
        metadata={"description": "The language of the texts, such as `en`; by default it is found out for each."}
    )
    format = fields.String(
        load_default="auto",
        validate=validate.OneOf(FORMATS),
        metadata={"description": "The format of the texts, whose markup is left out; `auto` finds it out."},
    )
    model = Model(metadata={"description": "The model to use, by default the configured one."})
    stream = StrictBoolean(
        load_default=False,
        metadata={"description": "Whether each result of `texts` or `documents` is sent when it is ready, as a line."},
    )

    def __init__(self, config: Config) -> None:
        self.max_texts = config.max_texts
        super().__init__(config)

    def body_limit(self, config: Config) -> int:
        """Return MAX_BODY_BYTES: several texts may fill a body."""
        return config.max_body_bytes

    def needed_tokens(self, body: dict[str, Any], tokens: int, count: int) -> int:
        """Return the tokens of all calls for `count` texts, which have `tokens` together, without one answer each."""
        return tokens

    def text_error(self, text: Any) -> str | None:
        """Return why a text of a list is invalid, None if it is valid."""
        try:
            self.fields["text"].deserialize(text)
        except ValidationError as error:
            return str(error.messages[0])
        return None

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _one_input(self, data: dict[str, Any], original: Any, **_: Any) -> None:
        if not isinstance(original, dict):
            return  # an error of its own
        given = [name for name in self.alternatives if name in original]
        if not given:
            raise ValidationError("Missing data for required field; send text, texts or documents.", "text")
        if len(given) > 1:
            raise ValidationError("Send one of text, texts and documents.", given[-1])
        if given[0] not in LISTS and data.get("stream"):
            raise ValidationError("A stream has several results; send texts or documents.", "stream")


def _max_texts(field: fields.Field[Any]) -> int:
    schema = field.root
    return schema.max_texts if isinstance(schema, TextsRequestSchema) else 0


def _document_error(document: Any) -> str | None:
    """Return why a document is invalid apart from its text, None if it is valid."""
    if not isinstance(document, dict) or "text" not in document:
        return "this must be an object with a text."
    if unknown := document.keys() - _DOCUMENT_KEYS:
        return f"unknown field {min(unknown)[:MAX_ID_CHARS]}."
    name, language = document.get("id", "0"), document.get("language", "en")
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_ID_CHARS:
        return f"the id must be a string of 1 to {MAX_ID_CHARS} characters."
    if not isinstance(language, str) or _LANGUAGE.fullmatch(language) is None:
        return "the language must be a code, such as en or pt-BR."
    return None


def texts_of(body: Mapping[str, Any]) -> list[str]:
    """Return the texts of a validated body; one that is invalid counts as empty."""
    if "text" in body:
        return [body["text"]]
    texts = body["texts"] if "texts" in body else [document["text"] for document in body["documents"]]
    return [text if isinstance(text, str) else "" for text in texts]


class TextResultSchema(OperationSchema):
    """The result of one text."""


class ExcerptResultSchema(TextResultSchema, ExcerptSchema):
    """The result of one text whose model may read a part of it only."""


class TextErrorSchema(StrictSchema):
    """The error of one text."""

    code = fields.Integer(required=True, metadata={"description": "The HTTP status that the text alone would get."})
    message = fields.String(required=True, metadata={"description": "A sentence with advice."})
    type = fields.String(required=True)
    details = fields.Dict(required=True)


class FailedTextSchema(StrictSchema):
    """A text without a result."""

    index = fields.Integer(required=True)
    id = fields.String(required=True)
    error = fields.Nested(TextErrorSchema, required=True)


class TextsUsageSchema(StrictSchema):
    """The tokens of the upstream calls for all texts; results from the cache add nothing."""

    prompt_tokens = fields.Integer(required=True)
    completion_tokens = fields.Integer(required=True)
    total_tokens = fields.Integer(required=True)
    estimated = fields.Boolean(metadata={"description": "Present if the backend returned no counts."})


def results_schema(result: type[TextResultSchema]) -> type[Schema]:
    """Return the schema of the response to several texts, whose results are those of one text with index and id."""
    name = result.__name__.removesuffix("ResultSchema").removesuffix("ResponseSchema")
    item = type(
        f"{name}ItemSchema",
        (result,),
        {
            "__doc__": "The result of one of several texts.",
            "index": fields.Integer(required=True, metadata={"description": "The place of the text, from 0."}),
            "id": fields.String(required=True, metadata={"description": "The id of the document, else the index."}),
        },
    )
    members: dict[str, Any] = {
        "__doc__": "The results of several texts in their order, and the errors of those without a result.",
        "results": fields.List(fields.Nested(item), required=True),
        "errors": fields.List(fields.Nested(FailedTextSchema), required=True),
        "usage": fields.Nested(TextsUsageSchema, required=True),
    }
    return type(f"{name}ResultsSchema", (OperationSchema,), members)
