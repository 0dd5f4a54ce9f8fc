"""Parsers of setting values: each takes the text of a variable and returns its value.

Each raises ValueError with the valid form, worded to follow "NAME must be". The message never repeats the text, because
the text may be a secret in the wrong variable.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from urllib.parse import urlsplit

from app.config.model_ref import BODY_NAME, PATH_NAME, ModelRef, configured_model_ref, is_model_name
from app.config.secret import Secret

MAX_DURATION_SECONDS = 24 * 3600

DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)?")
_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(r"([0-9]{1,15})\s*(?:(KiB|MiB|GiB)|B)?")
_SIZE_UNITS = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def path(value: str) -> str:
    """Return the path as it is. `app.config.checks` checks whether the file exists."""
    return value


def host(value: str) -> str:
    """Parse a host name or an IP address."""
    _reject_list(value, "host name or address")
    if not re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]", value):
        raise ValueError("a host name or an address, such as localhost, 0.0.0.0 or [::]")
    return value


def secret(value: str) -> Secret:
    """Wrap a key; raise ValueError if it cannot be sent in a header."""
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("printable ASCII without spaces")
    return Secret(value)


def duration(value: str) -> float:
    """Parse `500ms`, `30s`, `1m`, `1h` or plain seconds; return seconds."""
    match = DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError("a duration such as 30s, 500ms, 1m or plain seconds")
    seconds = float(match[1]) * _DURATION_UNITS[match[2] or "s"]
    if seconds > MAX_DURATION_SECONDS:
        raise ValueError("a duration of at most 24h")
    return seconds


def positive_duration(value: str) -> float:
    """Parse a duration longer than zero; return seconds."""
    seconds = duration(value)
    if seconds <= 0:
        raise ValueError("a duration longer than zero, such as 30s")
    return seconds


def size(value: str) -> int:
    """Parse a size in bytes, plain or with KiB, MiB or GiB; return bytes, at least 1."""
    match = _SIZE.fullmatch(value.strip())
    if match is None or int(match[1]) == 0:
        raise ValueError("a size above zero such as 1048576 or 1 MiB")
    return int(match[1]) * _SIZE_UNITS.get(match[2] or "", 1)


def integer(minimum: int, maximum: int) -> Callable[[str], int]:
    """Return a parser of whole numbers within the two bounds, both included."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", value) or not minimum <= int(value) <= maximum:
            raise ValueError(f"a whole number from {minimum} to {maximum}")
        return int(value)

    return parse


def number(minimum: float, maximum: float) -> Callable[[str], float]:
    """Return a parser of decimal numbers within the two bounds, both included."""

    def parse(value: str) -> float:
        if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", value) or not minimum <= float(value) <= maximum:
            raise ValueError(f"a number from {minimum:g} to {maximum:g}")
        return float(value)

    return parse


def choice(*names: str) -> Callable[[str], str]:
    """Return a parser that accepts one of the names in any case and returns it in lower case."""

    def parse(value: str) -> str:
        if value.lower() not in names:
            raise ValueError("one of " + ", ".join(names))
        return value.lower()

    return parse


def boolean(value: str) -> bool:
    """Parse true or false."""
    try:
        return _BOOLEANS[value.lower()]
    except KeyError:
        raise ValueError("true or false") from None


def _reject_list(value: str, kind: str) -> None:
    if "," in value or value.count("://") > 1:
        raise ValueError(f"one {kind}, not a list")


def _base_url(value: str) -> str | None:
    """Return the URL without its final slash; None for other texts and for URLs with credentials or a query."""
    _reject_list(value, "URL")
    with suppress(ValueError):
        url = urlsplit(value)
        is_url = url.scheme in ("http", "https") and url.hostname and value.isascii() and value.isprintable()
        if is_url and url.port != 0 and not (url.query or url.fragment or "@" in url.netloc or " " in value):
            return value.rstrip("/")
    return None


def host_url(value: str) -> str:
    """Parse a base URL without a path; return it without its final slash."""
    base = _base_url(value)
    if base is None or urlsplit(base).path:
        raise ValueError("an http or https URL without path, such as https://router.huggingface.co")
    return base


def v1_url(value: str) -> str:
    """Parse a base URL that ends in /v1; return it without its final slash."""
    base = _base_url(value)
    if base is None or not base.endswith("/v1"):
        raise ValueError("an http or https URL that ends in /v1, such as http://localhost:11434/v1")
    return base


def collector_url(value: str) -> str:
    """Parse the base URL of a collector; return it without its final slash."""
    base = _base_url(value)
    if base is None:
        raise ValueError("an http or https URL, such as http://localhost:4318")
    return base


def model_name(value: str) -> str:
    """Parse one model name."""
    _reject_list(value, "model name")
    if not is_model_name(value):
        raise ValueError(BODY_NAME.description)
    return value


def path_model_name(value: str) -> str:
    """Parse the name of one model of a backend that puts names into paths."""
    _reject_list(value, "model id")
    if not is_model_name(value, "huggingface"):
        raise ValueError(PATH_NAME.description)
    return value


def hosts(value: str) -> tuple[str, ...]:
    """Parse a comma separated list of host names; a leading dot includes all names below."""
    names = tuple(_items(value.lower()))
    if not all(re.fullmatch(r"\.?[a-z0-9-]+(\.[a-z0-9-]+)*", name) for name in names):
        raise ValueError("host names such as api.example.com or .example.com, separated by commas")
    return names


def redis_url(value: str) -> Secret:
    """Parse the URL of one Redis server, which may hold a password."""
    if not re.fullmatch(r"(rediss?|unix)://[!-~]+", value):
        raise ValueError("a redis://, rediss:// or unix:// URL")
    # a password and the path of a Unix socket may hold a comma
    server = "" if value.startswith("unix:") else value.rpartition("@")[2]
    if "," in server or re.search(r",(rediss?|unix)://", value):
        raise ValueError("one URL, not a list")
    try:
        _ = urlsplit(value).port
    except ValueError:
        raise ValueError("a URL whose port is a number") from None
    return Secret(value)


def origins(value: str) -> tuple[str, ...]:
    """Parse a comma separated list of origins, or `*`."""
    items = tuple(_items(value))
    if items != ("*",) and not all(re.fullmatch(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?", item) for item in items):
        raise ValueError("origins such as https://app.example.com separated by commas, or *")
    return items


def _items(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


def model_refs(value: str) -> tuple[ModelRef, ...]:
    """Parse a comma separated list of `backend:model`, `model` or `backend`."""
    return tuple(configured_model_ref(item) for item in _items(value))


def aliases(value: str) -> Mapping[str, str]:
    """Parse `name=model` pairs separated by commas; a model is a name, `backend:model` or `default`."""
    pairs = [[part.strip() for part in item.split("=", 1)] for item in _items(value)]
    for pair in pairs:
        if len(pair) != 2 or not is_model_name(pair[0]):
            raise ValueError("name=model pairs separated by commas, such as gpt2=default")
        configured_model_ref(pair[1])
    return MappingProxyType(dict(pairs))
