"""Breakers for tests, and calls that they guard."""

import pytest

from app.context import Allowance
from app.services.breaker import Breaker
from app.services.sharing import SharedBreaker
from app.services.store import Store

LONG = 60


def make(failures=1, failure_rate=1, recovery=LONG, store=None):
    """A breaker; without a store it is alone."""
    shared = SharedBreaker(store or Store(None), "test:chat", recovery)
    return Breaker("test:chat", failures, failure_rate, recovery, shared, lambda _state: None)


def check(breaker):
    breaker.check(Allowance(1))


def guard(breaker):
    return breaker.guard(Allowance(1))


def fail(breaker, error):
    with pytest.raises(type(error)), guard(breaker):
        raise error


def succeed(breaker):
    with guard(breaker):
        pass
