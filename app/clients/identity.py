"""The identity of a client: the holder of an API key, or an address."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Self

from app.config.client_keys import ApiKey

# Providers assign a /64 to one subscriber, who could evade a limit on single addresses.
IPV6_PREFIX = 64
ANONYMOUS = "anonymous"


@dataclass(frozen=True)
class ClientIdentity:
    """A client: the holder of an API key, or an address. Log lines show `name`, limits are counted by `id`."""

    name: str
    id: str
    key: ApiKey | None = None

    @property
    def limits(self) -> Mapping[str, Any]:
        """The limits of the client's key, by the names of the settings; empty without a key."""
        return self.key.limits if self.key else {}

    @property
    def label(self) -> str:
        """The label in metrics: the name of the key, never an address."""
        return self.key.name if self.key else ANONYMOUS

    @classmethod
    def from_key(cls, key: ApiKey) -> Self:
        """Return the client that presented this key."""
        return cls(key.name, f"key:{key.name}", key)

    @staticmethod
    def from_address(text: str | None) -> "ClientIdentity":
        """Return the client at the address of a socket or from a proxy; clients without an address count as one."""
        return _from_address(text)


@lru_cache(maxsize=4096)
def _from_address(text: str | None) -> ClientIdentity:
    try:
        address = ip_address(text or "")
    except ValueError:
        return ClientIdentity("unknown", "address:unknown")
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    network = ip_network((address, IPV6_PREFIX), strict=False) if address.version == 6 else address
    return ClientIdentity(str(address), f"address:{network}")
