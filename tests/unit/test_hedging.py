"""Hedging: a second attempt beside a slow one, and never many of them."""

import gevent
import pytest
from gevent.event import Event

from app.errors import UpstreamRejected, UpstreamUnavailable
from app.upstream.resilience.hedging import CALLS_PER_HEDGE, Hedging

SOON = 0.01


def unnoticed(won):
    """For tests that do not ask whose answer counted."""


class Attempts:
    """Attempts that do what is planned for each; `None` is one that hangs until it is ended."""

    def __init__(self, *plan):
        self.made = 0
        self.ended = 0
        self._plan = list(plan)

    def __call__(self):
        outcome = self._plan[self.made]
        self.made += 1
        if outcome is None:
            self._hang()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _hang(self):
        try:
            Event().wait()
        finally:
            self.ended += 1


@pytest.fixture
def hedging():
    """A hedging whose budget is full."""
    hedging = Hedging(SOON)
    for _ in range(CALLS_PER_HEDGE):
        hedging.run(lambda: "quick", unnoticed)
    return hedging


def test_it_is_off_where_it_is_not_asked_for():
    attempts = Attempts("answer")
    assert Hedging(None).run(attempts, unnoticed) == "answer"


def test_a_quick_answer_is_taken_as_it_is(hedging):
    attempts = Attempts("answer", "never asked for")
    won = []
    assert hedging.run(attempts, won.append) == "answer"
    assert attempts.made == 1
    assert won == []


def test_the_first_answer_counts_and_the_other_attempt_is_ended(hedging):
    attempts = Attempts(None, "answer")
    won = []
    assert hedging.run(attempts, won.append) == "answer"
    assert (attempts.made, attempts.ended) == (2, 1)
    assert won == [True]


def test_a_quick_error_is_no_reason_for_a_second_attempt(hedging):
    attempts = Attempts(UpstreamUnavailable(), "never asked for")
    with pytest.raises(UpstreamUnavailable):
        hedging.run(attempts, unnoticed)
    assert attempts.made == 1


def test_an_error_of_one_attempt_leaves_the_other_its_chance(hedging):
    answered = Event()
    plan = iter([lambda: answered.wait() and "late answer", lambda: _fail_and(answered)])
    won = []
    assert hedging.run(lambda: next(plan)(), won.append) == "late answer"
    assert won == [False]


def _fail_and(event):
    event.set()
    raise UpstreamUnavailable


def test_where_both_fail_the_last_error_is_raised(hedging):
    failed = Event()
    plan = iter([lambda: failed.wait() and _raise(UpstreamRejected()), lambda: _fail_and(failed)])
    with pytest.raises(UpstreamRejected):
        hedging.run(lambda: next(plan)(), unnoticed)


def _raise(error):
    raise error


def test_a_bug_is_raised_as_it_is(hedging, capsys):
    with pytest.raises(ValueError, match="ours"):
        hedging.run(lambda: _raise(ValueError("ours")), unnoticed)
    assert "ours" in capsys.readouterr().err  # gevent prints it too


def test_the_end_of_the_request_ends_both_attempts(hedging):
    attempts = Attempts(None, None)
    with pytest.raises(TimeoutError), gevent.Timeout(20 * SOON, TimeoutError()):
        hedging.run(attempts, unnoticed)
    assert (attempts.made, attempts.ended) == (2, 2)


def test_an_attempt_that_does_not_end_at_once_keeps_nobody_waiting(hedging, monkeypatch):
    monkeypatch.setattr("app.upstream.resilience.hedging.END_SECONDS", SOON)
    let_go = Event()

    def stubborn():
        try:
            Event().wait()
        finally:
            let_go.wait()

    plan = iter([stubborn, lambda: "answer"])
    assert hedging.run(lambda: next(plan)(), unnoticed) == "answer"
    let_go.set()


def test_hedges_are_never_more_than_five_percent_of_the_calls():
    hedging = Hedging(SOON)
    made = []

    def slow():
        made.append(1)
        gevent.sleep(2 * SOON)

    for _ in range(2 * CALLS_PER_HEDGE):
        hedging.run(slow, unnoticed)
    assert len(made) - 2 * CALLS_PER_HEDGE == 2


def test_a_quiet_time_saves_no_hedges_up(hedging):
    for _ in range(5 * CALLS_PER_HEDGE):
        hedging.run(lambda: "quick", unnoticed)
    hedged = 0
    for _ in range(5):
        attempts = Attempts(None, "answer")
        with gevent.Timeout(20 * SOON, False):
            hedging.run(attempts, unnoticed)
        hedged += attempts.made - 1
    assert hedged == 1
