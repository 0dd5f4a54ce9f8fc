"""Reads requests: the body within its time limit, as strict JSON, through the schema of the operation."""

from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import marshmallow
import orjson
from flask import Request

from app.errors import PayloadTooLarge, RequestTimeout, UnsupportedMediaType, ValidationError
from app.json_depth import exceeds_json_depth
from app.json_numbers import load_exact
from app.json_values import MAX_CONTAINERS, MAX_ITEMS, exceeds_json_values
from app.schemas.fields import MAX_ERRORS, RequestSchema
from app.web.body_budget import FREE_BYTES, BodyBudget
from app.web.request_state import RequestState

_JSON = "application/json"
# marshmallow's key for errors of the object itself
_SCHEMA_KEY = "_schema"
MAX_NAME_CHARS = 100
_TOO_MANY_VALUES = (
    f"The body has more than the {MAX_ITEMS} items, or the {MAX_CONTAINERS} lists, objects and keys, that are accepted."
)


def read_body(
    state: RequestState, schema: RequestSchema, budget: BodyBudget, variables: Mapping[str, str]
) -> dict[str, Any]:
    """Return the validated body, with the variables of the URL as fields.

    A large body sets `state.body_reservation`, which the caller releases. Raises ValidationError with all errors,
    UnsupportedMediaType, RequestTimeout, PayloadTooLarge or LargeBodyLimitReached.
    """
    request = state.request
    environ = request.environ
    is_json = environ.get("CONTENT_TYPE") == _JSON or request.mimetype == _JSON
    if not is_json or environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise UnsupportedMediaType
    data = _read_bytes(state, schema.max_body_bytes, budget)
    if exceeds_json_values(data):
        raise _body_error(_TOO_MANY_VALUES)
    try:
        payload = load_exact(data)
    except orjson.JSONDecodeError as error:
        reason = f"The body is not valid JSON in UTF-8: {error.msg} (line {error.lineno}, column {error.colno})."
        raise _body_error(reason) from None
    if exceeds_json_depth(payload, data):
        raise _body_error("The body is nested too deeply.")
    if variables and isinstance(payload, dict):
        payload |= variables
    if isinstance(payload, dict) and names_no_model(payload.get("model"), environ.get("HTTP_HOST", "")):
        del payload["model"]
    return load(schema, payload)


def names_no_model(model: Any, host: str) -> bool:
    """Return whether a model is empty, or the service's own URL, which some clients send if no model is named."""
    if model == "":
        return True
    if not isinstance(model, str) or model[:4].lower() != "http":
        return False
    with suppress(ValueError):
        url = urlsplit(model)
        # without the port, which a proxy may change
        return url.scheme in ("http", "https") and url.hostname == urlsplit(f"//{host}").hostname
    return False


def read_query(request: Request, schema: RequestSchema) -> dict[str, Any]:
    """Return the validated query parameters; raise ValidationError with all errors."""
    parameters = request.args.to_dict(flat=False)
    return load(schema, {name: values[0] if len(values) == 1 else values for name, values in parameters.items()})


def load(schema: marshmallow.Schema, payload: Any) -> dict[str, Any]:
    """Return the payload as validated by the schema; raise ValidationError with at most MAX_ERRORS errors."""
    try:
        data: dict[str, Any] = schema.load(payload)
    except marshmallow.ValidationError as error:
        error.__traceback__ = None  # marshmallow's frames hold the error, a cycle that would keep the body in memory
        messages: dict[Any, Any] = error.normalized_messages()  # type: ignore[no-untyped-call]  # no types there
        fields = islice(messages.items(), MAX_ERRORS)
        raise ValidationError(details={_field_name(key): _limited(reasons) for key, reasons in fields}) from None
    return data


def _read_bytes(state: RequestState, limit: int, budget: BodyBudget) -> bytes:
    """Return the body, of at most `limit` bytes. The server ends it at its Content-Length or its last chunk."""
    environ = state.request.environ
    header = environ.get("CONTENT_LENGTH", "")
    length = int(header) if header.isdecimal() else None
    if length is not None and length > limit:
        raise PayloadTooLarge
    wanted = limit + 1 if length is None else length
    data = _receive(environ, min(wanted, FREE_BYTES))
    if len(data) == FREE_BYTES < wanted:
        state.body_reservation = budget.reserve(state.client.id, min(wanted, limit))
        data += _receive_rest(environ, wanted - FREE_BYTES)
        state.body_reservation.shrink(min(len(data), limit))
    if len(data) > limit:
        raise PayloadTooLarge
    if length is not None and len(data) < length:
        raise _truncated_body()
    return data


def _receive_rest(environ: dict[str, Any], size: int) -> bytes:
    """Receive the rest of a body after a wait for the budget, which does not count as time of the client."""
    if connection := environ.get("gunicorn.socket"):
        connection.restart_read_deadline()
    return _receive(environ, size)


def _receive(environ: dict[str, Any], size: int) -> bytes:
    try:
        data: bytes = environ["wsgi.input"].read(size)
    except TimeoutError:
        raise RequestTimeout from None
    except OSError:  # a reset connection
        raise _truncated_body() from None
    return data


def _truncated_body() -> ValidationError:
    return _body_error("The body ended before its Content-Length or its last chunk was reached.")


def _body_error(reason: str) -> ValidationError:
    return ValidationError(details={"body": [reason]})


def _field_name(key: Any) -> str:
    return "body" if key == _SCHEMA_KEY else str(key)[:MAX_NAME_CHARS]


def _limited(reasons: Any) -> Any:
    return reasons[:MAX_ERRORS] if isinstance(reasons, list) else reasons
