"""What answers share: either nothing is in them that is not named here, or backends may add what they like."""

from marshmallow import INCLUDE, RAISE, Schema, fields


class StrictSchema(Schema):
    """An object of ours, which has no other fields."""

    class Meta:
        unknown = RAISE


class PassthroughSchema(Schema):
    """An object of OpenAI's, which holds what the backend gave besides."""

    class Meta:
        unknown = INCLUDE


class AttemptSchema(StrictSchema):
    """One attempt to get an answer from a backend."""

    at_ms = fields.Float(required=True, metadata={"description": "When it began, from the start of the request."})
    backend = fields.String(required=True)
    route = fields.String(required=True)
    outcome = fields.String(required=True, metadata={"description": "ok, cancelled, or the type of its error."})
    duration_ms = fields.Float(required=True)


class DebugSchema(StrictSchema):
    """What happened to a request."""

    attempts = fields.List(fields.Nested(AttemptSchema), required=True)


class OperationSchema(StrictSchema):
    """An answer of an operation of ours."""

    debug = fields.Nested(DebugSchema, metadata={"description": "There with X-AI-Debug: 1."})


class ErrorSchema(StrictSchema):
    """The one shape of our errors."""

    code = fields.Integer(required=True, metadata={"description": "The status."})
    message = fields.String(required=True, metadata={"description": "A sentence to act on."})
    type = fields.String(required=True)
    details = fields.Dict(required=True, metadata={"description": "More, such as the faults of each field."})
    request_id = fields.String(required=True)


class OpenAIFaultSchema(StrictSchema):
    """What OpenAI's clients raise."""

    message = fields.String(required=True, metadata={"description": "A sentence to act on."})
    type = fields.String(required=True)
    param = fields.String(required=True, allow_none=True, metadata={"description": "The first field at fault."})
    code = fields.String(required=True, metadata={"description": "The same as type."})


class OpenAIErrorSchema(StrictSchema):
    """An error in the shape of OpenAI's API."""

    error = fields.Nested(OpenAIFaultSchema, required=True)
    debug = fields.Nested(DebugSchema, metadata={"description": "There with X-AI-Debug: 1."})
