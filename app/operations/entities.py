"""POST /v1/text/entities: finds persons, organizations, places, dates, amounts and addresses."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.backends.text_types import EntitiesRequest, Entity
from app.context.call_context import CallContext
from app.openapi.route_doc import Example, RouteDoc
from app.operations.endpoint import OperationEndpoint
from app.operations.offsets import part_of, places
from app.operations.text_operation import register_text, text_responses
from app.schemas.entities import EntitiesRequestSchema, EntitiesResultSchema
from app.texts.document import Document
from app.texts.entities import of_types

SCORE_DIGITS = 4

_DOC = RouteDoc(
    tag="Text",
    summary="Find the entities of a text",
    description="Entities are persons, organizations, places, dates and more, each with its place in the text as it "
    "was sent. `types` selects some types. Rules find dates, times, amounts of money, percentages, quantities, phone "
    "numbers, and addresses of mail and of the web; a model finds the others. Models that read 512 tokens read a long "
    "text part by part.",
    responses=text_responses(EntitiesResultSchema),
    examples={
        "news": Example(
            request={"text": "Ada Moor opened the museum in Bergen on 3 May 2024.", "types": ["person", "place"]},
            response={
                "entities": [
                    {"text": "Ada Moor", "type": "person", "start": 0, "end": 8},
                    {"text": "Bergen", "type": "place", "start": 30, "end": 36},
                ],
                "language": "en",
                "source": "spacy",
            },
        )
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("entities", __name__)

    def handle(context: CallContext, document: Document, options: Mapping[str, Any]) -> dict[str, Any]:
        request = EntitiesRequest(document.text, options["types"], document.language)
        result = endpoint.inference.run(context, Backend.entities, request, options.get("model"))
        found = of_types(result.entities, options["types"])
        listed = _listed(document, found, options["offset_unit"])
        return {"entities": listed, "language": document.language, "source": result.source}

    schema = EntitiesRequestSchema(endpoint.config)
    register_text(endpoint, routes, "/v1/text/entities", schema, handle, _DOC)
    return routes


def _listed(document: Document, entities: Sequence[Entity], unit: str) -> list[dict[str, Any]]:
    spans = places(document, [(entity.start, entity.end) for entity in entities], unit)
    return [_entity(document, entity, span) for entity, span in zip(entities, spans, strict=True)]


def _entity(document: Document, entity: Entity, span: Mapping[str, int]) -> dict[str, Any]:
    score = {} if entity.score is None else {"score": round(entity.score, SCORE_DIGITS)}
    return {**part_of(document, (entity.start, entity.end)), "type": entity.type, **span, **score}
