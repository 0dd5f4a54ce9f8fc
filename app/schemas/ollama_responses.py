"""Responses and errors of Ollama's routes."""

from marshmallow import fields, validate

from app.schemas.responses import DebugSchema, PassthroughSchema, StrictSchema


class ResponseMessageSchema(PassthroughSchema):
    """A message of the model."""

    role = fields.String(required=True, validate=validate.Equal("assistant"))
    content = fields.String(required=True)
    thinking = fields.String()
    tool_calls = fields.List(fields.Dict())


class OllamaResultSchema(PassthroughSchema):
    """The common fields of responses; durations are in nanoseconds."""

    model = fields.String(required=True, metadata={"description": "The model that generated the response."})
    created_at = fields.String(required=True, metadata={"format": "date-time"})
    done = fields.Boolean(required=True)
    done_reason = fields.String(metadata={"description": "stop, length, load, or another reason of the backend."})
    total_duration = fields.Integer(metadata={"description": "The time from request to response."})
    prompt_eval_count = fields.Integer(metadata={"description": "The tokens of the prompt."})
    eval_count = fields.Integer(metadata={"description": "The tokens of the response."})
    debug = fields.Nested(DebugSchema, metadata={"description": "Present with X-AI-Debug: 1."})


class OllamaChatResponseSchema(OllamaResultSchema):
    """The response to a conversation."""

    message = fields.Nested(ResponseMessageSchema, required=True)


class OllamaGenerateResponseSchema(OllamaResultSchema):
    """The response to a prompt."""

    response = fields.String(required=True)
    thinking = fields.String()


class OllamaEmbedResponseSchema(PassthroughSchema):
    """One vector for each text."""

    model = fields.String(required=True)
    embeddings = fields.List(fields.List(fields.Float()), required=True)
    total_duration = fields.Integer(required=True)
    prompt_eval_count = fields.Integer(required=True)


class OllamaEmbeddingsResponseSchema(PassthroughSchema):
    """The vector of a text."""

    embedding = fields.List(fields.Float(), required=True)


class ModelDetailsSchema(PassthroughSchema):
    """Facts of a model's file; empty, because backends do not report them."""

    format = fields.String(required=True)
    family = fields.String(required=True)
    families = fields.List(fields.String(), required=True)
    parameter_size = fields.String(required=True)
    quantization_level = fields.String(required=True)


class TagSchema(PassthroughSchema):
    """A model that clients can name."""

    name = fields.String(required=True)
    model = fields.String(required=True)
    modified_at = fields.String(required=True, metadata={"format": "date-time", "description": "1970 if unknown."})
    size = fields.Integer(required=True, metadata={"description": "0: unknown."})
    digest = fields.String(required=True, metadata={"description": "The SHA-256 of the name."})
    details = fields.Nested(ModelDetailsSchema, required=True)


class OllamaTagsResponseSchema(PassthroughSchema):
    """The models from the settings, then the models that the primary backend lists."""

    models = fields.List(fields.Nested(TagSchema), required=True)


class OllamaShowResponseSchema(PassthroughSchema):
    """A model."""

    modified_at = fields.String(required=True, metadata={"format": "date-time", "description": "1970 if unknown."})
    template = fields.String(required=True, metadata={"description": "Empty: unknown."})
    parameters = fields.String(required=True, metadata={"description": "Empty: unknown."})
    details = fields.Nested(ModelDetailsSchema, required=True)
    model_info = fields.Dict(required=True)
    capabilities = fields.List(fields.String(), required=True)


class OllamaVersionResponseSchema(PassthroughSchema):
    """The version of Ollama whose API the service follows."""

    version = fields.String(required=True)


class OllamaErrorSchema(StrictSchema):
    """An error in the shape of Ollama's API."""

    error = fields.String(required=True, metadata={"description": "A sentence with advice."})
    debug = fields.Nested(DebugSchema, metadata={"description": "Present with X-AI-Debug: 1."})
