"""Request and answer of model validation."""

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
    """Whether the model can be used; the rest is there where known."""

    model = fields.String(required=True)
    valid = fields.Boolean(required=True)
    reason = fields.String(metadata={"description": "Why it cannot be used."})
    tasks = fields.List(fields.String(), metadata={"description": "What it is for."})
    providers = fields.List(fields.String(), metadata={"description": "Who serves it."})
