"""Entities of the encoder's models, and those of a fixed form by rules."""

from typing import Any

from app.backends.encoder.calls import EncoderCalls
from app.backends.plan import Plan
from app.backends.text_types import Entities, EntitiesRequest, Entity
from app.backends.types import Usage
from app.texts.entities import combined
from app.texts.entity_rules import by_rules

# the models of each source
MODELS = {"spacy": "en_core_web_sm", "name_model": "rampart"}


def find_by_encoder(encoder: EncoderCalls, request: EntitiesRequest) -> Plan[Entities]:
    """Return the entities; rules win where they overlap, as their forms are certain."""

    def parse(output: Any, tokens: int) -> Entities:
        found = [Entity(kind, start, end, score) for kind, start, end, score in output["entities"]]
        source = output["source"]
        return Entities(
            combined(by_rules(request.text), found), source, usage=Usage(tokens, 0), model=MODELS.get(source, source)
        )

    return (yield encoder.call("entities", request.text, {"language": request.language}, parse))
