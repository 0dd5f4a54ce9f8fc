"""The request and the response of model validation."""

from marshmallow import fields

from app.schemas.fields import Model, RequestSchema
from app.schemas.responses import OperationSchema


class ValidateRequestSchema(RequestSchema):
    """The model to look up, as a query parameter."""

    model = Model(
        required=True,
        metadata={"description": "The name of a model: an id, an alias or `backend:model`.", "examples": ["gpt2"]},
    )


class ValidateResponseSchema(OperationSchema):
    """Whether the model can be used. Other fields are present if known."""

    model = fields.String(required=True)
    valid = fields.Boolean(required=True)
    reason = fields.String(metadata={"description": "Why it cannot be used."})
    tasks = fields.List(fields.String(), metadata={"description": "The tasks of the model."})
    providers = fields.List(fields.String(), metadata={"description": "The providers that serve the model."})
