"""Client keys: name, hash, permissions and limits. The service stores no key, only its hash."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from app.config import parsers
from app.config.client_limits import LIMITS
from app.config.model_ref import model_ref
from app.config.secret import Secret

# 256 random bits cannot be guessed, so a fast hash such as SHA-256 is enough
KEY_BYTES = 32
KEY_PREFIX = "aihf_"
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_PAIR = re.compile(rf"({_NAME}):([0-9a-f]{{64}})")
_FORM = (
    "name:hash pairs with distinct names and hashes, made with ai-huggingface keys create NAME; permissions and limits "
    "may follow after spaces, as in team:HASH expires=2027-01-31 operations=generate+chat rate_limit=100/minute"
)


@dataclass(frozen=True)
class ApiKey:
    """The name, hash and permissions of one key. `operations` and `models` are None if the key may use all of them.

    `limits` holds the limits that differ from the settings, by the name of the setting in lower case.
    """

    name: str
    digest: Secret
    expires: datetime | None = None
    operations: frozenset[str] | None = None
    models: frozenset[str] | None = None
    debug: bool = False
    limits: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def has_expired(self) -> bool:
        """Whether the key has expired."""
        return self.expires is not None and self.expires <= datetime.now(UTC)


@dataclass(frozen=True, repr=False)
class ApiKeys:
    """All client keys, by the SHA-256 of each key in hexadecimal."""

    _by_digest: Mapping[Secret, ApiKey]

    @property
    def clients(self) -> Iterable[ApiKey]:
        """All keys."""
        return self._by_digest.values()

    def find(self, key: str) -> ApiKey | None:
        """Return the entry of a key, or None if the key is unknown."""
        # the lookup compares hashes, so its time shows nothing about the key (tests/server/test_key_timing.py)
        digest = _digest(key)
        entry = self._by_digest.get(Secret(digest))
        return entry if entry is not None and hmac.compare_digest(entry.digest.reveal(), digest) else None

    def __or__(self, other: "ApiKeys") -> "ApiKeys":
        """Return the keys of both; raise ValueError if both have the same name or hash."""
        return _distinct([*self.clients, *other.clients])


def parse_api_keys(value: str) -> ApiKeys:
    """Parse keys separated by commas; raise ValueError if one is malformed."""
    return _distinct(map(_parse_key, value.split(",")))


def load_key_file(path: str) -> ApiKeys:
    """Read a file with one key a line and comments after `#`; raise ValueError if a line is malformed."""
    try:
        lines = Path(path).read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"a file that can be read, with one of these on each line: {_FORM}") from None
    stripped = (line.partition("#")[0].strip() for line in lines)
    return _distinct([_parse_key(line) for line in stripped if line])


def validate_key_file(value: str) -> str:
    """Return the path of a key file; raise ValueError if the file cannot be read or has a malformed line."""
    load_key_file(value)
    return value


def _names(value: str) -> frozenset[str]:
    if not value or not all(value.split("+")):
        raise ValueError
    return frozenset(value.split("+"))


def _models(value: str) -> frozenset[str]:
    names = _names(value)
    for name in names:
        model_ref(name)
    return names


def _expiry(value: str) -> datetime:
    expiry = datetime.fromisoformat(value)
    return expiry if expiry.tzinfo else expiry.replace(tzinfo=UTC)


_PERMISSIONS: Mapping[str, Callable[[str], Any]] = {
    "expires": _expiry,
    "operations": _names,
    "models": _models,
    "debug": parsers.boolean,
}


def _parse_key(text: str) -> ApiKey:
    pair, *attributes = text.split() or [""]
    match = _PAIR.fullmatch(pair)
    values = dict(attribute.partition("=")[::2] for attribute in attributes)
    unknown = set(values) - set(_PERMISSIONS) - set(LIMITS)
    if match is None or match[2] == _digest("") or len(values) != len(attributes) or unknown:
        raise ValueError(_FORM)
    try:
        permissions = {name: parse(values[name]) for name, parse in _PERMISSIONS.items() if name in values}
        limits = {name: parse(values[name]) for name, parse in LIMITS.items() if name in values}
    except ValueError:
        raise ValueError(_FORM) from None
    return ApiKey(match[1], Secret(match[2]), **permissions, limits=MappingProxyType(limits))


def _distinct(keys: Iterable[ApiKey]) -> ApiKeys:
    entries = list(keys)
    by_digest = {entry.digest: entry for entry in entries}
    if len(by_digest) < len(entries) or len({entry.name for entry in entries}) < len(entries):
        raise ValueError(_FORM)
    return ApiKeys(MappingProxyType(by_digest))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def create_key(name: str, attributes: Iterable[str]) -> tuple[str, str]:
    """Return a new key and its entry for API_KEYS; raise ValueError if the name or an attribute is invalid."""
    key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    entry = " ".join([f"{name}:{_digest(key)}", *attributes])
    if len(list(parse_api_keys(entry).clients)) != 1:  # a comma separates entries
        raise ValueError(_FORM)
    return key, entry
