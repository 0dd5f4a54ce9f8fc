"""Reads the errors of llama.cpp's server."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from app.backends.responses.normalize import decode_json
from app.backends.upstream_response import UpstreamResponse
from app.config.model_file import UNUSABLE
from app.errors import ModelLoading

T = TypeVar("T")

# the beginning of an error, which may be an event of a stream too
_ERROR_500 = re.compile(rb'(\{"error": ?\{"code": ?)500\b')


class ModelUnusable(ModelLoading, status=502, type="upstream_unavailable"):
    """The engine cannot load its model: like one that loads, but time does not help."""

    retryable = False


def require_usable(response: UpstreamResponse) -> None:
    """Raise ModelUnusable if the response says that a model cannot be loaded."""
    if response.status == 503 and UNUSABLE.encode() in response.body:
        raise ModelUnusable(f"The embedded engine cannot be used: {decode_json(response)['error']['message']}")


def parse_engine(parse: Callable[[UpstreamResponse], T], response: UpstreamResponse) -> T:
    """Parse a response; llama.cpp sends 500 for requests that it cannot carry out, so 500 is read as 400."""
    require_usable(response)
    status = 400 if response.status == 500 else response.status
    return parse(replace(response, status=status, body=_ERROR_500.sub(rb"\g<1>400", response.body)))
