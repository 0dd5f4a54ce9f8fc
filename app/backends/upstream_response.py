"""The response of an upstream, as backends parse it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import orjson


@dataclass(frozen=True)
class UpstreamResponse:
    """An upstream's response: the body without content coding, header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The media type in lower case, without parameters."""
        return media_type(self.headers.get("content-type", ""))

    def with_payload(self, payload: Any) -> Self:
        """Return the same response with another JSON body."""
        return replace(self, body=orjson.dumps(payload))


def media_type(content_type: str) -> str:
    """Return the media type of a Content-Type value, in lower case, without parameters."""
    return content_type.split(";")[0].strip().lower()
