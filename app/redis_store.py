"""The Redis client: optional, bounded by a time budget, and skipped while Redis fails."""

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from app.context.deadline import TimeBudget
from app.errors import ServiceError
from app.fairness import CoopBudget

if TYPE_CHECKING:
    from redis import Redis

logger = logging.getLogger(__name__)

T = TypeVar("T")

# After this many errors in a row Redis is skipped for COOLDOWN_SECONDS; then one request tries it. A single slow reply
# may come from load on this process.
COOLDOWN_FAILURES = 3
COOLDOWN_SECONDS = 1.0
# connections of the pool; a command takes about 1 ms
CONNECTIONS = 64
LIBRARY_TIMEOUT_SECONDS = 1.0
# above the longest stored response
MAX_REPLY_BYTES = 64 * 1024**2
# while a longer reply is read, other requests run now and then
SHORT_REPLY_BYTES = 64 * 1024
# kinds of refused commands, each of which is logged once
MAX_LOGGED_REFUSALS = 100
MAX_REASON_CHARS = 200


class RedisBudgetSpent(Exception):
    """The time budget of a request for Redis is used up."""


class RedisStore:
    """The Redis client of the process, with a cooldown after repeated errors."""

    def __init__(self, url: str | None, on_error: Callable[[], None] = lambda: None) -> None:
        """Connect to `url` at the first command; without a URL no command runs.

        `on_error` is called for each command that gets no usable reply, skipped ones included.
        """
        self._redis = _client(url) if url else None
        self._on_error = on_error
        self._logged_refusals: set[tuple[str, str]] = set()
        self._consecutive_errors = 0
        self._retry_at = 0.0

    @property
    def configured(self) -> bool:
        """Whether a Redis URL is set."""
        return self._redis is not None

    @property
    def failing(self) -> bool:
        """Whether Redis is in cooldown after COOLDOWN_FAILURES errors in a row."""
        return self._consecutive_errors >= COOLDOWN_FAILURES

    def execute(self, budget: TimeBudget, parse: Callable[..., T], *commands: tuple[Any, ...]) -> T | None:
        """Run the commands in one round trip and return `parse(*results)`, or None if Redis gives no usable reply.

        The round trip is charged to the budget. A refused command, or an exception of `parse`, may be due to the data
        of one client: it is logged and counted, and does not lead to the cooldown.
        """
        if self._redis is None:
            return None
        if not self._may_try() or not budget.left:
            self._on_error()
            return None
        try:
            with budget.consume(RedisBudgetSpent()):
                results = self._run(self._redis, commands)
        except ServiceError:
            # thrown into this greenlet: the deadline of the request passed, or its client disconnected
            raise
        except Exception as error:
            # a broken peer can make the library raise any exception
            self._record_failure(error, commands[0][0])
            return None
        self._record_success()
        return self._parse(parse, results, commands[0][0])

    def _parse(self, parse: Callable[..., T], results: list[Any], command: str) -> T | None:
        try:
            return parse(*results)
        except Exception as error:
            self._record_refusal(command, "a reply of another kind than expected", type(error).__name__)
            return None

    def ping(self, seconds: float) -> bool:
        """Return whether Redis answers within `seconds`."""
        return self.execute(TimeBudget(seconds), lambda pong: pong is True, ("PING",)) is True

    def _run(self, redis: "Redis", commands: tuple[tuple[Any, ...], ...]) -> list[Any]:
        with redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
            return pipeline.execute()

    def _may_try(self) -> bool:
        if not self.failing:
            return True
        now = time.monotonic()
        if now < self._retry_at:
            return False
        self._retry_at = now + COOLDOWN_SECONDS
        return True

    def _record_success(self) -> None:
        if self.failing:
            logger.warning("Redis answers again")
        self._consecutive_errors = 0

    def _record_failure(self, error: Exception, command: str) -> None:
        from redis import DataError, ResponseError

        if isinstance(error, ResponseError | DataError):
            # the library's message begins with the command and its arguments, which are data of clients
            reason = str(error).rpartition("caused error: ")[2].partition(", with args")[0]
            self._record_success()
            self._record_refusal(command, reason, f"{type(error).__name__} {reason.partition(' ')[0]}")
        else:
            self._record_error(error)

    def _record_refusal(self, command: str, reason: str, code: str) -> None:
        """Count a command without a usable reply from a Redis that works; log each kind once."""
        self._on_error()
        kind = (command, code[:MAX_REASON_CHARS])
        if kind not in self._logged_refusals and len(self._logged_refusals) < MAX_LOGGED_REFUSALS:
            self._logged_refusals.add(kind)
            logger.error("Redis did not carry out %s, limits may be open: %s", command, reason[:MAX_REASON_CHARS])

    def _record_error(self, error: Exception) -> None:
        self._on_error()
        self._consecutive_errors += 1
        self._retry_at = time.monotonic() + COOLDOWN_SECONDS
        if self._consecutive_errors == COOLDOWN_FAILURES:
            logger.warning(
                "Redis failed %d times in a row, running without it: %s", COOLDOWN_FAILURES, type(error).__name__
            )


class _BoundedSocket:
    """A socket whose replies are bounded: an endless one would never let the timer of TimeBudget run."""

    def __init__(self, connected: Any) -> None:
        self._socket = connected
        self._received = 0
        self._coop = CoopBudget()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def sendall(self, data: bytes) -> None:
        """Send a command, whose reply may have MAX_REPLY_BYTES."""
        self._received = 0
        self._coop.restart()
        self._socket.sendall(data)

    def recv(self, size: int) -> bytes:
        """Return the next bytes of a reply; raise ConnectionError if there are too many."""
        if self._received > SHORT_REPLY_BYTES:
            self._coop.yield_if_due()
        data: bytes = self._socket.recv(size)
        self._received += len(data)
        if self._received > MAX_REPLY_BYTES:
            raise ConnectionError("the reply is too long")
        return data


class _BoundedReplies:
    """Makes a connection class of the library read through `_BoundedSocket`."""

    def _connect(self) -> _BoundedSocket:
        return _BoundedSocket(super()._connect())  # type: ignore[misc]  # the other base class has it


def _client(url: str) -> "Redis":
    """Return a client whose waits are bounded by the budget of a request."""
    # imported here: services without Redis start without loading it
    from redis import BlockingConnectionPool, Redis
    from redis.maint_notifications import MaintNotificationsConfig

    # The timeouts of the library are a safety net: they run while this process is busy, and TimeBudget does not.
    # RESP2, no CLIENT SETINFO and no maintenance notifications: a new connection needs no round trips before its first
    # command.
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=LIBRARY_TIMEOUT_SECONDS,
        socket_timeout=LIBRARY_TIMEOUT_SECONDS,
        socket_connect_timeout=LIBRARY_TIMEOUT_SECONDS,
        protocol=2,
        driver_info=None,
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )
    pool.connection_class = type("BoundedConnection", (_BoundedReplies, pool.connection_class), {})
    return Redis(connection_pool=pool)
