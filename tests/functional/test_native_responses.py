"""Requests of the Responses API before an upstream with a route of its own, and before upstreams without one."""

import json

import pytest
import requests
from support.metrics import total
from support.upstreams import CHAT, EMBEDDED, HUGGINGFACE, OPENAI, ROUTER_CHAT, cache_and_attempts, chat_response, sent

NATIVE = "http://llm.test:8000/v1/responses"
DEDICATED_URL = "https://x.eu-west-1.aws.endpoints.huggingface.cloud"
DEDICATED = {**HUGGINGFACE, "HUGGINGFACE_BASE_URL": DEDICATED_URL}
TEXT = {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [TEXT]}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1_800_000_000,
    "status": "completed",
    "model": "small-2026",
    "output": [MESSAGE],
    "usage": {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10},
}
CREATED = {"type": "response.created", "response": {**RESPONSE, "status": "in_progress", "output": [], "usage": None}}
ADDED = {"type": "response.output_item.added", "output_index": 0, "item": {**MESSAGE, "content": []}}
DELTA = {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": "He"}
COMPLETED = {"type": "response.completed", "response": RESPONSE}
EVENTS = (CREATED, ADDED, DELTA, COMPLETED)
MISSING = (404, {"detail": "Not Found"})


def ask(client, *, headers=None, **body):
    return client.post("/v1/responses", json={"input": "Hi.", **body}, headers=headers)


def event_stream(*events):
    numbered = ({**event, "sequence_number": number} for number, event in enumerate(events))
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in numbered)


def streamed(response):
    lines = response.get_data(as_text=True).splitlines()
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    assert [line[7:] for line in lines if line.startswith("event: ")] == [event["type"] for event in events]
    return events


def add_native(upstream, *events, url=NATIVE, **options):
    if events:
        options |= {"body": event_stream(*events), "content_type": "text/event-stream"}
    return upstream.post(url, **options)


@pytest.fixture
def translated(upstream):
    """The chat route of the upstream."""
    return upstream.post(CHAT, json=chat_response("From the chat."))


def test_the_body_is_passed_through_but_for_the_model(client, upstream):
    add_native(upstream, json={**RESPONSE, "cost": 1})
    body = {
        "instructions": "Be brief.",
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}],
        "reasoning": {"effort": "low"},
        "include": ["reasoning.encrypted_content"],
        "store": False,
        "metadata": {"a": "b"},
        "new_field": [1],
    }
    response = ask(client, model="org/other", **body)
    assert sent(upstream) == {"model": "org/other", "input": "Hi.", **body}
    assert response.get_json()["model"] == "org/other"
    assert response.get_json()["output"] == [MESSAGE]
    assert response.get_json()["cost"] == 1


@pytest.mark.parametrize("stream", [False, True])
def test_the_tokens_are_counted(client, upstream, stream):
    add_native(upstream, *(EVENTS if stream else ()), **({} if stream else {"json": RESPONSE}))
    with ask(client, stream=stream) as response:
        assert response.get_data()
    labels = {"backend": "openai", "model": "org/small", "operation": "responses"}
    for direction, count in (("input", 7), ("output", 3)):
        assert total(client, "ai_tokens_total", **labels, direction=direction) == count


def test_events_are_passed_through(client, upstream):
    add_native(upstream, *EVENTS)
    events = streamed(ask(client, stream=True))
    assert [event["type"] for event in events] == [event["type"] for event in EVENTS]
    assert {event["response"]["model"] for event in events if "response" in event} == {"org/small"}
    assert sent(upstream) == {"model": "org/small", "input": "Hi.", "stream": True}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "body"),
    [MISSING, (405, {}), (501, {"error": {"message": "No."}}), (200, chat_response("From a catch-all server."))],
)
def test_a_server_without_the_route_is_asked_for_it_once(client, upstream, translated, status, body, stream):
    native = add_native(upstream, status=status, json=body)
    for _ in range(2):
        assert ask(client, stream=stream).status_code == 200
    assert (native.call_count, translated.call_count) == (1, 2)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "failure",
    [
        {"status": 400, "json": {"error": {"message": "Unknown field."}}},
        {"status": 422, "json": {"detail": "Bad."}},
        {"status": 500, "json": {"error": "Oops."}},
        {"body": requests.ConnectionError()},
        {"status": 404, "json": {"error": {"message": "Gone", "code": "model_not_found"}}},
    ],
)
def test_another_failure_of_a_route_that_may_not_exist_is_translated_and_forgotten(
    make_client, upstream, translated, failure, stream
):
    client = make_client(HUGGINGFACE_RETRY_ATTEMPTS="3")
    native = add_native(upstream, **failure)
    for _ in range(2):
        response = ask(client, stream=stream)
        assert (response.status_code, response.headers["X-AI-Attempts"]) == (200, "2")
    assert (native.call_count, translated.call_count) == (2, 2)


def test_an_error_after_the_first_event_of_an_unknown_route_is_translated(client, upstream, translated):
    add_native(upstream, CREATED, {"type": "error", "code": "server_error", "message": "It broke."})
    assert ask(client, stream=True).status_code == 200
    assert translated.call_count == 1


def test_errors_of_a_known_route_are_returned(client, upstream):
    add_native(upstream, json=RESPONSE)
    add_native(upstream, status=400, json={"error": {"message": "Too long.", "code": "context_length_exceeded"}})
    assert ask(client).status_code == 200
    response = ask(client)
    assert response.status_code == 400
    assert response.get_json()["error"]["code"] == "context_length_exceeded"


def test_a_known_route_is_retried(make_client, upstream, instantly):
    client = make_client(HUGGINGFACE_RETRY_ATTEMPTS="1")
    for options in ({"json": RESPONSE}, {"status": 500}, {"json": RESPONSE}):
        add_native(upstream, **options)
    assert ask(client).headers["X-AI-Attempts"] == "1"
    assert ask(client).headers["X-AI-Attempts"] == "2"


def test_a_route_that_has_gone_is_translated_from_then_on(client, upstream, translated):
    add_native(upstream, json=RESPONSE)
    gone = add_native(upstream, status=404, json=MISSING[1])
    for _ in range(3):
        assert ask(client).status_code == 200
    assert (gone.call_count, translated.call_count) == (1, 2)


@pytest.mark.parametrize("stream", [False, True])
def test_the_outcome_is_that_of_one_model(client, upstream, translated, stream):
    add_native(upstream, status=404, json=MISSING[1])
    known = add_native(upstream, *(EVENTS if stream else ()), **({} if stream else {"json": RESPONSE}))
    ask(client, model="a", stream=stream)
    ask(client, model="b", stream=stream)
    assert (known.call_count, translated.call_count) == (1, 1)


@pytest.mark.parametrize(
    "end",
    [
        (),
        ({"type": "response.failed", "response": {"error": {"code": "server_error", "message": "Not me."}}},),
        ({"type": "error", "code": "server_error", "message": "Not me."},),
    ],
)
def test_a_stream_that_breaks_ends_with_a_failure_and_an_error(client, upstream, end):
    add_native(upstream, *EVENTS[:-1], *end)
    *begin, failed, error = streamed(ask(client, stream=True))
    assert [event["type"] for event in begin] == [event["type"] for event in EVENTS[:-1]]
    assert (failed["type"], failed["response"]["status"], failed["response"]["id"]) == (
        "response.failed",
        "failed",
        "resp_1",
    )
    assert failed["response"]["error"]["code"] == "server_error"
    assert error["type"] == "error"
    assert error["message"] == error["error"]["message"]
    assert [failed["sequence_number"], error["sequence_number"]] == [3, 4]


def test_a_rate_limit_within_a_stream_has_its_code(client, upstream):
    add_native(upstream, *EVENTS[:-1], {"type": "error", "code": "rate_limit_exceeded", "message": "Slow down."})
    failed, error = streamed(ask(client, stream=True))[-2:]
    assert failed["response"]["error"]["code"] == "rate_limit_exceeded"
    assert error["error"]["type"] == "upstream_rate_limited"


def test_keys_and_hosts_are_removed_from_errors(client, upstream):
    text = "Cannot reach http://llm.test:8000 with sk-secret-of-ours."
    add_native(upstream, *EVENTS[:-1], {"type": "error", "error": {"type": "invalid_request_error", "message": text}})
    data = ask(client, stream=True).get_data(as_text=True)
    assert "sk-secret" not in data
    assert "llm.test" not in data


def test_an_incomplete_response_is_complete_for_the_service(client, upstream):
    end = {**RESPONSE, "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    add_native(upstream, *EVENTS[:-1], {"type": "response.incomplete", "response": end})
    assert streamed(ask(client, stream=True))[-1]["type"] == "response.incomplete"


def test_equal_deterministic_requests_are_cached(client, upstream):
    native = add_native(upstream, json=RESPONSE)
    first, second = (ask(client, temperature=0) for _ in range(2))
    assert [cache_and_attempts(one) for one in (first, second)] == [("miss", "1"), ("hit", "0")]
    assert first.get_json() == second.get_json()
    assert native.call_count == 1


def test_a_fallback_decides_for_itself(make_client, upstream):
    client = make_client({**OPENAI, **HUGGINGFACE}, AI_BACKEND="openai", FALLBACK_MODELS="huggingface:org/other")
    for url in (NATIVE, CHAT):
        upstream.post(url, status=503)
    upstream.post(ROUTER_CHAT, json=chat_response("From the router."))
    response = ask(client)
    assert (response.status_code, response.headers["X-AI-Backend"]) == (200, "huggingface")


def test_a_budget_limits_the_length_of_a_response(make_client, upstream):
    add_native(upstream, json=RESPONSE)
    client = make_client(TOKENS_PER_MINUTE="10000", HUGGINGFACE_MAX_TOKENS="50")
    ask(client, n_predict=1000)
    assert sent(upstream)["max_output_tokens"] == 50
    assert sent(upstream)["n_predict"] == 50


def test_a_budget_keeps_a_lower_limit_of_the_client(make_client, upstream):
    add_native(upstream, json=RESPONSE)
    ask(make_client(TOKENS_PER_MINUTE="10000"), max_output_tokens=20)
    assert sent(upstream)["max_output_tokens"] == 20


@pytest.mark.parametrize(
    "field",
    [
        {"previous_response_id": "resp_0"},
        {"conversation": "conv_1"},
        {"background": True},
        {"tools": [{"type": "code_interpreter"}]},
    ],
)
def test_what_needs_state_or_tools_of_the_upstream_is_refused(client, field):
    response = ask(client, **field)
    assert response.status_code == 400
    assert response.get_json()["error"]["param"] == next(iter(field))


def test_the_router_and_the_engine_are_never_asked_for_it(make_client, upstream):
    upstream.post(ROUTER_CHAT, json=chat_response("From the router."))
    upstream.post("http://127.0.0.1:9/v1/chat/completions", json=chat_response("From the engine."))
    for base in (HUGGINGFACE, EMBEDDED):
        assert ask(make_client(base)).status_code == 200


def test_a_dedicated_endpoint_is_asked_for_it(make_client, upstream):
    add_native(upstream, url=f"{DEDICATED_URL}/v1/responses", json=RESPONSE)
    assert ask(make_client(DEDICATED, OPENAI_RESPONSES="translate")).get_json()["output"] == [MESSAGE]


def test_translate_asks_no_upstream_for_it(make_client, translated):
    assert ask(make_client(OPENAI_RESPONSES="translate")).status_code == 200
    assert translated.call_count == 1


def test_llama_cpp_is_asked_for_chats_unless_the_setting_says_native(make_client, upstream, translated):
    native = add_native(upstream, json=RESPONSE, headers={"Server": "llama.cpp"})
    assert ask(make_client()).status_code == 200
    assert translated.call_count == 1
    assert ask(make_client(OPENAI_RESPONSES="native")).get_json()["output"] == [MESSAGE]
    assert native.call_count == 2


def test_native_says_which_setting_is_wrong(make_client, upstream):
    add_native(upstream, status=404, json=MISSING[1])
    response = ask(make_client(OPENAI_RESPONSES="native"))
    assert response.status_code == 501
    assert "OPENAI_RESPONSES" in response.get_json()["error"]["message"]


def test_native_returns_the_errors_of_the_upstream(make_client, upstream):
    add_native(upstream, status=429, json={"error": {"message": "Slow down."}})
    assert ask(make_client(OPENAI_RESPONSES="native")).status_code == 429
