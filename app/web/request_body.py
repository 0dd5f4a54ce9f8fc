"""Reads requests: the body within its time, as strict JSON, through the schema of its operation."""

from itertools import islice
from typing import Any

import marshmallow
import orjson
from flask import Request

from app.config import Config
from app.errors import PayloadTooLarge, RequestTimeout, UnsupportedMediaType, ValidationError
from app.json_depth import exceeds_json_depth
from app.schemas.fields import RequestSchema

_JSON = "application/json"
# how marshmallow names a fault of the request as a whole
_WHOLE = "_schema"
# of fields, and of reasons for one; a body of 1 MiB can have half a million, and an answer many times its size
MAX_FAULTS = 100


def read_body(request: Request, schema: RequestSchema, config: Config) -> dict[str, Any]:
    """Return the validated body.

    Raises ValidationError with every fault, UnsupportedMediaType, RequestTimeout or PayloadTooLarge.
    """
    environ = request.environ
    plain = environ.get("CONTENT_TYPE") == _JSON or request.mimetype == _JSON
    if not plain or environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise UnsupportedMediaType
    data = _received(environ, config)
    try:
        payload = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        reason = f"The body is not valid JSON in UTF-8: {error.msg} (line {error.lineno}, column {error.colno})."
        raise ValidationError(details={"body": [reason]}) from None
    if exceeds_json_depth(payload, data):
        raise ValidationError(details={"body": ["The body is nested too deeply."]})
    return validated(schema, payload)


def _received(environ: dict[str, Any], config: Config) -> bytes:
    """Return the bytes of the body, which the server ends where its length or its last chunk says."""
    given, most = environ.get("CONTENT_LENGTH", ""), config.max_body_bytes
    length = int(given) if given.isdecimal() else None
    if length is not None and length > most:
        raise PayloadTooLarge
    try:
        data: bytes = environ["wsgi.input"].read(most + 1 if length is None else length)
    except TimeoutError:
        raise RequestTimeout from None
    except OSError:
        data, length = b"", 1
    if len(data) > most:
        raise PayloadTooLarge
    if length is not None and len(data) < length:
        raise ValidationError(details={"body": ["The body ends before its length, or its last chunk, is reached."]})
    return data


def read_query(request: Request, schema: RequestSchema) -> dict[str, Any]:
    """Return the validated query parameters; raise ValidationError with every fault."""
    given = request.args.to_dict(flat=False)
    return validated(schema, {name: values[0] if len(values) == 1 else values for name, values in given.items()})


def validated(schema: RequestSchema, payload: Any) -> dict[str, Any]:
    """Return what the schema makes of a payload; raise ValidationError with its faults, MAX_FAULTS at most."""
    try:
        data: dict[str, Any] = schema.load(payload)
    except marshmallow.ValidationError as error:
        faults: dict[str, Any] = error.normalized_messages()  # type: ignore[no-untyped-call]
        details = {
            "body" if field == _WHOLE else str(field)[:100]: reasons[:MAX_FAULTS]
            if isinstance(reasons, list)
            else reasons
            for field, reasons in islice(faults.items(), MAX_FAULTS)
        }
        raise ValidationError(details=details) from None
    return data
