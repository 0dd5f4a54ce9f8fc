"""The request and the response of moderations, in OpenAI's shape."""

from marshmallow import fields

from app.schemas.openai_inputs import ModerationInputs
from app.schemas.openai_requests import OpenAIRequestSchema
from app.schemas.responses import PassthroughSchema


class ModerationsRequestSchema(OpenAIRequestSchema):
    """Texts to rate."""

    input = ModerationInputs(
        required=True,
        metadata={"description": "A text, a list of texts, or the parts of one input: texts and images."},
    )


class ModerationResultSchema(PassthroughSchema):
    """The rating of one input. A category that the model does not rate is applied to no input type."""

    flagged = fields.Boolean(required=True)
    categories = fields.Dict(required=True, values=fields.Boolean(allow_none=True))
    category_scores = fields.Dict(required=True, values=fields.Float(allow_none=True))
    category_applied_input_types = fields.Dict(values=fields.List(fields.String()))


class ModerationsResponseSchema(PassthroughSchema):
    """One result for each text, or one for a list of parts."""

    id = fields.String(required=True)
    model = fields.String(required=True, metadata={"description": "The model that rated the input."})
    results = fields.List(fields.Nested(ModerationResultSchema), required=True)
