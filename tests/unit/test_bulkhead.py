"""The bulkhead: an adaptive limit on concurrent calls, with a short queue."""

import threading
from contextlib import ExitStack

import pytest
from prometheus_client import CollectorRegistry

from app.errors import ConcurrencyLimitReached, UpstreamRejected, UpstreamUnavailable
from app.observability.metrics.upstream import UpstreamMetrics
from app.upstream.resilience import bulkhead as module
from app.upstream.resilience.bulkhead import Bulkhead, Bulkheads, LatencyTracker

AT_ONCE = 0.0
LONG = 20.0


class Observed(Bulkhead):
    """A bulkhead whose limit a test can read: the last one that it has reported."""

    def __init__(self, max_limit):
        super().__init__(max_limit, self._report)

    def _report(self, in_flight, limit):
        self.in_flight, self.limit = in_flight, limit


@pytest.fixture(autouse=True)
def long_queue(monkeypatch):
    monkeypatch.setattr(module, "MAX_QUEUE_SECONDS", LONG)


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def queued(monkeypatch):
    """A semaphore that is released whenever a call starts to wait for a permit."""
    waits = threading.Semaphore(0)

    class Condition(threading.Condition):
        def wait_for(self, *arguments):
            waits.release()
            return super().wait_for(*arguments)

    monkeypatch.setattr(module.threading, "Condition", Condition)
    return waits


def acquire_all(bulkhead, stack):
    """Take every permit; return their number."""
    for count in range(10_000):
        try:
            stack.enter_context(bulkhead.guard("chat", AT_ONCE))
        except ConcurrencyLimitReached:
            return count
    raise AssertionError


def permits(bulkhead):
    with ExitStack() as stack:
        return acquire_all(bulkhead, stack)


def fail(bulkhead, error, times):
    for _ in range(times):
        with pytest.raises(type(error)), bulkhead.guard("chat", AT_ONCE):
            raise error


def fail_rounds(bulkhead, error, times):
    """Let rounds of calls fail that use all permits; each call of a round starts before the first one ends."""
    for _ in range(times):
        calls = []
        while True:
            call = bulkhead.guard("chat", AT_ONCE)
            try:
                call.__enter__()
            except ConcurrencyLimitReached:
                break
            calls.append(call)
        for call in calls:
            assert not call.__exit__(type(error), error, None)


def test_as_many_calls_as_the_limit_run_at_once():
    assert permits(Bulkhead(7)) == 7


def test_permit_is_free_after_its_block():
    bulkhead = Bulkhead(1)
    for _ in range(3):
        with bulkhead.guard("chat", AT_ONCE):
            pass
    fail(bulkhead, ValueError(), 3)
    with bulkhead.guard("chat", AT_ONCE) as permit:
        assert permit.waited == 0


def test_detached_permit_is_free_after_its_release():
    bulkhead = Observed(1)
    with bulkhead.guard("chat", AT_ONCE) as permit:
        permit.detached = True
    assert bulkhead.in_flight == 1
    permit.release()
    assert bulkhead.in_flight == 0


def test_queued_call_gets_the_permit_and_its_time_in_the_queue(queued):
    bulkhead = Bulkhead(1)
    waits = []

    def call():
        with bulkhead.guard("chat", LONG) as permit:
            waits.append(permit.waited)

    with bulkhead.guard("chat", AT_ONCE):
        waiting = threading.Thread(target=call)
        waiting.start()
        assert queued.acquire(timeout=LONG)
    waiting.join(LONG)
    assert len(waits) == 1
    assert waits[0] > 0


def test_call_is_refused_at_once_while_the_queue_is_as_long_as_the_limit(queued):
    bulkhead = Bulkhead(1)
    with bulkhead.guard("chat", AT_ONCE):
        waiting = threading.Thread(target=lambda: bulkhead.guard("chat", LONG).__enter__())
        waiting.start()
        assert queued.acquire(timeout=LONG)
        with pytest.raises(ConcurrencyLimitReached) as caught, bulkhead.guard("chat", LONG):
            pytest.fail("there was a permit")
        assert caught.value.headers == {"Retry-After": "1"}
    waiting.join(LONG)


def test_round_of_failures_shrinks_the_limit_once_and_never_below_its_minimum():
    bulkhead = Observed(100)
    fail_rounds(bulkhead, UpstreamUnavailable(), 1)
    assert bulkhead.limit == 80
    fail_rounds(bulkhead, UpstreamUnavailable(), 50)
    assert bulkhead.limit == module.MIN_LIMIT_RATIO * 100
    small = Observed(8)
    fail_rounds(small, UpstreamUnavailable(), 50)
    assert small.limit == module.MIN_LIMIT


def test_successes_at_full_use_raise_the_limit_slowly():
    bulkhead = Observed(100)
    fail_rounds(bulkhead, UpstreamUnavailable(), 50)
    shrunk = bulkhead.limit
    assert permits(bulkhead) == int(shrunk) + 1
    assert shrunk < bulkhead.limit <= shrunk + module.INCREASE


def test_failures_at_low_use_leave_the_limit():
    bulkhead = Bulkhead(100)
    fail(bulkhead, UpstreamUnavailable(), 200)
    assert permits(bulkhead) == 100


def test_rising_latency_shrinks_the_limit_and_usual_latency_does_not(clock):
    bulkhead = Observed(40)

    def run_round(seconds):
        with ExitStack() as stack:
            acquire_all(bulkhead, stack)
            clock[0] += seconds

    for _ in range(10):
        run_round(0.1)
    assert bulkhead.limit == 40
    for _ in range(3):
        run_round(0.15)
    assert bulkhead.limit == 40
    for _ in range(3):
        run_round(1.0)
    assert bulkhead.limit < 40


@pytest.mark.parametrize(("route", "shrinks"), [("chat", True), (None, False)])
def test_latency_counts_only_with_a_route(clock, route, shrinks):
    bulkhead = Observed(40)
    for seconds in [0.1] * 10 + [1.0] * 3:
        with ExitStack() as stack:
            for _ in range(round(bulkhead.limit)):
                stack.enter_context(bulkhead.guard(route, LONG))
            clock[0] += seconds
    assert (bulkhead.limit < 40) == shrinks


def test_failures_count_without_a_route():
    bulkhead = Observed(4 * round(module.MIN_LIMIT))
    with ExitStack() as stack:
        for _ in range(2 * round(module.MIN_LIMIT)):
            stack.enter_context(bulkhead.guard(None, AT_ONCE))
        with pytest.raises(UpstreamUnavailable), bulkhead.guard(None, AT_ONCE):
            raise UpstreamUnavailable
    assert bulkhead.limit < 4 * module.MIN_LIMIT


def test_usual_latency_is_soon_known_again_after_a_slow_period():
    latency = LatencyTracker()
    for seconds in [1.0] * 1000 + [0.1] * 200:
        latency.record(seconds)
    assert any(latency.record(1.0) for _ in range(module.RECENT_CALLS))


def test_errors_of_the_client_leave_the_limit():
    bulkhead = Bulkhead(10)
    fail(bulkhead, UpstreamRejected(), 200)
    assert permits(bulkhead) == 10


def test_limit_never_exceeds_its_setting():
    bulkhead = Bulkhead(2)
    for _ in range(50):
        assert permits(bulkhead) == 2


def as_client(bulkhead, client, stack):
    """Take every permit that a client can get; return their number."""
    for count in range(10_000):
        try:
            stack.enter_context(bulkhead.guard("chat", AT_ONCE, client))
        except ConcurrencyLimitReached:
            return count
    raise AssertionError


@pytest.mark.parametrize(("limit", "spare"), [(1, 1), (4, 1), (8, 1), (256, 32)])
def test_a_client_that_holds_all_permits_leaves_spare_ones_for_another(limit, spare):
    bulkhead = Bulkhead(limit)
    with ExitStack() as stack:
        assert as_client(bulkhead, "one", stack) == limit
        assert as_client(bulkhead, "two", stack) == spare
        assert as_client(bulkhead, "one", stack) == 0


def test_spare_permits_are_for_clients_below_their_fair_share_only():
    bulkhead = Bulkhead(8)
    with ExitStack() as stack:
        calls = [stack.enter_context(bulkhead.guard("chat", AT_ONCE, "two")) for _ in range(4)]
        assert as_client(bulkhead, "one", stack) == 4
        assert as_client(bulkhead, "two", stack) == 0
        calls[0].detached = True
    calls[0].release()
    assert permits(bulkhead) == 8


def test_a_queue_full_of_one_client_has_room_for_another_and_serves_them_in_turn(queued):
    bulkhead = Bulkhead(2)
    order = []

    def call(client):
        with bulkhead.guard("chat", LONG, client):
            order.append(client)

    with ExitStack() as stack:
        held = [stack.enter_context(bulkhead.guard("chat", AT_ONCE, "one")) for _ in range(2)]
        stack.enter_context(bulkhead.guard("chat", AT_ONCE, "three"))  # the spare permit
        waiting = [threading.Thread(target=call, args=(client,)) for client in ("one", "one", "two")]
        for thread in waiting:
            thread.start()
            assert queued.acquire(timeout=LONG)
        with pytest.raises(ConcurrencyLimitReached), bulkhead.guard("chat", LONG, "one"):
            pytest.fail("the queue was not full")
        for permit in held[:1]:
            permit.detached = True
            permit.release()
        waiting[2].join(LONG)
        assert order == ["two"]
    for thread in waiting:
        thread.join(LONG)
    assert order == ["two", "one", "one"]


def test_a_client_that_gave_up_leaves_no_trace():
    bulkhead = Observed(1)
    with bulkhead.guard("chat", AT_ONCE, "one"), bulkhead.guard("chat", AT_ONCE, "two"):
        for client in ("one", "two", "three"):
            with pytest.raises(ConcurrencyLimitReached), bulkhead.guard("chat", 0.01, client):
                pytest.fail("there was a permit")
    assert bulkhead.in_flight == 0
    with bulkhead.guard("chat", AT_ONCE, "three"):
        pass


def test_each_backend_has_its_own_bulkhead():
    bulkheads = Bulkheads(3, UpstreamMetrics(CollectorRegistry()))
    assert bulkheads.get("openai") is bulkheads.get("openai")
    with ExitStack() as stack:
        assert acquire_all(bulkheads.get("openai"), stack) == 3
        assert permits(bulkheads.get("huggingface")) == 3
