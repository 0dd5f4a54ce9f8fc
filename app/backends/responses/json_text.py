"""Reads the JSON of upstreams: what RFC 8259 forbids or leaves open is read, as far as one meaning is certain."""

import json
import math
from typing import Any

import orjson

from app.json_depth import exceeds_json_depth
from app.json_numbers import exact_integer, load_exact


def parse_json(data: bytes, *, any_depth: bool = False) -> tuple[Any, bool]:
    """Return the value of an upstream's JSON, and whether clients can read `data` itself.

    Clients cannot read a byte order mark (RFC 8259, 8.1), nor NaN and Infinity (section 6), which become None. Halves
    of characters (section 8.2) stay in the value: `replace_halves` replaces them. Raises ValueError if `data` is
    invalid in another way, such as in another charset than UTF-8, or too deep to be written again, unless `any_depth`.
    """
    try:
        value, exact = load_exact(data), True
    except orjson.JSONDecodeError:
        value, exact = _parse_lenient(data), False
    if exceeds_json_depth(value, data) and not (any_depth and exact):
        raise ValueError("nested too deeply")
    return value, exact


def load_json(body: bytes, *, any_depth: bool = False) -> Any:
    """Return the JSON of a body, without halves of characters; None if it is invalid or, by default, too deep."""
    try:
        value, exact = parse_json(body, any_depth=any_depth)
    except ValueError:
        return None
    return value if exact else replace_halves(value)


def whole_characters(text: str) -> str:
    """Return a text with joined halves of characters (surrogates), and U+FFFD for a half without the other one."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def replace_halves(value: Any) -> Any:
    """Return a value of JSON whose texts have no halves of characters."""
    if isinstance(value, str):
        return whole_characters(value)
    if isinstance(value, list):
        return [replace_halves(item) for item in value]
    if isinstance(value, dict):
        return {whole_characters(name): replace_halves(item) for name, item in value.items()}
    return value


def _parse_lenient(data: bytes) -> Any:
    text = data.decode().removeprefix("\ufeff")
    try:
        return json.loads(text, parse_int=exact_integer, parse_float=_finite, parse_constant=lambda _name: None)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _finite(text: str) -> float | None:
    return value if math.isfinite(value := float(text)) else None
