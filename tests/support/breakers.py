"""Breakers for tests, and calls that they guard."""

import pytest

from app.context.deadline import TimeBudget
from app.redis_store import RedisStore
from app.upstream.resilience.circuit_breaker import CircuitBreaker
from app.upstream.resilience.shared_breaker import RedisBreakerState

LONG = 60


def make(failures=1, failure_rate=1, recovery=LONG, store=None):
    """A breaker; without a store it is alone."""
    shared = RedisBreakerState(store or RedisStore(None), "test:chat", recovery)
    return CircuitBreaker("test:chat", failures, failure_rate, recovery, shared, lambda _state: None)


def check(breaker):
    breaker.check(TimeBudget(1))


def guard(breaker):
    return breaker.guard(TimeBudget(1))


def fail(breaker, error):
    with pytest.raises(type(error)), guard(breaker):
        raise error


def succeed(breaker):
    with guard(breaker):
        pass
