"""Ids of requests and responses."""

import random
import re

_VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def new_id() -> str:
    """Return 32 random hexadecimal digits; ids distinguish requests and grant no access."""
    return f"{random.getrandbits(128):032x}"


def request_id_or_new(client_id: str | None) -> str:
    """Return the client's id if it is 1 to 128 letters, digits, dots, underscores or hyphens, or a new id."""
    return client_id if client_id and _VALID_ID.fullmatch(client_id) else new_id()
