"""Runs identical work that is requested concurrently only once."""

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from gevent.event import AsyncResult

from app.errors import ClientDisconnected, ServiceError, UpstreamTimeout

T = TypeVar("T")

# errors that end only the request that ran the work: its client disconnected, its deadline passed
_OWN_ERRORS = (ClientDisconnected, UpstreamTimeout)


class SingleFlight:
    """Work in flight, by key (the name is that of Go's singleflight package)."""

    def __init__(self) -> None:
        self._in_flight: dict[str, Any] = {}

    def do(
        self, key: str, work: Callable[[], T], waiting: Callable[[], AbstractContextManager[Any]] = nullcontext
    ) -> tuple[T, bool]:
        """Run the work, or wait for another request that runs it; return the result and whether this request waited.

        A wait is done within the context manager that `waiting` returns, which may end it by raising a ServiceError.
        If the work fails, all requests raise its error. If only the request that ran it ended, a waiting request runs
        the work again.
        """
        while (flight := self._in_flight.get(key)) is not None:
            try:
                with waiting():
                    return flight.get(), True
            except ServiceError as error:
                if error is not flight.exception:
                    raise  # thrown into this request while it waited
                if not isinstance(error, _OWN_ERRORS):
                    raise copy.copy(error) from None  # each request adds its own details to its error
            finally:
                del flight  # breaks a reference cycle: the flight holds the error, its traceback holds this frame
        return self._lead(key, work), False

    def _lead(self, key: str, work: Callable[[], T]) -> T:
        flight = self._in_flight[key] = AsyncResult()
        try:
            result = work()
        except BaseException as error:
            del self._in_flight[key]
            # after a bug, or a kill of this greenlet, a waiting request runs the work
            flight.set_exception(copy.copy(error) if isinstance(error, ServiceError) else ClientDisconnected())
            raise
        del self._in_flight[key]
        flight.set(result)
        return result
