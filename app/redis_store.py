"""What workers and replicas share, in Redis: optional, and never worth an error or a wait."""

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from app.context.deadline import TimeBudget
from app.errors import ServiceError

if TYPE_CHECKING:
    from redis import Redis

logger = logging.getLogger(__name__)

T = TypeVar("T")

# after so many faults in a row Redis is left alone for so long, then one request tries it; a single slow answer may be
# this process's own haste
COOLDOWN_FAILURES = 3
COOLDOWN_SECONDS = 1.0
# so many commands at a time; each takes about a millisecond
CONNECTIONS = 64
LIBRARY_SECONDS = 1.0


class RedisBudgetSpent(Exception):
    """The allowance of a request for the store is spent."""


class RedisStore:
    """The one Redis client, behind one latch that opens when Redis is slow, gone, or answers rubbish."""

    def __init__(self, url: str | None, unanswered: Callable[[], None] = lambda: None) -> None:
        """`unanswered` is told of each question that Redis did not answer."""
        self._redis = _client(url) if url else None
        self._unanswered = unanswered
        self._faults = 0
        self._next_try = 0.0

    @property
    def configured(self) -> bool:
        """Tell whether there is a Redis at all."""
        return self._redis is not None

    def execute(self, allowance: TimeBudget, read: Callable[..., T], *commands: tuple[Any, ...]) -> T | None:
        """Return what `read` makes of the commands' results; None where Redis cannot be asked or answers in no time.

        All commands are sent in one round trip, which takes its time from the allowance. What `read` raises for a
        result that makes no sense is a fault of Redis like any other.
        """
        if self._redis is None:
            return None
        if not self._may_try() or not allowance.left:
            self._unanswered()
            return None
        try:
            with allowance.consume(RedisBudgetSpent()):
                result = read(*self._run(self._redis, commands))
        except ServiceError:
            raise  # the request's own end: its deadline, or its caller left
        except Exception as error:
            self._failed(error)  # whatever it is: what a broken peer makes the library raise is not limited
            return None
        if self.failing:
            logger.warning("redis answers again")
        self._faults = 0
        return result

    def ping(self, seconds: float) -> bool:
        """Tell whether Redis answers within so many seconds."""
        return self.execute(TimeBudget(seconds), lambda pong: pong is True, ("PING",)) is True

    def _run(self, redis: "Redis", commands: tuple[tuple[Any, ...], ...]) -> list[Any]:
        with redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)  # type: ignore[no-untyped-call]  # of the library
            return pipeline.execute()

    @property
    def failing(self) -> bool:
        """Tell whether it is left alone because of faults in a row."""
        return self._faults >= COOLDOWN_FAILURES

    def _may_try(self) -> bool:
        if not self.failing:
            return True
        now = time.monotonic()
        if now < self._next_try:
            return False
        self._next_try = now + COOLDOWN_SECONDS
        return True

    def _failed(self, error: Exception) -> None:
        self._unanswered()
        self._faults += 1
        self._next_try = time.monotonic() + COOLDOWN_SECONDS
        if self._faults == COOLDOWN_FAILURES:
            logger.warning("redis fails, going on without it: %s", type(error).__name__)


def _client(url: str) -> "Redis":
    """Return a client whose waits a request's allowance ends.

    The library's own limits of time go by the clock, also while this process is busy, so they are far off. What new
    connections would tell and ask the server, its protocol and notifications, is left out: round trips.
    """
    # loaded only by those who have one
    from redis import BlockingConnectionPool, Redis
    from redis.maint_notifications import MaintNotificationsConfig

    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=LIBRARY_SECONDS,
        socket_timeout=LIBRARY_SECONDS,
        socket_connect_timeout=LIBRARY_SECONDS,
        protocol=2,
        driver_info=None,
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )
    return Redis(connection_pool=pool)
