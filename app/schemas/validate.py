"""Request and answer of model validation."""

from marshmallow import Schema, fields

from app.schemas.fields import Model, RequestSchema


class ValidateRequestSchema(RequestSchema):
    """The model to look up, as a query parameter."""

    model = Model(required=True)


class ValidateResponseSchema(Schema):
    """Whether the model can be used; the rest is there where known."""

    model = fields.String()
    valid = fields.Boolean()
    reason = fields.String()
    tasks = fields.List(fields.String())
    providers = fields.List(fields.String())
