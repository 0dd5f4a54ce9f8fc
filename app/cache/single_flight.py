"""Equal work in flight at the same moment is done once."""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

from gevent.event import AsyncResult

from app.errors import ClientDisconnected, ServiceError, UpstreamTimeout

T = TypeVar("T")

# ends of one request that say nothing to the others: its caller left, its time was over
_ITS_OWN = (ClientDisconnected, UpstreamTimeout)


class SingleFlight:
    """Work in flight, by key."""

    def __init__(self) -> None:
        self._flights: dict[str, Any] = {}

    def do(self, key: str, work: Callable[[], T]) -> tuple[T, bool]:
        """Do the work, or wait for the same work that another request does; return its result and whether it waited.

        All get the error where it fails, except one that is of that request's own making: then another does the work.
        """
        while (flight := self._flights.get(key)) is not None:
            try:
                return flight.get(), True
            except ServiceError as error:
                if error is not flight.exception:
                    raise  # ours, thrown in while we waited
                if not isinstance(error, _ITS_OWN):
                    raise copy.copy(error) from None  # each request adds facts of its own to its error
            finally:
                del flight  # it holds the error, whose traceback holds this frame: a cycle
        return self._lead(key, work), False

    def _lead(self, key: str, work: Callable[[], T]) -> T:
        flight = self._flights[key] = AsyncResult()
        try:
            result = work()
        except BaseException as error:
            del self._flights[key]
            # a bug, or the end of our greenlet, lets another try
            flight.set_exception(copy.copy(error) if isinstance(error, ServiceError) else ClientDisconnected())
            raise
        del self._flights[key]
        flight.set(result)
        return result
