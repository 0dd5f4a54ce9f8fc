"""The bulkhead: so many calls in flight, a short wait, and no more."""

import threading
from contextlib import ExitStack

import pytest

from app.errors import Overloaded, UpstreamRejected, UpstreamUnavailable
from app.services import bulkhead
from app.services.bulkhead import Bulkhead

AT_ONCE = 0.0
LONG = 20.0


@pytest.fixture(autouse=True)
def long_waits(monkeypatch):
    monkeypatch.setattr(bulkhead, "WAIT_SECONDS", LONG)


def fill(places, stack):
    """Take every place there is; return how many there were."""
    for taken in range(10_000):
        try:
            stack.enter_context(places.guard(AT_ONCE))
        except Overloaded:
            return taken
    raise AssertionError


def fail(places, error, times):
    for _ in range(times):
        with pytest.raises(type(error)), places.guard(AT_ONCE):
            raise error


def test_there_are_so_many_places_and_no_more():
    with ExitStack() as stack:
        assert fill(Bulkhead(7), stack) == 7


def test_a_place_that_is_left_is_free_again():
    places = Bulkhead(1)
    for _ in range(3):
        with places.guard(AT_ONCE):
            pass
    fail(places, ValueError(), 3)
    with places.guard(AT_ONCE):
        pass


def test_a_caller_waits_for_a_place_and_is_told_how_long():
    places = Bulkhead(1)
    waits = []

    def call():
        with places.guard(LONG) as waited:
            waits.append(waited)

    with places.guard(AT_ONCE):
        waiting = threading.Thread(target=call)
        waiting.start()
        while not places._waiting:
            pass
    waiting.join(LONG)
    assert len(waits) == 1
    assert waits[0] > 0


def test_where_as_many_wait_as_may_be_in_flight_the_next_is_refused_at_once():
    places = Bulkhead(1)
    with places.guard(AT_ONCE):
        waiting = threading.Thread(target=lambda: places.guard(LONG).__enter__())
        waiting.start()
        while not places._waiting:
            pass
        with pytest.raises(Overloaded) as refused, places.guard(LONG):
            pytest.fail("there was a place")
        assert refused.value.headers == {"Retry-After": "1"}
    waiting.join(LONG)


def test_outages_shrink_it_to_a_few_places_and_successes_under_load_let_it_grow():
    places = Bulkhead(100)
    fail(places, UpstreamUnavailable(), 200)
    with ExitStack() as stack:
        assert fill(places, stack) == bulkhead.SMALLEST_LIMIT
    with ExitStack() as stack:
        assert fill(places, stack) > bulkhead.SMALLEST_LIMIT


def test_faults_of_the_callers_making_do_not_shrink_it():
    places = Bulkhead(10)
    fail(places, UpstreamRejected(), 200)
    with ExitStack() as stack:
        assert fill(places, stack) == 10


def test_it_never_grows_beyond_its_setting():
    places = Bulkhead(2)
    for _ in range(50):
        with ExitStack() as stack:
            assert fill(places, stack) == 2
