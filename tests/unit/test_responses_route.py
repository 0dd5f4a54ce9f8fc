"""The choice between an upstream's own route of the Responses API and its chat completions."""

import pytest

from app.backends import responses_route
from app.backends.base import UpstreamRequest
from app.backends.responses.optional_route import OtherRouteResponse
from app.backends.responses_route import AUTO, NATIVE, TRANSLATE, ResponsesRoute
from app.errors import CircuitOpen, ClientDisconnected, NotSupported, UpstreamRateLimited, UpstreamTimeout

CALL = UpstreamRequest("openai", "responses", "http://llm.test/v1/responses", lambda response: response, {}, model="m")
CHAT = UpstreamRequest("openai", "chat/completions", "http://llm.test/v1/chat/completions", lambda response: response)


def translated():
    yield CHAT
    return "translated"


def begin(route):
    """Return a plan and its first call."""
    plan = route.respond(CALL, translated)
    return plan, next(plan)


def end(step, value):
    with pytest.raises(StopIteration) as stop:
        step(value)
    return stop.value.value


def test_a_try_has_half_of_the_time_and_no_retries():
    _, call = begin(ResponsesRoute(AUTO, 30))
    assert (call.timeout, call.retryable) == (15, False)


def test_a_route_that_is_known_has_all_of_the_time():
    route = ResponsesRoute(AUTO, 30)
    plan, _ = begin(route)
    assert end(plan.send, "native") == "native"
    assert begin(route)[1] is CALL


@pytest.mark.parametrize("error", [UpstreamTimeout(), UpstreamRateLimited(), CircuitOpen()])
def test_a_failure_of_the_try_is_translated(error):
    plan, _ = begin(ResponsesRoute(AUTO, 30))
    assert plan.throw(error) is CHAT
    assert end(plan.send, None) == "translated"


def test_a_client_that_has_gone_ends_the_try():
    plan, _ = begin(ResponsesRoute(AUTO, 30))
    with pytest.raises(ClientDisconnected):
        plan.throw(ClientDisconnected())


def test_errors_of_a_known_route_are_raised():
    route = ResponsesRoute(AUTO, 30)
    end(begin(route)[0].send, "native")
    plan, _ = begin(route)
    with pytest.raises(UpstreamTimeout):
        plan.throw(UpstreamTimeout())


def test_a_known_route_is_tried_again_later(monkeypatch):
    monkeypatch.setattr(responses_route, "REMEMBERED_SECONDS", 0)
    route = ResponsesRoute(AUTO, 30)
    end(begin(route)[0].send, "native")
    assert not begin(route)[1].retryable


def test_a_certain_route_is_never_translated():
    route = ResponsesRoute(NATIVE, 30)
    plan, call = begin(route)
    assert call is CALL
    with pytest.raises(UpstreamRateLimited):
        plan.throw(UpstreamRateLimited())
    plan, _ = begin(route)
    with pytest.raises(NotSupported, match="OPENAI_RESPONSES"):
        plan.throw(OtherRouteResponse())


def test_a_route_that_is_translated_is_never_tried():
    assert begin(ResponsesRoute(TRANSLATE, 30))[1] is CHAT
