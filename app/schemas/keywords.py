"""The request and the response of keywords."""

from marshmallow import fields, validate

from app.schemas.fields import Integer
from app.schemas.offsets import OffsetsRequestSchema, SpanSchema
from app.schemas.texts import ExcerptResultSchema

MAX_KEYWORDS = 100


class KeywordsRequestSchema(OffsetsRequestSchema):
    """Texts whose keywords are looked for."""

    max_keywords = Integer(
        1,
        MAX_KEYWORDS,
        load_default=10,
        metadata={"description": "The number of keywords at most."},
    )


class KeywordSchema(SpanSchema):
    """A keyword at its first place in the text. `text` is the text as it was sent, from `start` to `end`."""

    text = fields.String(required=True)
    score = fields.Float(
        validate=validate.Range(0, 1),
        metadata={"description": "The weight in relation to the best keyword; absent for chat models."},
    )
    plain_text = fields.String(
        metadata={"description": "The keyword without the markup within it; present if there is some."}
    )


class KeywordsResultSchema(ExcerptResultSchema):
    """The keywords of a text, the most important first."""

    keywords = fields.List(fields.Nested(KeywordSchema), required=True)
    language = fields.String(required=True, allow_none=True, metadata={"description": "The code of ISO 639-1."})
    source = fields.String(
        required=True,
        metadata={"description": "What found the keywords: `chat_model`, `noun_phrases` or `statistics`."},
    )
