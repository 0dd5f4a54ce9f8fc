"""Ids of requests and of answers."""

import random
import re

_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,128}")


def new_id() -> str:
    """Return 32 hexadecimal digits that no other request has; they tell requests apart, and open nothing."""
    return f"{random.getrandbits(128):032x}"


def request_id_or_new(given: str | None) -> str:
    """Return the caller's id if it is 1 to 128 letters, digits, dots, underscores or hyphens, else a new one."""
    return given if given and _WELL_FORMED.fullmatch(given) else new_id()
