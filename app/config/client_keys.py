"""Client keys: name, hash, permissions and limits. The service stores no key, only its hash."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from app.config import parsers
from app.config.client_limits import LIMITS
from app.config.model_ref import model_ref
from app.config.secret import Secret
from app.pii.kinds import parse_rule_kinds

# 256 random bits cannot be guessed, so a fast hash such as SHA-256 is enough
KEY_BYTES = 32
KEY_PREFIX = "aihf_"
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_PAIR = re.compile(rf"({_NAME}):([0-9a-f]{{64}})")
_FORM = (
    "name:hash pairs with distinct hashes, made with ai-huggingface keys create NAME; permissions and limits "
    "may follow after spaces, as in team:HASH expires=2027-01-31 operations=generate+chat rate_limit=100/minute"
)


@dataclass(frozen=True)
class ApiKey:
    """The name, hash and permissions of one key. `operations` and `models` are None if the key may use all of them.

    `redact` holds the kinds of personal data that upstreams must not get from it.
    `limits` holds the limits that differ from the settings, by the name of the setting in lower case.
    """

    name: str
    digest: Secret
    expires: datetime | None = None
    operations: frozenset[str] | None = None
    models: frozenset[str] | None = None
    debug: bool = False
    redact: frozenset[str] = frozenset()
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
        """Return the keys of both; raise ValueError if both have the same hash, or one name with different limits."""
        collected = _Collected()
        try:
            for key in (*self.clients, *other.clients):
                collected.add(key)
        except ValueError as error:
            raise ValueError(f"{_FORM}; an entry {error}") from None
        return ApiKeys(MappingProxyType(collected.by_digest))


def parse_api_keys(value: str) -> ApiKeys:
    """Parse keys separated by commas; raise ValueError if one is malformed."""
    return _parse_keys([(f"entry {number}", text) for number, text in enumerate(value.split(","), 1)], _FORM)


def parse_api_key_lines(text: str) -> ApiKeys:
    """Parse one key a line, with comments after `#`; raise ValueError, with the line, if one is malformed."""
    stripped = [line.partition("#")[0].strip() for line in text.splitlines()]
    entries = [(f"line {number}", line) for number, line in enumerate(stripped, 1) if line]
    return _parse_keys(entries, f"a file that can be read, with one of these on each line: {_FORM}")


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
    "redact": parse_rule_kinds,
}


def _parse_keys(entries: Iterable[tuple[str, str]], form: str) -> ApiKeys:
    """Parse pairs of a place and an entry; raise ValueError with the valid form and the place of the first fault."""
    collected = _Collected()
    for place, text in entries:
        try:
            collected.add(_parse_key(text))
        except ValueError as error:
            raise ValueError(f"{form}; {place} {error}") from None
    return ApiKeys(MappingProxyType(collected.by_digest))


def _parse_key(text: str) -> ApiKey:
    """Parse one entry; raise ValueError with its fault, which repeats no text: that may be a key."""
    pair, *attributes = text.split() or [""]
    match = _PAIR.fullmatch(pair)
    if match is None or match[2] == _digest(""):
        raise ValueError("begins with no name:hash pair")
    values = dict(attribute.partition("=")[::2] for attribute in attributes)
    if set(values) - set(_PERMISSIONS) - set(LIMITS):
        raise ValueError("has an unknown attribute")
    if len(values) != len(attributes):
        raise ValueError("has an attribute twice")
    permissions = {name: _value(name, parse, values) for name, parse in _PERMISSIONS.items() if name in values}
    limits = {name: _value(name, parse, values) for name, parse in LIMITS.items() if name in values}
    return ApiKey(match[1], Secret(match[2]), **permissions, limits=MappingProxyType(limits))


def _value(name: str, parse: Callable[[str], Any], values: Mapping[str, str]) -> Any:
    try:
        return parse(values[name])
    except ValueError:
        raise ValueError(f"has an invalid value of {name}") from None


class _Collected:
    """Keys that fit together. Those of one name belong to one client, so that a new key can stand beside an old one."""

    def __init__(self) -> None:
        self.by_digest: dict[Secret, ApiKey] = {}
        self._limits: dict[str, Mapping[str, Any]] = {}

    def add(self, key: ApiKey) -> None:
        """Add a key; raise ValueError with the fault if it does not fit."""
        if key.digest in self.by_digest:
            raise ValueError(f"has the hash of another entry, {self.by_digest[key.digest].name}")
        if self._limits.setdefault(key.name, key.limits) != key.limits:
            # the limits of one client are counted together
            raise ValueError(f"has other limits than another key of the same name, {key.name}")
        self.by_digest[key.digest] = key


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def create_key(name: str, attributes: Iterable[str]) -> tuple[str, str]:
    """Return a new key and its entry for API_KEYS; raise ValueError if the name or an attribute is invalid."""
    key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    entry = " ".join([f"{name}:{_digest(key)}", *attributes])
    if len(list(parse_api_keys(entry).clients)) != 1:  # a comma separates entries
        raise ValueError(_FORM)
    return key, entry
