"""Fields of requests and responses with offsets in a text."""

from marshmallow import fields, validate

from app.schemas.responses import StrictSchema
from app.schemas.texts import TextsRequestSchema
from app.texts.offsets import CODE_POINTS, UNITS


class OffsetsRequestSchema(TextsRequestSchema):
    """Texts, and the unit of the offsets in their results."""

    offset_unit = fields.String(
        load_default=CODE_POINTS,
        validate=validate.OneOf(UNITS),
        metadata={
            "description": "The unit of `start` and `end`: `code_points` as in Python, `utf16` as in JavaScript and "
            "Java, or `bytes` of UTF-8 as in Go and Rust."
        },
    )


class SpanSchema(StrictSchema):
    """A part of the text as it was sent, from `start` up to, but without, `end`."""

    start = fields.Integer(required=True)
    end = fields.Integer(required=True)
