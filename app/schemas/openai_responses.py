"""Responses of OpenAI's routes. Additional fields of the backend are passed through."""

from marshmallow import fields, validate

from app.schemas.responses import PassthroughSchema


class MessageSchema(PassthroughSchema):
    """A message of the model."""

    role = fields.String(required=True)
    content = fields.String(allow_none=True)


class ChatChoiceSchema(PassthroughSchema):
    """One response to a conversation."""

    index = fields.Integer(required=True)
    message = fields.Nested(MessageSchema, required=True)
    finish_reason = fields.String(allow_none=True)


class CompletionChoiceSchema(PassthroughSchema):
    """One continuation of a prompt."""

    index = fields.Integer(required=True)
    text = fields.String(required=True)
    finish_reason = fields.String(allow_none=True)


class OpenAIUsageSchema(PassthroughSchema):
    """Token counts. `estimated` is present, and true, only if the backend returned none."""

    prompt_tokens = fields.Integer(required=True)
    completion_tokens = fields.Integer()
    total_tokens = fields.Integer(required=True)
    estimated = fields.Boolean()


class CompletionSchema(PassthroughSchema):
    """The common fields of chat and completions."""

    id = fields.String(required=True)
    object = fields.String(required=True)
    created = fields.Integer(required=True)
    model = fields.String(required=True, metadata={"description": "The model that generated the response."})
    usage = fields.Nested(OpenAIUsageSchema, required=True)


class ChatResponseSchema(CompletionSchema):
    """Responses to a conversation."""

    choices = fields.List(fields.Nested(ChatChoiceSchema), required=True)


class CompletionsResponseSchema(CompletionSchema):
    """Continuations of a prompt."""

    choices = fields.List(fields.Nested(CompletionChoiceSchema), required=True)


class EmbeddingSchema(PassthroughSchema):
    """The vector of one text: numbers, or with `encoding_format: base64` the base64 of 32-bit floats."""

    object = fields.String(required=True, validate=validate.Equal("embedding"))
    index = fields.Integer(required=True)
    embedding = fields.Raw(
        required=True, metadata={"anyOf": [{"type": "array", "items": {"type": "number"}}, {"type": "string"}]}
    )


class EmbeddingsResponseSchema(PassthroughSchema):
    """One vector for each text."""

    object = fields.String(required=True, validate=validate.Equal("list"))
    data = fields.List(fields.Nested(EmbeddingSchema), required=True)
    model = fields.String(required=True)
    usage = fields.Nested(OpenAIUsageSchema, required=True)


class ModelSchema(PassthroughSchema):
    """A model that clients can name."""

    id = fields.String(required=True)
    object = fields.String(required=True)
    created = fields.Integer(required=True, metadata={"description": "0 if unknown."})
    owned_by = fields.String(required=True)


class ModelsResponseSchema(PassthroughSchema):
    """The models from the settings, then the models that the primary backend lists."""

    object = fields.String(required=True, validate=validate.Equal("list"))
    data = fields.List(fields.Nested(ModelSchema), required=True)
