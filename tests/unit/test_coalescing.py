"""Equal work in flight is done once, and one request's own end is not the others'."""

import gevent
import pytest
from gevent.event import Event

from app.cache.single_flight import SingleFlight
from app.errors import ClientDisconnected, ServiceError, UpstreamTimeout, UpstreamUnavailable


@pytest.fixture
def flight():
    """A flight whose leader is at work until `go` is set, and three that wait for it."""

    class Flight:
        flights = SingleFlight()
        go = Event()
        done = 0
        outcome = "answer"

        def work(self):
            self.done += 1
            if self.done > 1:
                gevent.sleep(0)  # lets the others join
                return "answer"
            self.go.wait()
            if isinstance(self.outcome, BaseException):
                raise self.outcome
            return self.outcome

        def request(self):
            try:
                return self.flights.do("key", self.work)
            except ServiceError as error:
                details, error.details = error.details, {"whose": "this request's own"}
                return type(error), details
            except ValueError as error:
                return error

    flight = Flight()
    flight.requests = [gevent.spawn(flight.request) for _ in range(4)]
    gevent.sleep(0)  # lets the leader begin and the others wait
    return flight


def land(flight):
    flight.go.set()
    gevent.joinall(flight.requests)
    return [request.value for request in flight.requests]


def test_it_is_done_once_and_all_get_the_result(flight):
    assert land(flight) == [("answer", False)] + [("answer", True)] * 3
    assert flight.done == 1


def test_work_with_another_key_is_its_own(flight):
    assert flight.flights.do("other", lambda: "other") == ("other", False)
    land(flight)


def test_it_is_done_again_once_it_has_landed(flight):
    land(flight)
    assert flight.request() == ("answer", False)
    assert flight.done == 2


def test_all_get_an_error_of_the_work_each_as_its_own(flight):
    flight.outcome = UpstreamUnavailable(details={"a": 1})
    assert land(flight) == [(UpstreamUnavailable, {"a": 1})] * 4
    assert flight.done == 1


@pytest.mark.parametrize("own", [ClientDisconnected(), UpstreamTimeout(), ValueError("a bug")])
def test_what_ended_only_the_leader_lets_another_do_the_work(flight, own):
    flight.outcome = own
    [first, *others] = land(flight)
    assert first in (own, (type(own), {}))
    assert sorted(others) == [("answer", False)] + [("answer", True)] * 2
    assert flight.done == 2


def test_one_that_leaves_while_it_waits_leaves_the_others_alone(flight):
    flight.requests[1].kill(ClientDisconnected())
    assert flight.requests[1].value == (ClientDisconnected, {})
    assert land(flight)[2:] == [("answer", True)] * 2
    assert flight.done == 1


def test_one_whose_end_comes_in_the_moment_of_landing_does_no_work_again(flight):
    flight.go.set()
    gevent.spawn(flight.requests[1].throw, ClientDisconnected())
    land(flight)
    assert flight.requests[1].value == (ClientDisconnected, {})
    assert flight.done == 1
