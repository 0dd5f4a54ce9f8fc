"""POST /v1/moderations: rates texts in OpenAI's moderation categories."""

from flask import Blueprint

from app.backends.base import Backend
from app.backends.tasks.moderation_ratings import Rating, openai_result
from app.openapi.route_doc import JSON, Example, RouteDoc, RouteResponse
from app.operations.endpoint import OperationEndpoint
from app.operations.openai_passthrough import openai_operation
from app.schemas.moderations import ModerationsRequestSchema, ModerationsResponseSchema
from app.schemas.openai_fields import joined_texts

_DOC = RouteDoc(
    tag="OpenAI",
    summary="Rate texts in moderation categories",
    description="Compatible with OpenAI's API. The model is that of the request, or MODERATION_MODEL; without either "
    "the status is 501.",
    responses=(RouteResponse("A result for each text.", {JSON: ModerationsResponseSchema}),),
    examples={
        "threat": Example(
            request={"input": "I will hurt you.", "model": "meta-llama/Llama-Guard-4-12B"},
            response={
                "id": "modr-8c1a7f40c7be4c2a9a6d3f04e3f3a9d1",
                "model": "meta-llama/Llama-Guard-4-12B",
                "results": [openai_result(Rating({"violence": 1.0}, {"violence"}, flagged=True), ["text"])],
            },
        )
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("moderations", __name__)
    handle = openai_operation(endpoint, Backend.moderations, lambda body: joined_texts(body["input"]))
    endpoint.register(routes, "/v1/moderations", ModerationsRequestSchema(endpoint.config), handle, _DOC)
    return routes
