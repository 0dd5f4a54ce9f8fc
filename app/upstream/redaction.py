"""Removes keys and host names of upstreams from everything that a client can see."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from app.errors import ServiceError, UpstreamError

# a shorter key could be guessed; one with a provider's prefix is a key all the same
MIN_KEY_CHARS = 8
MIN_PREFIXED_CHARS = 5
MIN_DISTINCT_CHARS = 5
_PREFIXES = ("sk-", "hf_")
# words such as `not-needed` and `lm-studio`, or a number
MIN_PLAIN_CHARS = 12
_PLAIN = re.compile(r"[A-Za-z]+(?:[-_ ][A-Za-z]+)*|[0-9]+")


@dataclass(frozen=True)
class Redactor:
    """The texts to remove: keys from every response, hosts from errors only.

    Words stay: a key such as `ollama`, which a server without keys takes, and a host such as `model` are no secrets,
    and removing them would change what models say and break the codes of errors.
    """

    keys: tuple[bytes, ...]
    hosts: tuple[bytes, ...]

    @classmethod
    def of(cls, keys: Iterable[str], hosts: Iterable[str]) -> Self:
        """Return the redactor of these keys and host names."""
        return cls(_json_forms(filter(can_be_secret, keys)), _json_forms(host for host in hosts if "." in host))

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


def can_be_secret(key: str) -> bool:
    """Return whether a key is a secret rather than a placeholder: no short text, no word, no number, no repetition."""
    is_plain = _PLAIN.fullmatch(key) is not None and len(key) < MIN_PLAIN_CHARS
    min_chars = MIN_PREFIXED_CHARS if key.startswith(_PREFIXES) else MIN_KEY_CHARS
    return len(key) >= min_chars and len(set(key)) >= MIN_DISTINCT_CHARS and not is_plain


def _json_forms(texts: Iterable[str]) -> tuple[bytes, ...]:
    """Return each text unchanged, and as JSON with escaped slashes writes it."""
    return tuple(form.encode() for text in texts for form in dict.fromkeys((text, text.replace("/", "\\/"))))
