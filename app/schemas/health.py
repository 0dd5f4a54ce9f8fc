"""Responses of the health checks."""

from marshmallow import fields, validate

from app.schemas.responses import StrictSchema


class IdentitySchema(StrictSchema):
    """The service, and the time of the response."""

    timestamp = fields.String(required=True, metadata={"format": "date-time"})
    service = fields.String(required=True)
    version = fields.String(required=True)


class HealthSchema(IdentitySchema):
    """The process responds."""

    status = fields.String(required=True, validate=validate.Equal("healthy"))


class ReadinessSchema(StrictSchema):
    """Whether the service is ready for requests."""

    status = fields.String(required=True, validate=validate.OneOf(("ready", "starting", "draining")))
    reason = fields.String(metadata={"description": "Why it is not ready."})


class CheckSchema(StrictSchema):
    """The result for one dependency; type and message are those of its error."""

    status = fields.String(required=True, validate=validate.OneOf(("healthy", "unhealthy")))
    latency_ms = fields.Float(required=True)
    breakers = fields.Dict(
        values=fields.String(), metadata={"description": "The state of the circuit breaker of each upstream route."}
    )
    type = fields.String()
    message = fields.String()


class DeepHealthSchema(IdentitySchema):
    """The result for every dependency. `degraded` means that the primary backend works and another one fails."""

    status = fields.String(required=True, validate=validate.OneOf(("healthy", "degraded", "unhealthy")))
    access = fields.String(
        required=True,
        validate=validate.OneOf(("open", "keys")),
        metadata={"description": "Whether clients need a key."},
    )
    checks = fields.Dict(required=True, values=fields.Nested(CheckSchema))
