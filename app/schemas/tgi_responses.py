"""Responses of text-generation-inference (TGI)."""

from marshmallow import fields

from app.schemas.responses import PassthroughSchema, StrictSchema


class GeneratedTextSchema(PassthroughSchema):
    """TGI's response."""

    generated_text = fields.String(required=True)
    details = fields.Dict(metadata={"description": "Finish reason and tokens, if the request asks for details."})


class TgiInfoSchema(StrictSchema):
    """The default model and the limits of the service."""

    model_id = fields.String(required=True)
    model_sha = fields.String(required=True, allow_none=True)
    model_pipeline_tag = fields.String(required=True)
    max_concurrent_requests = fields.Integer(required=True)
    max_best_of = fields.Integer(required=True)
    max_stop_sequences = fields.Integer(required=True)
    max_input_tokens = fields.Integer(required=True)
    max_total_tokens = fields.Integer(required=True)
    max_client_batch_size = fields.Integer(required=True)
    router = fields.String(required=True)
    version = fields.String(required=True)
    sha = fields.String(required=True, allow_none=True)
    docker_label = fields.String(required=True, allow_none=True)
