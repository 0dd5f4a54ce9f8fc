"""The request and the response of classify, in vLLM's shape."""

from marshmallow import fields, validate

from app.schemas.openai_inputs import PlainTexts
from app.schemas.openai_requests import OpenAIRequestSchema
from app.schemas.openai_responses import OpenAIUsageSchema
from app.schemas.responses import PassthroughSchema


class ClassifyRequestSchema(OpenAIRequestSchema):
    """Texts to classify."""

    input = PlainTexts(required=True, metadata={"description": "A text, or a list of texts."})


class ClassificationSchema(PassthroughSchema):
    """The class of one text. `labels` names the class of each probability, unless the upstream returned none."""

    index = fields.Integer(required=True)
    label = fields.String(allow_none=True)
    probs = fields.List(fields.Float(), required=True)
    num_classes = fields.Integer()
    labels = fields.List(fields.String())


class ClassifyResponseSchema(PassthroughSchema):
    """One entry for each text."""

    id = fields.String(required=True)
    object = fields.String(required=True, validate=validate.Equal("list"))
    created = fields.Integer(required=True)
    model = fields.String(required=True)
    data = fields.List(fields.Nested(ClassificationSchema), required=True)
    usage = fields.Nested(OpenAIUsageSchema, required=True)
    truncated = fields.Boolean(metadata={"description": "Present, and true, if the model read a part of a text only."})
