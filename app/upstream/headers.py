"""Headers of upstream calls and of their responses."""

from collections.abc import Mapping
from typing import Any

from app.backends.base import UpstreamRequest


def request_headers(call: UpstreamRequest[Any]) -> dict[str, str]:
    """Return the headers of a call, without those of its attempt."""
    content = {"Content-Type": "application/json"} if call.body is not None else {}
    # compression would delay events
    return {**call.headers, **content, **({"Accept-Encoding": "identity"} if call.make_decoder else {})}


def lower_names(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers with their names in lower case, for lookups."""
    return {name.lower(): value for name, value in headers.items()}
