"""Checks the nesting of JSON. orjson reads deeper nesting than it writes, and read payloads may have to be written."""

from typing import Any

import orjson

# orjson writes 254 levels, so fewer brackets than this cannot be too deep
MAX_UNCHECKED_BRACKETS = 200


def exceeds_json_depth(payload: Any, data: bytes) -> bool:
    """Return whether a payload, read from `data`, is too deep to be written as a part of a larger object."""
    if data.count(b"[") + data.count(b"{") <= MAX_UNCHECKED_BRACKETS:
        return False
    try:
        orjson.dumps([[[[payload]]]])
    except orjson.JSONEncodeError:
        return True
    return False
