"""Checks the nesting of JSON. orjson reads deeper nesting than it writes, and read payloads may have to be written."""

from typing import Any

import orjson

# orjson writes 254 levels, so fewer brackets than this cannot be too deep
MAX_UNCHECKED_BRACKETS = 200
# a payload becomes a part of a larger object
MAX_DEPTH = 250


def exceeds_json_depth(payload: Any, data: bytes) -> bool:
    """Return whether a payload, read from `data`, is too deep to be written as a part of a larger object."""
    if data.count(b"[") + data.count(b"{") <= MAX_UNCHECKED_BRACKETS:
        return False
    try:
        orjson.dumps([[[[payload]]]])
    except orjson.JSONEncodeError:  # too deep, or half a character in a text
        return _is_deeper(payload, MAX_DEPTH)
    return False


def _is_deeper(payload: Any, levels: int) -> bool:
    values = [payload]
    for _ in range(levels):
        containers = [value for value in values if isinstance(value, dict | list)]
        if not containers:
            return False
        values = [item for each in containers for item in (each.values() if isinstance(each, dict) else each)]
    return True
