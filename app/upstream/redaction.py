"""Removes keys and host names of upstreams from everything that a client can see."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from app.errors import ServiceError, UpstreamError


@dataclass(frozen=True)
class Redactor:
    """The texts to remove: keys from every response, hosts from errors only."""

    keys: tuple[bytes, ...]
    hosts: tuple[bytes, ...]

    @classmethod
    def of(cls, keys: Iterable[str], hosts: Iterable[str]) -> Self:
        """Return the redactor of these keys and host names."""
        return cls(_json_forms(keys), _json_forms(hosts))

    def redact_error(self, error: ServiceError) -> None:
        """Remove keys and hosts from the texts of the upstream in an error, even if its response had status 200."""
        if isinstance(reason := error.details.get("reason"), str):
            error.details["reason"] = self._redact_text(reason)
        if isinstance(error, UpstreamError) and error.report is not None:
            error.report = error.report.redacted(self._redact_text)

    def _redact_text(self, text: str) -> str:
        return self.redact(text.encode(errors="replace"), 400).decode(errors="replace")

    def redact(self, body: bytes, status: int) -> bytes:
        """Return a response body without keys and, for an error status, without hosts.

        A model may name any host in its text, so hosts stay in successful responses.
        """
        for text in (*self.keys, *(self.hosts if status >= 400 else ())):
            body = body.replace(text, b"[removed]")
        return body


def _json_forms(texts: Iterable[str]) -> tuple[bytes, ...]:
    """Return each text unchanged, and as JSON with escaped slashes writes it."""
    return tuple(form.encode() for text in texts for form in dict.fromkeys((text, text.replace("/", "\\/"))))
