"""Every surface: keys, limits, metrics, log lines, cache, idempotency, fallbacks, deadlines and errors."""

import json
import logging

import pytest
from support.keys import made
from support.lines import request_lines
from support.metrics import total
from support.surfaces.table import CALLING, CONVERSATIONS, LIMIT, PROMPT, PROMPT_TOKENS, SETTINGS, SURFACES, TEXT
from support.upstreams import OPENAI, cache_and_attempts, stream

ORIGIN = "https://app.example.com"
EVENT_STREAM = "text/event-stream"
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
PARTS = [
    {"choices": [{"index": 0, "delta": {"content": part}, "finish_reason": None}]} for part in ("Hi", " the", "re.")
]
LAST = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE}
STREAMED = [surface for surface in SURFACES if surface.streamed is not None]

every_surface = pytest.mark.parametrize("surface", SURFACES, ids=str)
every_call = pytest.mark.parametrize("surface", CALLING, ids=str)
every_conversation = pytest.mark.parametrize("surface", CONVERSATIONS, ids=str)
every_stream = pytest.mark.parametrize("surface", STREAMED, ids=str)


@pytest.fixture
def make_app(make_app):
    return lambda base=OPENAI, **variables: make_app(base, **SETTINGS, **variables)


def ask(client, surface, headers=None, *, streamed=False, **fields):
    route, body = surface.request(streamed=streamed)
    return client.post(route, json={**body, **fields}, headers=headers)


def announce(upstream, surface, **response):
    if surface.upstream is None:
        return None
    return upstream.post(surface.upstream, **({"json": surface.response} | response))


def refused(response, surface, status):
    """Assert that a response is an error of this status in the surface's shape; return the API's word for it."""
    assert response.status_code == status, response.text
    assert response.mimetype == "application/json"
    return surface.dialect.error(response.get_json())


@every_surface
def test_a_response_fits_its_api(client, upstream, surface):
    announce(upstream, surface)
    response = ask(client, surface)
    assert response.status_code == 200, response.text
    surface.dialect.check(response.get_json())
    assert surface.dialect.text(response.get_json())
    assert response.headers["X-Request-ID"]


@every_conversation
def test_a_conversation_has_the_text_of_its_upstream(client, upstream, surface):
    announce(upstream, surface)
    assert surface.dialect.text(ask(client, surface).get_json()) == TEXT


@every_stream
def test_a_stream_has_the_text_of_its_upstream(client, upstream, surface):
    announce(upstream, surface, body=stream([*PARTS, LAST]), json=None, content_type=EVENT_STREAM)
    with ask(client, surface, streamed=True) as response:
        assert response.mimetype == surface.dialect.mimetype
        answer = surface.dialect.stream(response.data)
    assert (answer.text, answer.complete, answer.error) == ("Hi there.", True, None)


@every_surface
def test_a_key_is_needed(make_client, upstream, surface):
    announce(upstream, surface)
    key, line = made("team")
    client = make_client(API_KEYS=line)
    for headers in ({}, {"X-API-Key": "wrong"}, {"Authorization": "Bearer wrong"}):
        refused(ask(client, surface, headers), surface, 401)
    for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}):
        assert ask(client, surface, headers).status_code == 200


@every_surface
def test_a_key_may_be_limited_to_operations(make_client, upstream, surface):
    announce(upstream, surface)
    allowed = {surface.operation, surface.task or surface.operation}
    for operation, status in (dict.fromkeys(allowed, 200) | {"models": 403}).items():
        key, line = made("team", f"operations={operation}")
        response = ask(make_client(API_KEYS=line), surface, {"X-API-Key": key})
        if status == 200:
            assert response.status_code == 200, response.text
        else:
            refused(response, surface, status)


@every_call
def test_a_key_may_be_limited_to_models(make_client, upstream, surface):
    announce(upstream, surface)
    for model, status in (("org/small", 200), ("org/other", 403)):
        key, line = made("team", f"models={model}")
        response = ask(make_client(API_KEYS=line), surface, {"X-API-Key": key})
        assert response.status_code == status, response.text
    refused(response, surface, 403)


@every_surface
def test_requests_beyond_the_rate_are_rejected(make_client, upstream, surface):
    announce(upstream, surface)
    client = make_client(RATE_LIMIT="1/minute")
    assert ask(client, surface).status_code == 200
    response = ask(client, surface)
    refused(response, surface, 429)
    assert 1 <= int(response.headers["Retry-After"]) <= 60


@every_call
def test_tokens_beyond_the_budget_are_rejected(make_client, surface):
    response = ask(make_client(TOKENS_PER_MINUTE="1"), surface)
    refused(response, surface, 429)
    assert 1 <= int(response.headers["Retry-After"]) <= 60


@every_conversation
def test_a_conversation_reserves_as_many_tokens_as_chat_does(make_client, upstream, surface):
    needed = PROMPT_TOKENS + LIMIT
    announce(upstream, surface)
    assert ask(make_client(TOKENS_PER_DAY=str(needed)), surface).status_code == 200
    refused(ask(make_client(TOKENS_PER_DAY=str(needed - 1)), surface), surface, 429)


@every_conversation
def test_a_conversation_is_charged_the_upstreams_total(make_client, upstream, surface):
    announce(upstream, surface)
    client = make_client(TOKENS_PER_DAY="1000")
    assert ask(client, surface).status_code == 200
    assert total(client, "ai_client_tokens_total") == total(client, "ai_tokens_total") == 10


@every_stream
def test_a_stream_is_charged_the_upstreams_total(make_client, upstream, surface):
    announce(upstream, surface, body=stream([*PARTS, LAST]), json=None, content_type=EVENT_STREAM)
    client = make_client(TOKENS_PER_DAY="1000")
    with ask(client, surface, streamed=True) as response:
        assert response.data
    assert total(client, "ai_client_tokens_total") == total(client, "ai_tokens_total") == 10


@every_stream
def test_a_broken_stream_is_charged_its_prompt_and_its_text(client, upstream, surface):
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in PARTS)
    announce(upstream, surface, body=body, json=None, content_type=EVENT_STREAM)
    with ask(client, surface, streamed=True) as response:
        answer = surface.dialect.stream(response.data)
    assert (answer.text, answer.complete) == ("Hi there.", False)
    assert answer.error
    assert total(client, "ai_client_tokens_total") == PROMPT_TOKENS + 3


@every_stream
def test_a_stream_that_its_client_leaves_is_charged_its_prompt_and_its_text(client, upstream, surface):
    announce(upstream, surface, body=stream([PARTS[0]] * 3), json=None, content_type=EVENT_STREAM)
    route, body = surface.request(streamed=True)
    response = client.post(route, json=body, buffered=False)
    next(response.iter_encoded())
    response.close()
    assert PROMPT_TOKENS + 1 <= total(client, "ai_client_tokens_total") <= PROMPT_TOKENS + 3


@every_call
def test_metrics_and_the_log_line_have_the_operation(client, upstream, surface, caplog):
    caplog.set_level(logging.INFO)
    announce(upstream, surface)
    assert ask(client, surface).status_code == 200
    labels = {"operation": surface.operation, "backend": "openai", "model": "org/small", "outcome": "ok"}
    assert total(client, "ai_requests_total", **labels) == 1
    route = surface.rule or surface.route
    assert total(client, "http_requests_total", method="POST", route=route, status="200") == 1
    line = request_lines(caplog)[0]
    assert (line.operation, line.route, line.status) == (surface.operation, route, 200)
    assert (line.model, line.backend, line.attempts, line.fallback) == ("org/small", "openai", 1, False)
    assert line.prompt_tokens is not None
    assert total(client, "gen_ai_client_operation_duration_seconds_count", gen_ai_request_model="org/small") == 1


@every_conversation
def test_opentelemetrys_metrics_have_the_name_of_the_task(client, upstream, surface):
    announce(upstream, surface)
    assert ask(client, surface).status_code == 200
    name = "text_completion" if surface.task == "complete" else "chat"
    labels = {"gen_ai_operation_name": name, "gen_ai_provider_name": "openai"}
    assert total(client, "gen_ai_client_token_usage_sum", **labels) == 10


@every_stream
def test_the_log_line_of_a_stream_has_its_outcome(client, upstream, surface, caplog):
    caplog.set_level(logging.INFO)
    announce(upstream, surface, body=stream([*PARTS, LAST]), json=None, content_type=EVENT_STREAM)
    with ask(client, surface, streamed=True) as response:
        assert response.data
    line = request_lines(caplog)[0]
    assert (line.operation, line.outcome, line.prompt_tokens, line.completion_tokens) == (
        surface.operation,
        "completed",
        7,
        3,
    )
    assert line.events >= len(PARTS)
    assert total(client, "ai_stream_first_event_seconds_count", operation=surface.operation) == 1


@every_call
def test_a_repeated_idempotency_key_returns_the_stored_response(client, upstream, surface):
    announced = announce(upstream, surface)
    first, second = (ask(client, surface, {"Idempotency-Key": "k"}) for _ in range(2))
    assert first.get_json() == second.get_json()
    assert second.status_code == 200
    assert cache_and_attempts(second) == ("hit", "0")
    assert announced.call_count == 1


@every_surface
def test_a_reused_idempotency_key_is_an_error(client, upstream, surface):
    announce(upstream, surface)
    assert ask(client, surface, {"Idempotency-Key": "k"}).status_code == 200
    refused(ask(client, surface, {"Idempotency-Key": "k"}, **other_text(surface)), surface, 422)


def other_text(surface):
    """Return the field of a request that has the text, with another text."""
    return json.loads(json.dumps(surface.body).replace(PROMPT, "Another."))


@every_call
def test_a_deterministic_response_is_cached(client, upstream, surface):
    announced = announce(upstream, surface)
    statuses = [
        ask(client, surface, headers, **surface.greedy).headers["X-AI-Cache"]
        for headers in ({}, {}, {"Cache-Control": "no-cache"}, {"Cache-Control": "no-store"})
    ]
    assert statuses == ["miss", "hit", "bypass", "bypass"]
    assert announced.call_count == 3


@every_call
def test_the_debug_header_adds_the_attempts(client, upstream, surface):
    announce(upstream, surface)
    response = ask(client, surface, {"X-AI-Debug": "1"})
    assert response.status_code == 200
    body = response.get_json()
    if isinstance(body, dict):
        assert [attempt["outcome"] for attempt in body.pop("debug")["attempts"]] == ["ok"]
    surface.dialect.check(body)


@every_call
def test_a_fallback_answers_for_an_upstream_that_fails(make_client, upstream, surface):
    announce(upstream, surface, status=500)
    announce(upstream, surface)
    response = ask(make_client(FALLBACK_MODELS="openai:org/second"), surface)
    assert response.status_code == 200, response.text
    assert response.headers["X-AI-Fallback"] == "true"
    surface.dialect.check(response.get_json())


@every_call
@pytest.mark.parametrize("timeout", ["1ms", "never"])
def test_a_client_may_shorten_its_deadline(client, upstream, surface, timeout):
    upstream.assert_all_requests_are_fired = False
    announce(upstream, surface)
    response = ask(client, surface, {"X-Request-Timeout": timeout})
    refused(response, surface, 504 if timeout == "1ms" else 400)


BODIES = {
    "no JSON": (b"{", "application/json", 400),
    "no object": (b"[]", "application/json", 400),
    "nothing": (b"", "application/json", 400),
    "another media type": (b"x", "text/plain", 415),
    "deep JSON": (b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "application/json", 400),
    "a large body": (b'{"x": "' + b"x" * 2**24 + b'"}', "application/json", 413),
}


@every_surface
@pytest.mark.parametrize(("data", "content_type", "status"), BODIES.values(), ids=BODIES)
def test_an_invalid_body_is_an_error_in_the_shape_of_the_api(client, surface, data, content_type, status):
    response = client.post(surface.route, data=data, content_type=content_type)
    refused(response, surface, status)


@pytest.mark.parametrize("surface", [surface for surface in SURFACES if surface.needs_text], ids=str)
def test_a_request_without_a_text_is_an_error_in_the_shape_of_the_api(client, surface):
    refused(client.post(surface.route, json={}), surface, 400)


@every_surface
def test_another_method_is_an_error_in_the_shape_of_the_api(client, surface):
    response = client.delete(surface.route)
    refused(response, surface, 405)
    assert "POST" in response.headers["Allow"]


@every_surface
def test_a_page_of_a_named_origin_may_call(make_client, upstream, surface):
    announce(upstream, surface)
    client = make_client(CORS_ORIGINS=ORIGIN)
    preflight = client.options(surface.route, headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 204
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    for response in (
        ask(client, surface, {"Origin": ORIGIN}),
        client.post(surface.route, json={}, headers={"Origin": ORIGIN}),
    ):
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN


@every_surface
def test_a_route_is_documented(client, surface):
    document = client.get("/openapi.json").get_json()
    path = (surface.rule or surface.route).replace("<", "{").replace(">", "}").replace("path:", "")
    operation = document["paths"][path]["post"]
    assert {"200", "400", "401", "429", "502", "504"} <= set(operation["responses"])
