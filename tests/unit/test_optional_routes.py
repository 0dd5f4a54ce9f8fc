"""Routes that only some OpenAI-compatible servers have."""

import json

import pytest

from app.backends import optional_routes
from app.backends.base import UpstreamRequest
from app.backends.optional_routes import OptionalRoutes
from app.backends.responses.optional_route import OtherRouteResponse, decode_optional
from app.backends.upstream_response import UpstreamResponse
from app.errors import ServiceError, UpstreamInvalidResponse, UpstreamUnavailable

MISSING = [
    (404, {"detail": "Not Found"}),
    (404, {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}}),
    (404, "404 page not found"),
    (404, ""),
    (405, {"detail": "Method Not Allowed"}),
    (
        501,
        {"error": {"code": 501, "message": "This server does not support reranking."}},
    ),
    (400, {"object": "error", "message": "The model does not support Rerank (Score) API", "code": 400}),
    (424, {"error": "Backend error: model is not a re-ranker model", "error_type": "backend"}),
    (200, "<!DOCTYPE html><title>Welcome</title>"),
    (200, "Ollama is running"),
]
UNDECIDED = [
    (404, {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404}),
    (404, {"error": {"message": "Gone", "type": "invalid_request_error", "code": "model_not_found"}}),
    (400, {"error": "The text is too long."}),
    (401, {"error": "Invalid key"}),
    (429, {"error": "Slow down."}),
    (500, {"error": "Oops"}),
    (503, "<html>Maintenance</html>"),
    (200, '{"results": [{"index"'),
]


def call(route="rerank", model="org/model"):
    return UpstreamRequest("openai", route, f"http://llm.test/v1/{route}", decode_optional, {}, model=model)


def run(routes, request, status, payload):
    """Call a route whose server sends this response; return the result and how many calls were made."""
    body = payload if isinstance(payload, str) else json.dumps(payload)
    plan, calls = routes.call(request), 0
    try:
        sent = next(plan)
        while True:
            calls += 1
            try:
                result = sent.parse(UpstreamResponse(status, {"content-type": "text/plain"}, body.encode()))
            except ServiceError as error:
                sent = plan.throw(error)
            else:
                sent = plan.send(result)
    except StopIteration as end:
        return end.value, calls


@pytest.mark.parametrize(("status", "payload"), MISSING)
def test_a_missing_route_is_asked_once_for_each_route_and_model(status, payload):
    routes = OptionalRoutes()
    assert run(routes, call(), status, payload) == (None, 1)
    assert routes.lacks(call())
    assert run(routes, call(), status, payload) == (None, 0)
    assert run(routes, call(model="org/other"), 200, {"results": []}) == ({"results": []}, 1)
    assert run(routes, call("score"), 200, [1]) == ([1], 1)


@pytest.mark.parametrize(("status", "payload"), UNDECIDED)
def test_an_undecided_failure_is_raised_and_not_remembered(status, payload):
    routes = OptionalRoutes()
    with pytest.raises(ServiceError):
        run(routes, call(), status, payload)
    assert not routes.lacks(call())


def test_a_failure_without_a_response_is_not_remembered():
    routes = OptionalRoutes()
    plan = routes.call(call())
    next(plan)
    with pytest.raises(UpstreamUnavailable):
        plan.throw(UpstreamUnavailable())
    assert not routes.lacks(call())


def test_a_missing_route_is_asked_again_later(monkeypatch):
    monkeypatch.setattr(optional_routes, "REMEMBERED_SECONDS", 0)
    routes = OptionalRoutes()
    run(routes, call(), 404, "")
    assert run(routes, call(), 200, {"results": []}) == ({"results": []}, 1)


def test_an_error_in_a_response_of_status_200_is_that_error():
    with pytest.raises(ServiceError) as raised:
        run(OptionalRoutes(), call(), 200, {"error": {"message": "Slow down.", "code": 429}})
    assert raised.value.type == "upstream_rate_limited"


def test_a_response_of_another_kind_is_no_failure_of_the_backend():
    assert not OtherRouteResponse.counts_as_failure
    assert not OtherRouteResponse.retryable
    assert issubclass(OtherRouteResponse, UpstreamInvalidResponse)
