"""The short form of the metrics."""

from marshmallow import fields

from app.schemas.responses import StrictSchema


class MetricsSchema(StrictSchema):
    """Requests since the start of the service."""

    requests_total = fields.Integer(required=True)
    requests_duration = fields.Float(required=True, metadata={"description": "The mean duration, in seconds."})
    error_rate = fields.Float(required=True, metadata={"description": "The ratio of 5xx responses."})
    timestamp = fields.String(required=True, metadata={"format": "date-time"})
