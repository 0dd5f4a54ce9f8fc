"""Client keys, of which the service knows hashes only, and what each may do. `ai-huggingface keys create` makes one."""

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

# a key is this many random bytes, which no hash needs to slow a guesser down for
KEY_BYTES = 32
KEY_PREFIX = "aihf_"
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_PAIR = re.compile(rf"({_NAME}):([0-9a-f]{{64}})")
_FORM = (
    "name:hash pairs, each name and each hash once, made with ai-huggingface keys create NAME; permissions and limits "
    "may follow after spaces, as in team:HASH expires=2027-01-31 operations=generate+chat rate_limit=100/minute"
)


@dataclass(frozen=True)
class ApiKey:
    """A key's name and hash, and what it may do: None for operations or models means all of them.

    `limits` are those of the settings that it has values of its own for, by name.
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
        """Tell whether its time is over."""
        return self.expires is not None and self.expires <= datetime.now(UTC)


@dataclass(frozen=True, repr=False)
class ApiKeys:
    """The keys that are known, by the SHA-256 of each in hexadecimal."""

    _by_digest: Mapping[Secret, ApiKey]

    @property
    def clients(self) -> Iterable[ApiKey]:
        """All keys."""
        return self._by_digest.values()

    def find(self, key: str) -> ApiKey | None:
        """Return what is known of a key, None where it is none of ours.

        What is looked up is a hash, of which a caller cannot choose a part: no time tells how near a guess is.
        """
        digest = _digest(key)
        found = self._by_digest.get(Secret(digest))
        return found if found is not None and hmac.compare_digest(found.digest.reveal(), digest) else None

    def __or__(self, other: "ApiKeys") -> "ApiKeys":
        """Return the keys of both; raise ValueError where a name or a hash is in both."""
        return _distinct([*self.clients, *other.clients])


def parse_api_keys(value: str) -> ApiKeys:
    """Read keys separated by commas; raise ValueError for what is none."""
    return _distinct(map(_client_key, value.split(",")))


def load_key_file(path: str) -> ApiKeys:
    """Read a file with a key on each line, and comments after `#`; raise ValueError for what is neither."""
    try:
        lines = Path(path).read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"a file that can be read, with on its lines {_FORM}") from None
    stripped = (line.partition("#")[0].strip() for line in lines)
    return _distinct([_client_key(line) for line in stripped if line])


def validate_key_file(value: str) -> str:
    """Return the path of a file of keys that can be read; raise ValueError for any other."""
    load_key_file(value)
    return value


def _words(value: str) -> frozenset[str]:
    if not value or not all(value.split("+")):
        raise ValueError
    return frozenset(value.split("+"))


def _models(value: str) -> frozenset[str]:
    for name in _words(value):
        model_ref(name)
    return _words(value)


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_PERMISSIONS: Mapping[str, Callable[[str], Any]] = {
    "expires": _moment,
    "operations": _words,
    "models": _models,
    "debug": parsers.boolean,
}


def _client_key(text: str) -> ApiKey:
    pair, *attributes = text.split() or [""]
    match = _PAIR.fullmatch(pair)
    given = dict(attribute.partition("=")[::2] for attribute in attributes)
    unknown = set(given) - set(_PERMISSIONS) - set(LIMITS)
    if match is None or match[2] == _digest("") or len(given) != len(attributes) or unknown:
        raise ValueError(_FORM)
    try:
        permissions = {name: parse(given[name]) for name, parse in _PERMISSIONS.items() if name in given}
        limits = {name: parse(given[name]) for name, parse in LIMITS.items() if name in given}
    except ValueError:
        raise ValueError(_FORM) from None
    return ApiKey(match[1], Secret(match[2]), **permissions, limits=MappingProxyType(limits))


def _distinct(keys: Iterable[ApiKey]) -> ApiKeys:
    listed = list(keys)
    by_digest = {key.digest: key for key in listed}
    if len(by_digest) < len(listed) or len({key.name for key in listed}) < len(listed):
        raise ValueError(_FORM)
    return ApiKeys(MappingProxyType(by_digest))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def create_key(name: str, attributes: Iterable[str]) -> tuple[str, str]:
    """Return a new key, and its line for API_KEYS; raise ValueError if the name or an attribute is not valid."""
    key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    line = " ".join([f"{name}:{_digest(key)}", *attributes])
    if len(list(parse_api_keys(line).clients)) != 1:  # a comma makes several
        raise ValueError(_FORM)
    return key, line
