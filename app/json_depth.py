"""How deeply JSON may be nested: orjson reads more levels than it writes, and what was read may have to be written."""

from typing import Any

import orjson

# below this many brackets nothing can be too deep for orjson, which writes 254 levels
FEW_BRACKETS = 200


def exceeds_json_depth(payload: Any, data: bytes) -> bool:
    """Tell whether a payload, read from `data`, could not be written as part of something larger."""
    if data.count(b"[") + data.count(b"{") <= FEW_BRACKETS:
        return False
    try:
        orjson.dumps([[[[payload]]]])
    except orjson.JSONEncodeError:
        return True
    return False
