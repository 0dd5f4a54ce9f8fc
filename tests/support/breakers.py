"""Circuit breakers for tests, and guarded calls."""

import pytest

from app.context.deadline import TimeBudget
from app.redis_store import RedisStore
from app.upstream.resilience.circuit_breaker import CircuitBreaker
from app.upstream.resilience.shared_breaker import RedisBreakerState

RECOVERY_SECONDS = 60


def create_breaker(max_failures=1, failure_rate=1, recovery=RECOVERY_SECONDS, store=None, shared=None):
    """Create a breaker; without a store its state is private."""
    shared = shared or RedisBreakerState(store or RedisStore(None), "test:chat", recovery)
    return CircuitBreaker("test:chat", max_failures, failure_rate, recovery, shared, lambda _state: None)


def check(breaker):
    breaker.check(TimeBudget(1))


def guard(breaker, **options):
    return breaker.guard(TimeBudget(1), **options)


def fail(breaker, error):
    with pytest.raises(type(error)), guard(breaker):
        raise error


def succeed(breaker):
    with guard(breaker):
        pass
