"""Addresses of hosts: IPv4, IPv6 (RFC 4291, 2.2) and MAC."""

import ipaddress
import re
from collections.abc import Iterator

from app.pii.context import words
from app.pii.findings import Finding

_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)")
_IPV6 = re.compile(
    r"(?<![\w:.])(?=[0-9A-Fa-f:.]{0,45}:[0-9A-Fa-f:.]*:)[0-9A-Fa-f:]{2,39}(?:(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])"
)
_MAC = re.compile(
    r"(?<![\w:.-])(?:[0-9A-Fa-f]{2}([:-]))(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w:-])"
    r"|(?<![\w.])(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}(?![\w.])"
)
# four numbers with dots are versions and sections too
_VERSION = words(
    r"v|ver|version\w*|release|rev|revision|build|firmware|driver|section|chapter|kapitel|abschnitt|clause|oid|schema"
)
_BEFORE_CHARS = 24
_MIN_GROUPS = 3


def find_ips(text: str) -> Iterator[Finding]:
    """Yield the IP addresses; those that every host has, such as 127.0.0.1, name nobody."""
    for match in _IPV4.finditer(text):
        if _is_address(match[0]) and not _VERSION.search(text[max(0, match.start() - _BEFORE_CHARS) : match.start()]):
            yield Finding("ip", match.start(), match.end(), checked=True)
    for match in _IPV6.finditer(text):
        groups = [group for group in match[0].split(":") if group]
        if len(groups) >= _MIN_GROUPS and not _MAC.fullmatch(match[0]) and _is_address(match[0]):
            yield Finding("ip", match.start(), match.end(), checked=True)


def _is_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


def find_macs(text: str) -> Iterator[Finding]:
    """Yield the MAC addresses."""
    for match in _MAC.finditer(text):
        yield Finding("mac", match.start(), match.end(), checked=False)
