"""Answers of the health checks."""

from marshmallow import fields, validate

from app.schemas.responses import StrictSchema


class IdentitySchema(StrictSchema):
    """Which service answered, and when."""

    timestamp = fields.String(required=True, metadata={"format": "date-time"})
    service = fields.String(required=True)
    version = fields.String(required=True)


class HealthSchema(IdentitySchema):
    """The process answers."""

    status = fields.String(required=True, validate=validate.Equal("healthy"))


class ReadinessSchema(StrictSchema):
    """Whether requests should be sent here."""

    status = fields.String(required=True, validate=validate.OneOf(("ready", "starting", "draining")))
    reason = fields.String(metadata={"description": "Why not."})


class CheckSchema(StrictSchema):
    """What one dependency answered; type and message are those of its error."""

    status = fields.String(required=True, validate=validate.OneOf(("healthy", "unhealthy")))
    latency_ms = fields.Float(required=True)
    breakers = fields.Dict(
        values=fields.String(), metadata={"description": "The state of the breaker of each route of a backend."}
    )
    type = fields.String()
    message = fields.String()


class DeepHealthSchema(IdentitySchema):
    """What each dependency answered; degraded where another one than the primary backend fails."""

    status = fields.String(required=True, validate=validate.OneOf(("healthy", "degraded", "unhealthy")))
    access = fields.String(
        required=True,
        validate=validate.OneOf(("open", "keys")),
        metadata={"description": "Whether callers need a key."},
    )
    checks = fields.Dict(required=True, values=fields.Nested(CheckSchema))
