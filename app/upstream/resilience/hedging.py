"""Hedged requests: a second attempt next to a slow first one; the first response wins.

See J. Dean and L. A. Barroso, "The Tail at Scale", CACM, 2013.
"""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

import gevent
from cachetools import LRUCache

from app.errors import ServiceError

T = TypeVar("T")

# at most one hedge in this many calls of a client, which is 5 %; unused hedges are not saved up
CALLS_PER_HEDGE = 20
# clients whose calls are counted; the count of another one starts again
MAX_CLIENTS = 1000
# a cancelled attempt ends within this time unless the worker is busy
CANCEL_SECONDS = 0.05


class Hedging:
    """Starts a second attempt if the first one takes longer than `after` seconds; None switches hedging off.

    The slow calls of one client use up no hedge of another client, because each has a count of its own.
    """

    def __init__(self, after: float | None) -> None:
        self._after = after
        self._calls: LRUCache[str, int] = LRUCache(MAX_CLIENTS)

    def run(self, attempt: Callable[[], T], on_hedge: Callable[[bool], None], client: str = "") -> T:
        """Return the response of the first attempt that succeeds; raise the last error if none does.

        `client` is the id of the client that the call is made for. If there was a second attempt, `on_hedge` is called
        with True if its outcome was used. The losing attempt is cancelled. If the request itself ends, both are.
        """
        if self._after is None:
            return attempt()
        outcome = self._race(attempt, self._after, on_hedge, client)
        try:
            if isinstance(outcome, ServiceError):
                raise outcome
            return outcome
        finally:
            del outcome  # an error's traceback refers to this frame: a reference cycle

    def _race(
        self, attempt: Callable[[], T], after: float, on_hedge: Callable[[bool], None], client: str
    ) -> T | ServiceError:
        self._calls[client] = self._calls.get(client, 0) + 1
        racers = [gevent.spawn(_outcome, attempt)]
        try:
            racers[0].join(after)
            if not racers[0].ready() and self._calls.get(client, 0) >= CALLS_PER_HEDGE:
                self._calls[client] = 0
                racers.append(gevent.spawn(_outcome, attempt))
            winner = _first_success(racers)
            if len(racers) > 1:
                on_hedge(winner is racers[1])
            outcome: T | ServiceError = winner.get()
            return outcome
        except ServiceError as error:  # the request ended; each attempt records the reason with its breaker
            _cancel(racers, copy.copy(error))
            raise
        finally:
            _cancel(racers, gevent.GreenletExit())
            racers.clear()


def _cancel(racers: list[Any], reason: BaseException) -> None:
    """Raise `reason` in the attempts and wait at most CANCEL_SECONDS for their end; later ends need no wait."""
    with gevent.Timeout(CANCEL_SECONDS, False):
        gevent.killall(racers, reason)


def _outcome(attempt: Callable[[], T]) -> T | ServiceError:
    try:
        return attempt()
    except ServiceError as error:
        return error


def _first_success(racers: list[Any]) -> Any:
    """Return the first attempt with a response; the last one to end if all of them failed."""
    racer = None
    for racer in gevent.iwait(racers):
        if not isinstance(racer.get(), ServiceError):
            break
    return racer
