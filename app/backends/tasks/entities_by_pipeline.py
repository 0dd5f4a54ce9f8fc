"""Entities of a token-classification pipeline, whose model reads 512 tokens, and those of a fixed form by rules."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from app.backends.plan import Plan, UpstreamRequest
from app.backends.responses.token_classes import parse_entities
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.pipeline_inputs import ENCODER_MAX_TOKENS
from app.backends.text_types import Entities, EntitiesRequest
from app.backends.types import Usage
from app.backends.upstream_response import UpstreamResponse
from app.errors import UpstreamRejected
from app.texts.entities import Entity, combined
from app.texts.entity_rules import by_rules
from app.texts.windows import windows

SOURCE = "token_classification"
OPTIONS = {"parameters": {"aggregation_strategy": "simple"}}
# a model with fewer positions, or a text with more tokens than estimated, is asked again with shorter parts
MIN_TOKENS = 60

# takes the parser and the text
MakeCall = Callable[[Callable[[UpstreamResponse], list[Entity]], str], UpstreamRequest[list[Entity]]]


def find_by_pipeline(make_call: MakeCall, request: EntitiesRequest, model: str) -> Plan[Entities]:
    """Return the entities of the pipeline, part by part; rules win where they overlap, as their forms are certain."""
    entities = yield from _find(make_call, request.text, ENCODER_MAX_TOKENS)
    found = combined(by_rules(request.text), entities)
    return Entities(found, source=SOURCE, usage=Usage(estimated_tokens(request.text), 0, estimated=True), model=model)


def _find(make_call: MakeCall, text: str, limit: int) -> Plan[list[Entity]]:
    entities: list[Entity] = []
    for start, end in windows(text, limit, estimated_tokens):
        part = text[start:end]
        try:
            found = yield make_call(partial(parse_entities, text=part), part)
        except UpstreamRejected as error:
            is_moderated = error.report is not None and error.report.status == 403
            half = estimated_tokens(part) // 2
            if is_moderated or half < MIN_TOKENS:
                raise
            found = yield from _find(make_call, part, half)
        entities += [replace(entity, start=entity.start + start, end=entity.end + start) for entity in found]
    return entities
