"""The identity of a client: the holder of an API key, or an address."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Self

from app.config.client_keys import ApiKey

# Providers assign a /64 to one subscriber, who could evade a limit on single addresses.
IPV6_PREFIX = 64
ANONYMOUS = "anonymous"
# a node of RFC 7239, 6: an address, with brackets and a port if need be; some proxies write IPv6 without brackets
_NODE = re.compile(r'"?(?:\[(?P<bracketed>[^\]]*)\](?::[\w.-]+)?|(?P<v4>[0-9.]+):[\w.-]+|(?P<plain>[^"]+))"?', re.ASCII)


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
        """Return the client at the address of a socket; clients without an address count as one."""
        return _from_node(text or "") or ClientIdentity("unknown", "address:unknown")

    @staticmethod
    def from_hops(peer: str | None, forwarded: str | None, proxies: int) -> "ClientIdentity":
        """Return the client behind `proxies` trusted proxies: `forwarded` is X-Forwarded-For, `peer` sent the request.

        The last `proxies` entries come from trusted proxies, the client's address first. If an entry is no address,
        such as `unknown`, the next hop counts; the last hop is the peer.
        """
        hops = forwarded.split(",")[-proxies:] if forwarded and proxies else ()
        return next(filter(None, map(_from_node, hops)), None) or ClientIdentity.from_address(peer)


@lru_cache(maxsize=4096)
def _from_node(text: str) -> ClientIdentity | None:
    """Return the client at an address in one of the forms that proxies write, None if the text holds no address."""
    node = _NODE.fullmatch(text.strip())
    try:
        address = ip_address((node[node.lastgroup or 0] if node else "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    network = ip_network((address, IPV6_PREFIX), strict=False) if address.version == 6 else address
    return ClientIdentity(str(address), f"address:{network}")
