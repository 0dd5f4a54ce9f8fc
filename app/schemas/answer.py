"""The request and the response of answer."""

from typing import Any, ClassVar

from marshmallow import fields, post_load, validate

from app.schemas.fields import PromptText
from app.schemas.offsets import OffsetsRequestSchema
from app.schemas.texts import INPUTS, ExcerptResultSchema


class AnswerRequestSchema(OffsetsRequestSchema):
    """A question, and the texts that may have its answer; each text is asked for itself."""

    alternatives = (*INPUTS, "context")
    json_rules: ClassVar[dict[str, Any]] = {
        "oneOf": [{"required": [name]} for name in alternatives],
        "not": {
            "anyOf": [{"required": ["text", "stream"]}, {"required": ["context", "stream"]}],
            "properties": {"stream": {"const": True}},
        },
    }

    context = PromptText(metadata={"description": "Another name of `text`, as in question-answering pipelines."})
    question = PromptText(required=True, metadata={"description": "The question; not blank."})

    @post_load
    def _as_text(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"text": data.pop("context"), **data} if "context" in data else data


class AnswerResultSchema(ExcerptResultSchema):
    """The answer that a text has, as a part of the text as it was sent; all null if the text has none."""

    answer = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The text from `start` to `end`; null if the text does not answer the question."},
    )
    start = fields.Integer(required=True, allow_none=True)
    end = fields.Integer(required=True, allow_none=True)
    score = fields.Float(
        validate=validate.Range(0, 1),
        metadata={"description": "How likely the answer is; absent for chat models, which give no probability."},
    )
    sentence = fields.String(
        required=True, allow_none=True, metadata={"description": "The sentence that the answer is from."}
    )
    plain_text = fields.String(
        metadata={"description": "The answer without the markup within it; present if there is some."}
    )
    source = fields.String(
        required=True,
        metadata={"description": "What found the answer: `question_answering`, `chat_model` or `reranker`."},
    )
