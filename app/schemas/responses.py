"""The common parts of responses. Schemas are strict, or let the additional fields of backends through."""

from marshmallow import INCLUDE, RAISE, Schema, fields, validate


class StrictSchema(Schema):
    """An object without additional fields."""

    class Meta:
        unknown = RAISE


class PassthroughSchema(Schema):
    """An object of OpenAI's API with the additional fields of the backend."""

    class Meta:
        unknown = INCLUDE


class AttemptSchema(StrictSchema):
    """One upstream attempt."""

    at_ms = fields.Float(required=True, metadata={"description": "Its start, counted from the start of the request."})
    backend = fields.String(required=True)
    route = fields.String(required=True)
    outcome = fields.String(required=True, metadata={"description": "ok, cancelled, or the type of its error."})
    duration_ms = fields.Float(required=True)


class DebugSchema(StrictSchema):
    """The timeline of a request."""

    attempts = fields.List(fields.Nested(AttemptSchema), required=True)


class OperationSchema(StrictSchema):
    """The response of an operation."""

    debug = fields.Nested(DebugSchema, metadata={"description": "Present with X-AI-Debug: 1."})


class ExcerptSchema(OperationSchema):
    """The response of an operation whose model may read a part of the text only."""

    truncated = fields.Boolean(
        validate=validate.Equal(True),
        metadata={"description": "Present if the text was longer than the model reads: a part of it was left out."},
    )


class ErrorSchema(StrictSchema):
    """An error."""

    code = fields.Integer(required=True, metadata={"description": "The HTTP status."})
    message = fields.String(required=True, metadata={"description": "A sentence with advice."})
    type = fields.String(required=True)
    details = fields.Dict(required=True, metadata={"description": "More facts, such as the errors of each field."})
    request_id = fields.String(required=True)


class OpenAIErrorObjectSchema(StrictSchema):
    """The error object of OpenAI's API."""

    message = fields.String(required=True, metadata={"description": "A sentence with advice."})
    type = fields.String(required=True)
    param = fields.String(required=True, allow_none=True, metadata={"description": "The first invalid field."})
    code = fields.String(required=True, metadata={"description": "The same as type."})


class OpenAIErrorSchema(StrictSchema):
    """An error in the shape of OpenAI's API."""

    error = fields.Nested(OpenAIErrorObjectSchema, required=True)
    debug = fields.Nested(DebugSchema, metadata={"description": "Present with X-AI-Debug: 1."})


class CohereErrorSchema(StrictSchema):
    """An error in the shape of Cohere's API, and of Jina's."""

    id = fields.String(required=True, metadata={"description": "The request id."})
    message = fields.String(required=True, metadata={"description": "A sentence with advice."})
    detail = fields.String(required=True, metadata={"description": "The same, as Jina's clients read it."})
    type = fields.String(required=True)
    details = fields.Dict(required=True, metadata={"description": "More facts, such as the errors of each field."})


class TeiErrorSchema(StrictSchema):
    """An error in the shape of text-embeddings-inference."""

    error = fields.String(required=True, metadata={"description": "A sentence with advice."})
    error_type = fields.String(required=True, validate=validate.OneOf(("Backend", "Overloaded", "Validation")))
    type = fields.String(required=True, metadata={"description": "The service's own type."})
    request_id = fields.String(required=True)
    debug = fields.Nested(DebugSchema, metadata={"description": "Present with X-AI-Debug: 1."})


class HuggingFaceErrorSchema(StrictSchema):
    """An error in the shape of Hugging Face's inference servers."""

    error = fields.String(required=True, metadata={"description": "A sentence with advice."})
    error_type = fields.String(
        required=True,
        validate=validate.OneOf(("overloaded", "validation", "incomplete_generation", "generation")),
        metadata={"description": "The kind of error that text-generation-inference has for it."},
    )
    type = fields.String(required=True, metadata={"description": "The service's own type of the error."})
    estimated_time = fields.Float(metadata={"description": "Seconds until the model is loaded, if known."})
    debug = fields.Nested(DebugSchema, metadata={"description": "Present with X-AI-Debug: 1."})
