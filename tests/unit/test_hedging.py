"""Hedging: a second attempt next to a slow one, for a small share of calls."""

import gevent
import pytest
from gevent.event import Event

from app.errors import UpstreamRejected, UpstreamTimeout, UpstreamUnavailable
from app.upstream.resilience.hedging import CALLS_PER_HEDGE, Hedging

SOON = 0.01


def ignore(won):
    """A callback for tests that do not check which attempt won."""


class Attempts:
    """Attempts with these outcomes, one after the other; None hangs until the attempt is cancelled."""

    def __init__(self, *outcomes):
        self.started = 0
        self.cancelled = 0
        self._outcomes = list(outcomes)

    def __call__(self):
        outcome = self._outcomes[self.started]
        self.started += 1
        if outcome is None:
            self._hang()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _hang(self):
        try:
            Event().wait()
        finally:
            self.cancelled += 1


@pytest.fixture
def hedging():
    """A hedging that allows a hedge at the next call."""
    hedging = Hedging(SOON)
    for _ in range(CALLS_PER_HEDGE):
        hedging.run(lambda: "fast", ignore)
    return hedging


def test_without_a_delay_there_is_no_hedge():
    attempts = Attempts("response")
    assert Hedging(None).run(attempts, ignore) == "response"


def test_fast_response_is_returned_without_a_hedge(hedging):
    attempts = Attempts("response", "not started")
    won = []
    assert hedging.run(attempts, won.append) == "response"
    assert attempts.started == 1
    assert won == []


def test_first_response_wins_and_the_other_attempt_is_cancelled(hedging):
    attempts = Attempts(None, "response")
    won = []
    assert hedging.run(attempts, won.append) == "response"
    assert (attempts.started, attempts.cancelled) == (2, 1)
    assert won == [True]


def test_fast_error_causes_no_hedge(hedging):
    attempts = Attempts(UpstreamUnavailable(), "not started")
    with pytest.raises(UpstreamUnavailable):
        hedging.run(attempts, ignore)
    assert attempts.started == 1


def test_error_of_one_attempt_leaves_the_other_running(hedging):
    failed = Event()
    attempts = iter([lambda: failed.wait() and "late response", lambda: _fail_after(failed)])
    won = []
    assert hedging.run(lambda: next(attempts)(), won.append) == "late response"
    assert won == [False]


def _fail_after(event):
    event.set()
    raise UpstreamUnavailable


def test_last_error_is_raised_if_both_attempts_fail(hedging):
    failed = Event()
    attempts = iter([lambda: failed.wait() and _raise(UpstreamRejected()), lambda: _fail_after(failed)])
    with pytest.raises(UpstreamRejected):
        hedging.run(lambda: next(attempts)(), ignore)


def _raise(error):
    raise error


def test_unexpected_exception_is_raised_unchanged(hedging, capsys):
    with pytest.raises(ValueError, match="ours"):
        hedging.run(lambda: _raise(ValueError("ours")), ignore)
    assert "ours" in capsys.readouterr().err  # gevent prints it too


@pytest.mark.parametrize("end", [TimeoutError(), UpstreamTimeout()])
def test_end_of_the_request_cancels_both_attempts(hedging, end):
    attempts = Attempts(None, None)
    with pytest.raises(type(end)), gevent.Timeout(20 * SOON, end):
        hedging.run(attempts, ignore)
    assert (attempts.started, attempts.cancelled) == (2, 2)


def test_attempt_that_is_slow_to_cancel_does_not_delay_the_response(hedging, monkeypatch):
    monkeypatch.setattr("app.upstream.resilience.hedging.CANCEL_SECONDS", SOON)
    release = Event()

    def stubborn():
        try:
            Event().wait()
        finally:
            release.wait()

    attempts = iter([stubborn, lambda: "response"])
    assert hedging.run(lambda: next(attempts)(), ignore) == "response"
    release.set()


def test_at_most_five_percent_of_calls_are_hedged():
    hedging = Hedging(SOON)
    started = []

    def slow():
        started.append(1)
        gevent.sleep(2 * SOON)

    for _ in range(2 * CALLS_PER_HEDGE):
        hedging.run(slow, ignore)
    assert len(started) - 2 * CALLS_PER_HEDGE == 2


def test_slow_calls_of_one_client_use_up_no_hedge_of_another(hedging):
    attempts = Attempts(None, "response", None, "response")
    for _ in range(CALLS_PER_HEDGE):
        hedging.run(lambda: "fast", ignore, "second")
    assert hedging.run(attempts, ignore) == "response"
    assert hedging.run(attempts, ignore, "second") == "response"
    assert attempts.started == 4


def test_unused_hedges_are_not_saved_up(hedging):
    for _ in range(5 * CALLS_PER_HEDGE):
        hedging.run(lambda: "fast", ignore)
    hedged = 0
    for _ in range(5):
        attempts = Attempts(None, "response")
        with gevent.Timeout(20 * SOON, False):
            hedging.run(attempts, ignore)
        hedged += attempts.started - 1
    assert hedged == 1
