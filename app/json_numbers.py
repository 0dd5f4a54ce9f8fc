"""Reads JSON without rounding integers: orjson turns those beyond 64 bits into floats."""

import json
from typing import Any

import orjson

# all digits look the same, and so does each character that may stand before an integer
_SHAPES = bytes.maketrans(b"123456789 \t\r\n:[-", b"000000000,,,,,,,")
# an integer beyond 64 bits has at least 19 digits
_LONG_INTEGER = b"," + b"0" * 19
_MAX_SURE_CHARS = 18
_INT64_MIN, _UINT64_MAX = -(2**63), 2**64 - 1


def load_exact(data: bytes) -> Any:
    """Return the value of JSON; raise orjson.JSONDecodeError if it is invalid.

    Integers beyond 64 bits become `orjson.Fragment`, which orjson writes unchanged.
    """
    value = orjson.loads(data)
    if _LONG_INTEGER not in data.translate(_SHAPES):
        return value
    try:
        return json.loads(data, parse_int=exact_integer)
    except RecursionError:  # too deep to be written again, so callers reject it
        return value


def exact_integer(text: str) -> Any:
    """Return the integer, or its text as `orjson.Fragment` if orjson cannot write it."""
    if len(text) <= _MAX_SURE_CHARS:
        return int(text)
    # Python limits the digits that it converts
    is_short = len(text) <= len(str(_INT64_MIN))
    return value if is_short and _INT64_MIN <= (value := int(text)) <= _UINT64_MAX else orjson.Fragment(text)
