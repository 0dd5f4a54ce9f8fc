"""The bulkhead: so many calls in flight, a short wait, and no more."""

import threading
from contextlib import ExitStack

import pytest

from app.errors import Overloaded, UpstreamRejected, UpstreamUnavailable
from app.upstream.resilience import bulkhead
from app.upstream.resilience.bulkhead import Bulkhead

AT_ONCE = 0.0
LONG = 20.0


@pytest.fixture(autouse=True)
def long_waits(monkeypatch):
    monkeypatch.setattr(bulkhead, "WAIT_SECONDS", LONG)


def fill(places, stack):
    """Take every place there is; return how many there were."""
    for taken in range(10_000):
        try:
            stack.enter_context(places.guard("chat", AT_ONCE))
        except Overloaded:
            return taken
    raise AssertionError


def fail(places, error, times):
    for _ in range(times):
        with pytest.raises(type(error)), places.guard("chat", AT_ONCE):
            raise error


def test_there_are_so_many_places_and_no_more():
    with ExitStack() as stack:
        assert fill(Bulkhead(7), stack) == 7


def test_a_place_that_is_left_is_free_again():
    places = Bulkhead(1)
    for _ in range(3):
        with places.guard("chat", AT_ONCE):
            pass
    fail(places, ValueError(), 3)
    with places.guard("chat", AT_ONCE):
        pass


def test_a_caller_waits_for_a_place_and_is_told_how_long():
    places = Bulkhead(1)
    waits = []

    def call():
        with places.guard("chat", LONG) as place:
            waits.append(place.waited)

    with places.guard("chat", AT_ONCE):
        waiting = threading.Thread(target=call)
        waiting.start()
        while not places._waiting:
            pass
    waiting.join(LONG)
    assert len(waits) == 1
    assert waits[0] > 0


def test_where_as_many_wait_as_may_be_in_flight_the_next_is_refused_at_once():
    places = Bulkhead(1)
    with places.guard("chat", AT_ONCE):
        waiting = threading.Thread(target=lambda: places.guard("chat", LONG).__enter__())
        waiting.start()
        while not places._waiting:
            pass
        with pytest.raises(Overloaded) as refused, places.guard("chat", LONG):
            pytest.fail("there was a place")
        assert refused.value.headers == {"Retry-After": "1"}
    waiting.join(LONG)


def rounds(places, error, times):
    """Let so many rounds of calls in full use fail, each call of a round begun before the first of it ends."""
    for _ in range(times):
        calls = []
        while True:
            call = places.guard("chat", AT_ONCE)
            try:
                call.__enter__()
            except Overloaded:
                break
            calls.append(call)
        for call in calls:
            assert not call.__exit__(type(error), error, None)


def size(places):
    with ExitStack() as stack:
        return fill(places, stack)


def test_a_round_of_outages_shrinks_it_once_and_no_further_than_to_a_few_places():
    places = Bulkhead(100)
    rounds(places, UpstreamUnavailable(), 1)
    assert places._limit == 80
    rounds(places, UpstreamUnavailable(), 50)
    assert places._limit == bulkhead.SMALLEST_SHARE * 100
    few = Bulkhead(8)
    rounds(few, UpstreamUnavailable(), 50)
    assert few._limit == bulkhead.SMALLEST_LIMIT


def test_successes_in_full_use_let_it_grow_back_slowly():
    places = Bulkhead(100)
    rounds(places, UpstreamUnavailable(), 50)
    shrunk = places._limit
    assert size(places) == int(shrunk) + 1
    assert shrunk < places._limit <= shrunk + bulkhead.GROWTH


def test_what_happens_while_it_is_hardly_used_changes_nothing():
    places = Bulkhead(100)
    fail(places, UpstreamUnavailable(), 200)
    assert size(places) == 100


def test_latency_that_climbs_shrinks_it_and_latency_as_usual_does_not(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(bulkhead.time, "monotonic", lambda: now[0])
    places = Bulkhead(40)

    def round_of(seconds):
        with ExitStack() as stack:
            fill(places, stack)
            now[0] += seconds

    for _ in range(10):
        round_of(0.1)
    assert places._limit == 40
    for _ in range(3):
        round_of(0.15)
    assert places._limit == 40
    for _ in range(3):
        round_of(1.0)
    assert places._limit < 40


@pytest.mark.parametrize(("route", "shrinks"), [("chat", True), (None, False)])
def test_without_a_route_latency_does_not_count(monkeypatch, route, shrinks):
    now = [0.0]
    monkeypatch.setattr(bulkhead.time, "monotonic", lambda: now[0])
    places = Bulkhead(40)
    for seconds in [0.1] * 10 + [1.0] * 3:
        with ExitStack() as stack:
            for _ in range(round(places._limit)):
                stack.enter_context(places.guard(route, LONG))
            now[0] += seconds
    assert (places._limit < 40) == shrinks


def test_without_a_route_outages_count():
    places = Bulkhead(4 * round(bulkhead.SMALLEST_LIMIT))
    with ExitStack() as stack:
        for _ in range(2 * round(bulkhead.SMALLEST_LIMIT)):
            stack.enter_context(places.guard(None, AT_ONCE))
        with pytest.raises(UpstreamUnavailable), places.guard(None, AT_ONCE):
            raise UpstreamUnavailable
    assert places._limit < 4 * bulkhead.SMALLEST_LIMIT


def test_after_a_slow_spell_the_usual_latency_is_soon_known_again():
    latency = bulkhead.LatencyTracker()
    for seconds in [1.0] * 1000 + [0.1] * 200:
        latency.record(seconds)
    assert any(latency.record(1.0) for _ in range(bulkhead.RECENT_CALLS))


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
