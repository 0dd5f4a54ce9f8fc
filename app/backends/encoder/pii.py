"""Names and addresses of persons by the encoder."""

from typing import Any

from app.backends.encoder.calls import EncoderCalls
from app.backends.plan import Plan
from app.backends.text_types import Entities, EntitiesRequest, Entity
from app.backends.types import Usage

SOURCE = "name_model"
MODEL = "rampart"


def find_personal_data(encoder: EncoderCalls, request: EntitiesRequest) -> Plan[Entities]:
    """Return the names and addresses that the encoder's model finds."""

    def parse(output: Any, tokens: int) -> Entities:
        found = [Entity(one["type"], one["start"], one["end"], one["score"]) for one in output]
        return Entities(found, SOURCE, usage=Usage(tokens, 0), model=MODEL)

    return (yield encoder.call("pii", request.text, {}, parse))
