"""Looks up host names in threads: at most one for each name, so that a name that hangs blocks no other one."""

from typing import Any

from gevent import monkey
from gevent.event import AsyncResult
from gevent.resolver.thread import Resolver
from gevent.threadpool import ThreadPool

# more than the host names that the settings can name: each upstream, the Hub, Redis and the collector
MAX_LOOKUPS = 32

_getaddrinfo = monkey.get_original("socket", "getaddrinfo")


class PerHostResolver(Resolver):
    """gevent's resolver with a pool of its own, in which equal lookups share a thread.

    The pool of gevent has ten threads for everything. Each call to a host whose name server hangs takes one of them,
    also after the call has timed out, and then no other name can be looked up.
    """

    def __init__(self, hub: Any = None) -> None:
        super().__init__(hub)
        self.pool = ThreadPool(MAX_LOOKUPS, hub=hub)
        self._in_flight: dict[Any, AsyncResult[Any]] = {}

    def getaddrinfo(self, *args: Any, **kwargs: Any) -> Any:
        """Return what `socket.getaddrinfo` returns, or raise its error."""
        key = (args, *kwargs.items())
        if (lookup := self._in_flight.get(key)) is None:
            lookup = self._in_flight[key] = self.pool.spawn(_getaddrinfo, *args, **kwargs)
            lookup.rawlink(lambda _lookup: self._in_flight.pop(key))
        return lookup.get()
