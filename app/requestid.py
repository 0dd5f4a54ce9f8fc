"""Request ids: the caller's where well formed, else one of ours."""

import re
from secrets import token_hex

_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,128}")


def accepted_or_new(given: str | None) -> str:
    """Return `given` if it is 1 to 128 letters, digits, dots, underscores or hyphens, else a new id."""
    return given if given and _WELL_FORMED.fullmatch(given) else token_hex(16)
