"""Names of models: those that upstreams put into their responses, and their lists of models."""

from typing import Any

from app.backends.responses.normalize import decode_json, normalize_payload, require_success
from app.backends.upstream_response import UpstreamResponse
from app.errors import UpstreamInvalidResponse

# the name of a model that neither the settings nor the upstream name; clients may send it back
UNKNOWN_MODEL = "default"
_LIST_KEYS = ("data", "models")
_NAME_KEYS = ("id", "name", "model")
# the types of OpenAI's other fields; values of other types are left out
_FIELD_TYPES = {"created": int, "owned_by": str}


def upstream_name(model: Any) -> str | None:
    """Return the name in a response; None if it is no text, or blank."""
    return model if isinstance(model, str) and model.strip() else None


def parse_models(response: UpstreamResponse) -> list[dict[str, Any]]:
    """Return the entries of a list of models, each with an `id`, and no two with the same one.

    The list is the payload itself, or its `data` or `models`. An entry is a name, or an object with one in `id`, `name`
    or `model`; others are left out. Raises the ServiceError of a response without a list.
    """
    require_success(response)
    entries: dict[str, dict[str, Any]] = {}
    for item in _listed(decode_json(response)):
        fields = {"id": item} if isinstance(item, str) else item
        if isinstance(fields, dict) and (entry := _entry(fields)):
            entries.setdefault(entry["id"], entry)
    return [*entries.values()]


def _listed(payload: Any) -> list[Any]:
    """Return the list in a payload; an empty array without a name is none."""
    if isinstance(payload, list) and payload:
        return payload
    values = [payload.get(key) for key in _LIST_KEYS] if isinstance(payload, dict) else []
    lists = [value for value in values if isinstance(value, list)]
    if not lists:
        normalize_payload(payload)  # raises the error of an error payload
        raise UpstreamInvalidResponse
    return max(lists, key=bool)


def _entry(fields: dict[str, Any]) -> dict[str, Any] | None:
    name = next(filter(None, (upstream_name(fields.get(key)) for key in _NAME_KEYS)), None)
    if name is None:
        return None
    valid = {key: value for key, value in fields.items() if isinstance(value, _FIELD_TYPES.get(key, object))}
    return {**valid, "id": name, "object": "model"}
