"""Who calls: the holder of a client key, or an address."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from app.keys import ClientKey

# what one subscriber is commonly given; limits by single addresses would be none
IPV6_PREFIX = 64


@dataclass(frozen=True)
class Client:
    """A caller. `name` is for logs, `id` is what limits are counted by; `key` is None without one."""

    name: str
    id: str
    key: ClientKey | None = None

    @property
    def limits(self) -> Mapping[str, Any]:
        """The limits of its own, by the names of the settings for all."""
        return self.key.limits if self.key else {}


def client_of_key(key: ClientKey) -> Client:
    """Return the client that holds a key."""
    return Client(key.name, f"key:{key.name}", key)


@lru_cache(maxsize=4096)
def client_of_address(text: str | None) -> Client:
    """Return the client at an address as a socket or a proxy gives it; all that give none are one client."""
    try:
        address = ip_address(text or "")
    except ValueError:
        return Client("unknown", "address:unknown")
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    counted = ip_network((address, IPV6_PREFIX), strict=False) if address.version == 6 else address
    return Client(str(address), f"address:{counted}")
