"""Concurrent identical work runs once, and the end of one request does not end the others."""

import gevent
import pytest
from gevent.event import Event

from app.cache.single_flight import SingleFlight
from app.errors import ClientDisconnected, ServiceError, UpstreamTimeout, UpstreamUnavailable


class Requests:
    """One request that runs the work until `finish`, and three requests that wait for it."""

    def __init__(self):
        self.flights = SingleFlight()
        self.outcome = "result"
        self.runs = 0
        self._may_finish = Event()
        self.greenlets = [gevent.spawn(self.send) for _ in range(4)]
        gevent.sleep(0)  # starts the first request, and lets the others wait for it

    def send(self):
        """Return the result and whether the request waited, or the error and its details."""
        try:
            return self.flights.do("key", self._work)
        except ServiceError as error:
            details, error.details = error.details, {"changed by": "another request"}
            return type(error), details
        except ValueError as error:
            return error

    def finish(self):
        self._may_finish.set()
        gevent.joinall(self.greenlets)
        return [greenlet.value for greenlet in self.greenlets]

    def finish_later(self):
        self._may_finish.set()

    def _work(self):
        self.runs += 1
        if self.runs > 1:
            gevent.sleep(0)  # lets the other requests wait for this run
            return "result"
        self._may_finish.wait()
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


@pytest.fixture
def requests():
    return Requests()


def test_concurrent_requests_share_one_run(requests):
    assert requests.finish() == [("result", False)] + [("result", True)] * 3
    assert requests.runs == 1


def test_work_with_another_key_runs_at_once(requests):
    assert requests.flights.do("other", lambda: "other") == ("other", False)
    requests.finish()


def test_work_runs_again_after_it_has_finished(requests):
    requests.finish()
    assert requests.send() == ("result", False)
    assert requests.runs == 2


def test_each_request_gets_its_own_copy_of_an_error(requests):
    requests.outcome = UpstreamUnavailable(details={"a": 1})
    assert requests.finish() == [(UpstreamUnavailable, {"a": 1})] * 4
    assert requests.runs == 1


@pytest.mark.parametrize("error", [ClientDisconnected(), UpstreamTimeout(), ValueError("a bug")])
def test_a_waiting_request_runs_the_work_if_only_the_first_request_ended(requests, error):
    requests.outcome = error
    [first, *others] = requests.finish()
    assert first in (error, (type(error), {}))
    assert sorted(others) == [("result", False)] + [("result", True)] * 2
    assert requests.runs == 2


def test_a_disconnect_of_a_waiting_request_does_not_affect_the_others(requests):
    requests.greenlets[1].kill(ClientDisconnected())
    assert requests.greenlets[1].value == (ClientDisconnected, {})
    assert requests.finish()[2:] == [("result", True)] * 2
    assert requests.runs == 1


def test_a_request_that_ends_while_the_work_finishes_does_not_run_it_again(requests):
    requests.finish_later()
    gevent.spawn(requests.greenlets[1].throw, ClientDisconnected())
    requests.finish()
    assert requests.greenlets[1].value == (ClientDisconnected, {})
    assert requests.runs == 1
