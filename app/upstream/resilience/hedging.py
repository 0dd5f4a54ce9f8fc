"""A second attempt beside one that is slow; the first answer counts."""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

import gevent

from app.errors import ServiceError

T = TypeVar("T")

# one hedge for so many calls is 5 %, of any stretch of calls: what was not used is not saved up
CALLS_PER_HEDGE = 20
# an attempt that is closed needs no longer, unless the worker is busy
END_SECONDS = 0.05


class Hedging:
    """Sends a second attempt where the first takes longer than `after` seconds; None never does."""

    def __init__(self, after: float | None) -> None:
        self._after = after
        self._calls = 0

    def run(self, attempt: Callable[[], T], hedged: Callable[[bool], None]) -> T:
        """Return the first answer of one attempt, or of two; raise the last error where none succeeds.

        Where there are two, `hedged` is told whether the second one's outcome counted.
        The other attempt is closed, and so are both where the request itself ends.
        """
        if self._after is None:
            return attempt()
        outcome = self._raced(attempt, self._after, hedged)
        try:
            if isinstance(outcome, ServiceError):
                raise outcome
            return outcome
        finally:
            del outcome  # an error's traceback holds this frame: a cycle

    def _raced(self, attempt: Callable[[], T], after: float, hedged: Callable[[bool], None]) -> T | ServiceError:
        self._calls += 1
        racers = [gevent.spawn(_outcome, attempt)]
        try:
            racers[0].join(after)
            if not racers[0].ready() and self._calls >= CALLS_PER_HEDGE:
                self._calls = 0
                racers.append(gevent.spawn(_outcome, attempt))
            winner = _first(racers)
            if len(racers) > 1:
                hedged(winner is racers[1])
            outcome: T | ServiceError = winner.get()
            return outcome
        except ServiceError as error:  # the end of the request, which is for the attempts to judge
            _end(racers, copy.copy(error))
            raise
        finally:
            _end(racers, gevent.GreenletExit())
            racers.clear()


def _end(racers: list[Any], reason: BaseException) -> None:
    """End the attempts, and wait for a moment until they have ended; what takes longer ends without us."""
    with gevent.Timeout(END_SECONDS, False):
        gevent.killall(racers, reason)


def _outcome(attempt: Callable[[], T]) -> T | ServiceError:
    try:
        return attempt()
    except ServiceError as error:
        return error


def _first(racers: list[Any]) -> Any:
    """Return the first with an answer, the last one where none succeeds."""
    racer = None
    for racer in gevent.iwait(racers):
        if not isinstance(racer.get(), ServiceError):
            break
    return racer
