"""OpenAI's routes: what is passed through, what is an error, and the shape of responses and errors."""

import base64
import json
import struct

import pytest
from support.calls import refused
from support.streams import parse_stream
from support.upstreams import (
    CHAT,
    EMBEDDED,
    HUGGINGFACE,
    OPENAI,
    PIPELINE,
    ROUTER_CHAT,
    ROUTER_MODELS,
    chat_response,
    sent,
    stream,
)

from app.backends.responses.token_estimate import estimated_tokens
from app.config.encoder_models import EMBEDDING_MODELS
from app.web.error_shapes import shape_of
from app.web.error_shapes.openai import OPENAI as OPENAI_ERRORS

BASE = "http://llm.test:8000/v1"
COMPLETIONS = f"{BASE}/completions"
EMBEDDINGS = f"{BASE}/embeddings"
MODELS = f"{BASE}/models"
HI = [{"role": "user", "content": "Hi."}]
ENGINE = "http://127.0.0.1:9/v1"
DEDICATED = {**HUGGINGFACE, "HUGGINGFACE_BASE_URL": "https://x.eu-west-1.aws.endpoints.huggingface.cloud"}
FEATURES = "sentence-transformers/all-MiniLM-L6-v2"


def chat(client, **body):
    return client.post("/v1/chat/completions", json={"messages": HI, **body})


def embed(client, given="Hi.", **body):
    return client.post("/v1/embeddings", json={"input": given, **body})


def chunk(content, reason=None, **extra):
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": reason}
    return {
        "id": "x",
        "created": 1,
        "object": "chat.completion.chunk",
        "model": "org/small",
        "choices": [choice],
        **extra,
    }


def test_a_response_has_all_fields_of_openai(client, upstream):
    upstream.post(CHAT, json=chat_response("Hello."))
    body = chat(client).get_json()
    assert body["object"] == "chat.completion"
    assert body["model"] == "org/small"
    assert body["id"].startswith("chatcmpl-")
    assert isinstance(body["created"], int)
    [choice] = body["choices"]
    assert choice["message"] == {"role": "assistant", "content": "Hello."}
    assert (choice["index"], choice["finish_reason"], choice["logprobs"]) == (0, "stop", None)
    assert body["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def test_unknown_fields_are_passed_through_both_ways(client, upstream):
    response = {**chat_response("Hello.", stop_reason=7), "service_tier": "flex", "timings": {"a": [1]}}
    response["choices"][0]["message"] |= {"reasoning": "Hm.", "annotations": []}
    response["usage"]["prompt_tokens_details"] = {"cached_tokens": 2}
    upstream.post(CHAT, json=response)
    given = {
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
        "tool_choice": "auto",
        "response_format": {"type": "json_object"},
        "reasoning_effort": "low",
        "logit_bias": {"50256": -100},
        "n": 1,
        "user": "me",
        "whatever": {"comes": ["next", None]},
    }
    body = chat(client, **given).get_json()
    assert sent(upstream) == {"model": "org/small", "messages": HI, **given}
    assert (body["service_tier"], body["timings"]) == ("flex", {"a": [1]})
    assert body["choices"][0]["message"]["reasoning"] == "Hm."
    assert body["choices"][0]["stop_reason"] == 7
    assert body["usage"]["prompt_tokens_details"] == {"cached_tokens": 2}


def test_a_known_field_with_null_counts_as_absent(client, upstream):
    upstream.post(CHAT, json=chat_response("Hello."))
    nulls = dict.fromkeys(["model", "max_tokens", "temperature", "top_p", "stop", "seed", "stream", "stream_options"])
    assert chat(client, **nulls).status_code == 200
    assert sent(upstream) == {"model": "org/small", "messages": HI}


@pytest.mark.parametrize(
    ("field", "values"),
    {
        "messages": [None, [], "Hi.", [1], [{}], [{"role": ""}], [{"role": "user", "content": 5}], [{"content": "x"}]],
        "max_tokens": [-1, "5", 1.5, True],
        "max_completion_tokens": [-1, "5"],
        "temperature": [-0.1, 2.1, "1"],
        "top_p": [1.1, "1"],
        "frequency_penalty": [3],
        "presence_penalty": [-3],
        "stop": [7, {}, ["a", 1]],
        "seed": [2**63, "1"],
        "stream": ["true", 1],
        "stream_options": [1, True, {"include_usage": "yes"}],
        "model": ["../x", 5],
        "n": ["x", 0.5, []],
        "tools": [5, {}, "x", [1], [{"type": 5}], [{"type": "function", "function": 5}]],
        "tool_choice": [5, [], True],
        "functions": [{}, [5]],
        "function_call": [5],
        "parallel_tool_calls": ["yes"],
        "response_format": ["json", 5, [], {"type": 5}, {"type": "json_schema", "json_schema": 5}],
        "logit_bias": [5, "x", {"1": "x"}, [5]],
        "logprobs": [5, "x"],
        "top_logprobs": ["x", True],
        "user": [5],
        "modalities": ["text", [5]],
        "metadata": [5],
        "reasoning_effort": [{}],
    }.items(),
)
def test_known_fields_are_validated(client, field, values):
    for value in values:
        error = refused(chat(client, **{field: value}))
        assert (error["type"], error["param"]) == ("validation_error", field)
        assert field in error["message"]


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "a\x00b"}],
        [{"role": "user", "content": ["a\x00b"]}],
        [{"role": "user", "content": [{"type": "text", "text": "a\x00b"}]}],
        [{"role": "user", "content": [5]}],
        [{"role": "user", "content": [None]}],
        [{"role": "user"}] * 10_001,
    ],
)
def test_a_conversation_of_another_shape_is_an_error(client, messages):
    assert refused(chat(client, messages=messages))["param"] == "messages"


def test_the_faults_of_a_conversation_are_counted_up_to_a_limit(client):
    message = refused(chat(client, messages=[{}] * 10_000))["message"]
    assert message.count("it must have a role.") == 100


PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1024**2}}


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": ""}]},
        {"messages": [{"role": "user", "content": " "}]},
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [{"role": "user", "content": []}]},
        {"messages": [{"role": "user", "content": ["Hi.", {"type": "text", "text": "Ho."}]}]},
        {"messages": [{"role": "user", "content": {"type": "text", "text": "Hi."}}]},
        {"messages": [{"role": "user", "content": [PICTURE]}]},
        {"messages": [{"role": "user", "content": "x" * 400_000}, {"role": "assistant", "content": "x" * 400_000}]},
        {"max_tokens": 0},
        {"stop": []},
        {"stop": ""},
        {"stop": "x" * 300},
        {"stop": ["a"] * 5},
        {"tools": []},
        {"tools": [{"type": "custom", "custom": {"name": "x"}}]},
        {"tool_choice": "auto"},
        {"response_format": {"type": "text"}},
        {"logit_bias": {"1": -100, "2": False}},
        {"logit_bias": [[1, -100]]},
    ],
    ids=lambda body: repr(body)[:60],
)
def test_the_upstream_judges_the_values_that_its_client_sent(client, upstream, body):
    upstream.post(CHAT, json=chat_response("Hi."))
    assert chat(client, **body).status_code == 200
    request = json.loads(upstream.calls[0].request.body)
    assert {name: request[name] for name in body} == body


@pytest.mark.parametrize("model", ["", "http://localhost/v1", "HTTP://LOCALHOST:8080/v1/chat/completions"])
def test_an_empty_model_and_the_url_of_the_service_stand_for_the_default(client, upstream, model):
    upstream.post(CHAT, json=chat_response("Hi."))
    assert chat(client, model=model).status_code == 200
    assert client.post("/v1/text/generate", json={"prompt": "x", "model": model}).status_code == 200
    assert [json.loads(call.request.body)["model"] for call in upstream.calls] == ["org/small", "org/small"]


@pytest.mark.parametrize("model", ["http://evil.test/v1", "http://[", "http:/localhost"])
def test_another_url_is_no_model(client, model):
    assert refused(chat(client, model=model))["param"] == "model"


SCHEMA = {"type": "object", "properties": {"schema": {"type": "string"}}}


@pytest.mark.parametrize(
    "given",
    [
        {"type": "json", "value": SCHEMA},
        {"type": "json_object", "value": SCHEMA},
        {"type": "json_schema", "value": SCHEMA},
        {"type": "json", "value": json.dumps(SCHEMA)},
        {"type": "json_schema", "value": {"name": "response", "schema": SCHEMA}},
    ],
)
@pytest.mark.parametrize(
    ("settings", "route"), [(OPENAI, CHAT), (EMBEDDED, f"{ENGINE}/chat/completions"), (HUGGINGFACE, ROUTER_CHAT)]
)
def test_a_response_format_of_tgi_is_sent_in_openais_form(make_client, upstream, given, settings, route):
    upstream.post(route, json=chat_response("{}"))
    assert chat(make_client(settings), response_format=given).status_code == 200
    expected = {"type": "json_schema", "json_schema": {"name": "response", "schema": SCHEMA}}
    assert sent(upstream)["response_format"] == expected


@pytest.mark.parametrize(
    "given",
    [
        {"type": "text"},
        {"type": "json_object"},
        {"type": "json_object", "schema": SCHEMA},
        {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}},
        {"type": "regex", "value": "[a-z]+"},
        {"type": "json", "value": "not JSON"},
        {"type": "json", "value": 5},
        {"type": "json", "value": "5"},
    ],
)
def test_any_other_response_format_is_sent_unchanged(client, upstream, given):
    upstream.post(CHAT, json=chat_response("{}"))
    assert chat(client, response_format=given).status_code == 200
    assert sent(upstream)["response_format"] == given


def test_a_dedicated_endpoint_gets_the_response_format_of_tgi_unchanged(make_client, upstream):
    upstream.post(f"{DEDICATED['HUGGINGFACE_BASE_URL']}/v1/chat/completions", json=chat_response("{}"))
    given = {"type": "json", "value": SCHEMA}
    assert chat(make_client(DEDICATED), response_format=given).status_code == 200
    assert sent(upstream)["response_format"] == given


def test_all_errors_of_a_request_are_in_the_message(client):
    message = refused(client.post("/v1/chat/completions", json={"temperature": 9, "n": 2}))["message"]
    assert "temperature" in message
    assert "messages: Missing data for required field." in message


def test_routing_and_body_errors_have_openais_shape(client):
    refused(client.get("/v1/chat/completions"), 405, "method_not_allowed")
    refused(client.post("/v1/completions", data="x"), 415, "unsupported_media_type")
    too_large = client.post("/v1/embeddings", data=b" " * (16 * 1024**2 + 1), content_type="application/json")
    refused(too_large, 413, "payload_too_large")
    assert client.post("/v1/models/validate").get_json()["type"] == "method_not_allowed"


@pytest.mark.parametrize(
    ("status", "expected", "kind"),
    [
        (401, 502, "upstream_authentication_error"),
        (404, 404, "model_not_found"),
        (422, 422, "upstream_rejected"),
        (429, 429, "upstream_rate_limited"),
        (500, 502, "upstream_unavailable"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_upstream_error_becomes_a_status_with_and_without_a_stream(client, upstream, status, expected, kind, streamed):
    upstream.post(CHAT, status=status, json={"error": {"message": "Too much at http://llm.test."}})
    response = chat(client, stream=streamed)
    error = refused(response, expected, kind)
    assert "llm.test" not in error["message"]
    assert ("Retry-After" in response.headers) == (status == 429)


def test_debug_is_beside_the_error_object(client, upstream):
    upstream.post(CHAT, status=500)
    body = client.post("/v1/chat/completions", json={"messages": HI}, headers={"X-AI-Debug": "1"}).get_json()
    [attempt] = body["debug"]["attempts"]
    assert attempt["outcome"] == "upstream_unavailable"
    assert "debug" not in body["error"]["message"]


def test_a_deterministic_response_is_cached(client, upstream):
    upstream.post(CHAT, json=chat_response("Hello."))
    first, second = chat(client, temperature=0), chat(client, temperature=0)
    assert (first.headers["X-AI-Cache"], second.headers["X-AI-Cache"]) == ("miss", "hit")
    assert first.get_json() | {"id": "", "created": 0} == second.get_json() | {"id": "", "created": 0}


def test_events_of_a_stream_are_forwarded_unchanged(client, upstream):
    events = [chunk("Hel"), chunk("lo.", "stop")]
    upstream.post(CHAT, body=stream(events), content_type="text/event-stream")
    response = chat(client, stream=True)
    assert response.data == stream(events).encode()
    assert response.mimetype == "text/event-stream"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.headers["Cache-Control"] == "no-cache, no-transform"
    assert response.headers["X-AI-Cache"] == "bypass"
    assert sent(upstream) == {
        "model": "org/small", "messages": HI, "stream": True, "stream_options": {"include_usage": True}
    }  # fmt: skip
    assert upstream.calls[0].request.headers["Accept-Encoding"] == "identity"


USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


@pytest.mark.parametrize(
    "events",
    [
        [chunk("Hi", usage={**USAGE, "completion_tokens": 1}), chunk("", "stop", usage=USAGE)],
        [chunk("Hi", "stop"), {"choices": [], "usage": USAGE}],
        [chunk("Hi", usage=None), chunk("", "stop", x_groq={"id": "r", "usage": USAGE})],
        [chunk("Hi", "stop", usage=USAGE), chunk("", usage=None)],
    ],
)
def test_the_last_usage_of_a_stream_is_sent_at_the_end_if_requested(client, upstream, events):
    upstream.post(CHAT, body=stream(events), content_type="text/event-stream")
    with_it = parse_stream(chat(client, stream=True, stream_options={"include_usage": True, "more": 1}).data)
    without = parse_stream(chat(client, stream=True).data)
    assert with_it.usages == [USAGE]
    assert with_it.events[-1]["choices"] == []
    assert without.usages == []
    assert sent(upstream, 0)["stream_options"] == {"include_usage": True, "more": 1}


def test_missing_usage_of_a_stream_is_estimated_and_marked(client, upstream):
    upstream.post(CHAT, body=stream([chunk("Hello", "stop")]), content_type="text/event-stream")
    [usage] = parse_stream(chat(client, stream=True, stream_options={"include_usage": True}).data).usages
    assert usage == {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3, "estimated": True}


def test_missing_usage_of_a_stream_with_a_long_prompt_is_estimated_from_all_of_it(client, upstream):
    upstream.post(CHAT, body=stream([chunk("Hello", "stop")]), content_type="text/event-stream")
    prompt = [{"role": "user", "content": "word " * 50_000}]
    response = chat(client, messages=prompt, stream=True, stream_options={"include_usage": True})
    [usage] = parse_stream(response.data).usages
    assert usage == {"prompt_tokens": 50_000, "completion_tokens": 1, "total_tokens": 50_001, "estimated": True}


@pytest.mark.parametrize("body", ["event", "whole"])
def test_the_api_key_is_removed_from_streams(make_client, upstream, body):
    client = make_client(OPENAI_API_KEY="sk-a/b")
    for key in ("sk-a/b", "sk-a\\/b"):
        text = json.dumps(chunk("KEY", "stop")).replace("KEY", key)
        whole = json.dumps(chat_response("KEY")).replace("KEY", key)
        given = (f"data: {text}\n\n", "text/event-stream") if body == "event" else (whole, "application/json")
        upstream.post(CHAT, body=given[0], content_type=given[1])
        response = chat(client, stream=True)
        assert parse_stream(response.data).text == "[removed]"
        assert b"a/b" not in response.data.replace(b"\\", b"")


def test_upstream_hosts_are_removed_from_errors_but_not_from_text(client, upstream):
    error = {"error": {"message": "cannot reach llm.test", "code": 400}}
    upstream.post(CHAT, body=stream([chunk("At llm.test."), error]), content_type="text/event-stream")
    response = parse_stream(chat(client, stream=True).data)
    assert response.text == "At llm.test."
    assert "cannot reach [removed]" in response.events[-1]["error"]["message"]
    upstream.replace(upstream.POST, CHAT, json=error)
    assert "llm.test" not in chat(client).get_data(as_text=True)


def test_a_truncated_unrequested_stream_is_a_502(client, upstream):
    upstream.post(CHAT, body=stream([chunk("Hel")]).removesuffix("data: [DONE]\n\n"), content_type="text/event-stream")
    refused(chat(client), 502, "upstream_invalid_response")


def test_chunks_of_tool_calls_are_joined_and_null_fields_ignored(client, upstream):
    def piece(*calls, **extra):
        return {"choices": [{"index": 0, "delta": {"tool_calls": list(calls), **extra}}], "system_fingerprint": "fp"}

    def part(number, arguments, **extra):
        return {"index": number, "function": {"arguments": arguments, "name": f"f{number}"}, **extra}

    events = [
        piece(part(0, "{", id="a"), part(1, "[", id="b"), token_id=5),
        piece(part(0, "}"), part(1, "]"), token_id=None),
        {**chunk("", "tool_calls"), "system_fingerprint": None},
    ]
    upstream.post(CHAT, body=stream(events), content_type="text/event-stream")
    body = chat(client).get_json()
    message = body["choices"][0]["message"]
    calls = [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in message["tool_calls"]]
    assert calls == [("a", "f0", "{}"), ("b", "f1", "[]")]
    assert (message["token_id"], body["system_fingerprint"]) == (5, "fp")


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([{"index": 0, "id": "a", "function": {"name": "f"}}, {"index": 0, "function": {"name": "f"}}], [0, 0]),
        ([{"function": {"name": "f"}}, {"function": {"name": "g"}}], [0, 1]),
        ([{"id": "a", "function": {"name": "f"}}, {"id": "b", "function": {"name": "g"}}], [0, 1]),
        ([{"id": "a", "function": {"name": "f"}}, {"function": {"arguments": "{}"}}], [0, 0]),
        ([{"index": 0, "id": "a", "function": {"name": "f"}}, {"index": 0, "id": "b", "function": {}}], [0, 1]),
    ],
)
def test_chunks_of_tool_calls_are_matched_by_index_and_id(client, upstream, calls, expected):
    events = [{"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]} for call in calls]
    upstream.post(CHAT, body=stream([*events, chunk("", "stop")]), content_type="text/event-stream")
    deltas = [event["choices"][0]["delta"] for event in parse_stream(chat(client, stream=True).data).events]
    given = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert [call["index"] for call in given] == expected
    assert ["name" in call["function"] for call in given] == ["id" in call for call in given] or "name" not in calls[1][
        "function"
    ]


@pytest.mark.parametrize("calls", ["x", [1], [{}], [{"function": 5}]])
def test_invalid_tool_calls_are_a_502(client, upstream, calls):
    upstream.post(CHAT, json={"choices": [{"index": 0, "message": {"tool_calls": calls}, "finish_reason": "stop"}]})
    refused(chat(client), 502, "upstream_invalid_response")


def test_older_forms_of_tool_calls_are_normalized(client, upstream):
    call = {"id": 0, "type": "function", "function": {"name": "f", "description": None, "parameters": {"a": 1}}}
    other = {"function": {"name": None, "arguments": {"b": 2}}}
    message = {"role": "assistant", "tool_calls": [call, other]}
    upstream.post(CHAT, json={"choices": [{"index": 0, "message": message, "finish_reason": "eos_token"}]})
    first, second = chat(client).get_json()["choices"][0]["message"]["tool_calls"]
    assert (first["id"], first["function"]["arguments"]) == ("0", '{"a":1}')
    assert second["id"].startswith("call_")
    assert second["function"] == {"arguments": '{"b":2}'}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"delta": {"content": "x"}, "finish_reason": None}, {"index": 0, "delta": {"content": "x"}}),
        ({"index": 0, "delta": {"content": [{"type": "text", "text": "x"}]}}, {"index": 0, "delta": {"content": "x"}}),
        ({"index": 0, "delta": {"content": "x"}, "finish_reason": 5}, {"index": 0, "delta": {"content": "x"}}),
    ],
)
def test_an_incomplete_choice_is_normalized(client, upstream, event, expected):
    names = {"id": "x", "created": 1, "object": "chat.completion.chunk", "model": "org/small"}
    upstream.post(CHAT, body=stream([{**names, "choices": [event]}]), content_type="text/event-stream")
    choice = parse_stream(chat(client, stream=True).data).events[0]["choices"][0]
    assert {name: choice[name] for name in expected} == expected
    assert choice.get("finish_reason") is None


def test_an_event_with_null_usage_is_forwarded_unchanged(client, upstream):
    events = [chunk("Hi", usage=None), chunk("", "stop", usage=None)]
    upstream.post(CHAT, body=stream(events), content_type="text/event-stream")
    assert chat(client, stream=True).data == stream(events).encode()


@pytest.mark.parametrize("streamed", [False, True])
def test_a_too_deeply_nested_response_is_a_502(client, upstream, streamed):
    deep = "[" * 252 + "]" * 252
    text = json.dumps(chunk("Hi", "stop", deep="DEEP")).replace('"DEEP"', deep)
    upstream.post(CHAT, body=f"data: {text}\n\n", content_type="text/event-stream")
    refused(chat(client, stream=streamed), 502, "upstream_invalid_response")


def test_a_too_deeply_nested_request_is_an_error(client):
    body = b'{"messages": [{"role": "user", "content": "x"}], "deep": ' + b"[" * 251 + b"]" * 251 + b"}"
    response = client.post("/v1/chat/completions", data=body, content_type="application/json")
    assert refused(response)["param"] == "body"


@pytest.mark.parametrize("model", [None, [1], {"a": 1}, "x\r\ny", "模型", "\x7f"])
@pytest.mark.parametrize("streamed", [False, True])
def test_an_invalid_model_name_in_a_response_is_accepted(make_client, upstream, model, streamed):
    responses = {CHAT: chat_response("Hi."), COMPLETIONS: {"choices": [{"text": "a", "finish_reason": "stop"}]}}
    for url, response in responses.items():
        upstream.post(url, json=response if model is None else {**response, "model": model})
    upstream.post(EMBEDDINGS, json={"data": [{"embedding": [1]}], "model": model})
    client = make_client(OPENAI_DEFAULT_MODEL="")
    given = [
        chat(client, stream=streamed),
        client.post("/v1/completions", json={"prompt": "x", "stream": streamed}),
        embed(client),
    ]
    assert [response.status_code for response in given] == [200] * 3
    assert isinstance(given[2].get_json()["model"], str)


def test_an_error_in_the_first_event_is_a_status(client, upstream):
    event = {"error": {"message": "grammar is not supported", "http_status_code": 422}}
    upstream.post(CHAT, body=stream([event]), content_type="text/event-stream")
    assert "grammar is not supported" in refused(chat(client, stream=True), 422, "upstream_rejected")["message"]


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"error": {"message": "Too long.", "code": 400}}, "upstream_rejected"),
        ({"error": "Out of memory", "error_type": "generation"}, "upstream_unavailable"),
        ({"object": "error", "message": "No.", "code": 400}, "upstream_rejected"),
        ({"error": {"message": "Slow down.", "code": 429}}, "upstream_rate_limited"),
        ("rubbish", "upstream_invalid_response"),
        ({"choices": [5]}, "upstream_invalid_response"),
        ({"choices": [{"delta": 5}]}, "upstream_invalid_response"),
        (chunk("x", "error"), "upstream_unavailable"),
    ],
)
def test_a_later_error_ends_the_stream_with_one_error_event_and_without_done(client, upstream, event, kind):
    upstream.post(CHAT, body=stream([chunk("Hel"), event, chunk("lo.", "stop")]), content_type="text/event-stream")
    response = parse_stream(chat(client, stream=True).data)
    assert (response.text, response.errors, response.done) == ("Hel", [kind], False)
    assert set(response.events[-1]["error"]) == {"message", "type", "param", "code"}


def test_a_response_without_a_stream_is_forwarded_as_one_chunk(client, upstream):
    upstream.post(CHAT, json=chat_response("Hello."))
    response = parse_stream(chat(client, stream=True, stream_options={"include_usage": True}).data)
    assert (response.text, response.finish_reasons, response.done) == ("Hello.", ["stop"], True)
    assert response.usages == [USAGE]
    assert response.events[0]["object"] == "chat.completion.chunk"


@pytest.mark.parametrize("body", ["<html>", "", "null", "[]", '{"choices": []}', '{"choices": [{"message": {}}]}'])
def test_an_invalid_response_to_a_stream_request_is_a_502(client, upstream, body):
    upstream.post(CHAT, body=body, content_type="application/json")
    response = chat(client, stream=True)
    if "message" in body:
        assert response.status_code == 200
    else:
        refused(response, 502, "upstream_invalid_response")


def test_the_size_of_a_response_to_a_stream_request_is_limited(client, upstream, monkeypatch):
    monkeypatch.setattr("app.upstream.stream.MAX_RESPONSE_BYTES", 1000)
    upstream.post(CHAT, json=chat_response("x" * 1000))
    refused(chat(client, stream=True), 502, "upstream_invalid_response")


def test_an_unrequested_stream_is_aggregated(client, upstream):
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a"'}}
    more = {"index": 0, "function": {"arguments": ": 1}"}}
    events = [
        chunk("Hel", system_fingerprint="fp"),
        {"choices": [{"index": 1, "delta": {"content": "Ho"}, "finish_reason": "length"}]},
        {"choices": [{"index": 0, "delta": {"content": "lo.", "reasoning": "Hm", "tool_calls": [call]}}]},
        {"choices": [{"index": 0, "delta": {"reasoning": "m.", "tool_calls": [more], "token_id": 5}}]},
        chunk("", "tool_calls"),
    ]
    upstream.post(CHAT, body=stream(events), content_type="text/event-stream")
    body = chat(client).get_json()
    assert (body["object"], body["system_fingerprint"]) == ("chat.completion", "fp")
    first, second = body["choices"]
    assert first["message"] == {
        "role": "assistant",
        "content": "Hello.",
        "reasoning": "Hmm.",
        "token_id": 5,
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}],
    }
    assert (first["finish_reason"], second["finish_reason"]) == ("tool_calls", "length")
    assert second["message"]["content"] == "Ho"


@pytest.mark.parametrize("streamed", [False, True])
def test_a_text_beside_the_message_is_ignored(client, upstream, streamed):
    part = {"delta" if streamed else "message": {"role": "assistant", "content": "Hi."}}
    response = {"choices": [{"index": 0, "text": "Hi.", "finish_reason": "stop", **part}]}
    given = {"body": stream([response]), "content_type": "text/event-stream"} if streamed else {"json": response}
    upstream.post(CHAT, **given)
    assert chat(client).get_json()["choices"][0]["message"]["content"] == "Hi."


def test_logprobs_of_a_stream_are_aggregated(make_client, upstream):
    def piece(token):
        choice = {"index": 0, "delta": {"content": token}, "logprobs": {"content": [{"token": token}], "refusal": None}}
        return {"choices": [choice]}

    upstream.post(f"{ENGINE}/chat/completions", body=stream([piece("a"), piece("b")]), content_type="text/event-stream")
    choice = chat(make_client(EMBEDDED), logprobs=True).get_json()["choices"][0]
    assert choice["logprobs"] == {"content": [{"token": "a"}, {"token": "b"}], "refusal": None}
    assert choice["finish_reason"] == "stop"


@pytest.mark.parametrize("prompt", ["One,", ["One,", "Two,"], [1, 2, 3], [[1, 2], [3]]])
def test_completions_accept_every_form_of_prompt(client, upstream, prompt):
    choice = {"index": 0, "text": " two", "finish_reason": "length", "logprobs": {"tokens": [" two"]}}
    upstream.post(COMPLETIONS, json={"choices": [choice], "usage": USAGE})
    body = client.post("/v1/completions", json={"prompt": prompt, "echo": True}).get_json()
    assert sent(upstream) == {"model": "org/small", "prompt": prompt, "echo": True}
    assert (body["object"], body["choices"]) == ("text_completion", [choice])


@pytest.mark.parametrize("streamed", [False, True])
def test_logprobs_of_completions_have_openais_legacy_form(make_client, upstream, streamed):
    def piece(*tokens):
        entries = [
            {"token": token, "logprob": -1, "top_logprobs": [{"token": token, "logprob": -1}]} for token in tokens
        ]
        return {"choices": [{"index": 0, "text": "".join(tokens), "logprobs": {"content": entries}}]}

    events = [piece(" a", "é"), piece("b"), piece(), {"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]}]
    upstream.post(f"{ENGINE}/completions", body=stream(events), content_type="text/event-stream")
    asked = {"prompt": "x", "logprobs": 1, "stream": streamed}
    response = make_client(EMBEDDED).post("/v1/completions", json=asked)
    if streamed:
        logprobs = [event["choices"][0]["logprobs"] for event in parse_stream(response.data).events[:3]]
        assert [one["text_offset"] for one in logprobs] == [[0, 2], [3], []]
    else:
        assert response.get_json()["choices"][0]["logprobs"] == {
            "tokens": [" a", "é", "b"],
            "token_logprobs": [-1, -1, -1],
            "top_logprobs": [{" a": -1}, {"é": -1}, {"b": -1}],
            "text_offset": [0, 2, 3],
        }


@pytest.mark.parametrize("prompt", [None, [], [1, "a"], [[1], "a"], [[]], [-1], [2**31], [1.5], [True], {}, 5, "\x00"])
def test_invalid_prompts_are_an_error(client, prompt):
    assert refused(client.post("/v1/completions", json={"prompt": prompt}))["param"] == "prompt"


@pytest.mark.parametrize("given", [["x"] * 2049, [[1]] * 2049])
def test_inputs_above_the_limit_are_an_error(client, given):
    assert refused(embed(client, given))["param"] == "input"


@pytest.mark.parametrize(
    "prompt", ["", " ", ["", "a"], "x" * 1024**2, [1] * 300_000, [[1] * 1000] * 300, ["x" * 1000] * 2048]
)
def test_the_upstream_judges_the_length_of_prompts(client, upstream, prompt):
    upstream.post(COMPLETIONS, json={"choices": [{"index": 0, "text": "b"}], "usage": USAGE})
    assert client.post("/v1/completions", json={"prompt": prompt}).status_code == 200
    assert json.loads(upstream.calls[0].request.body)["prompt"] == prompt


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[' + b"1," * 524_000 + b"1]}",
        b'{"messages":[' + b"{}," * 300_000 + b"{}]}",
        b'{"prompt":[' + b"[1]," * 200_000 + b"[1]]}",
        b'{"prompt":["' + b'a","' * 500_000 + b'a"]}',
        b"{" + b'"":1,' * 110_000 + b'"":1}',
    ],
    ids=lambda body: repr(body[:30]),
)
@pytest.mark.parametrize("route", ["/v1/chat/completions", "/v1/completions", "/v1/embeddings"])
def test_a_body_of_too_many_values_is_an_error(client, route, body):
    assert refused(client.post(route, data=body, content_type="application/json"))["param"] == "body"


def test_a_body_of_too_many_fields_is_an_error(client):
    fields = {str(number): 1 for number in range(80_000)}
    for route in ("/v1/chat/completions", "/v1/text/generate"):
        message = refused(client.post(route, json=fields))
        assert "256 fields" in str(message)


def test_values_within_texts_do_not_count(client, upstream):
    upstream.post(CHAT, json=chat_response("Hi."))
    code = '[{"a":1},\\"\n' * 500_000
    assert chat(client, messages=[{"role": "user", "content": code}]).status_code == 200


def test_completions_stream_text(client, upstream):
    events = [{"choices": [{"index": 0, "text": text, "finish_reason": None}]} for text in (" two", ", three")]
    last = {"choices": [{"index": 0, "finish_reason": "eos_token"}]}
    upstream.post(COMPLETIONS, body=stream([*events, last]), content_type="text/event-stream")
    response = parse_stream(client.post("/v1/completions", json={"prompt": "One,", "stream": True}).data)
    assert (response.text, response.finish_reasons, response.done) == (" two, three", ["stop"], True)
    assert {event["object"] for event in response.events} == {"text_completion"}


@pytest.mark.parametrize("streamed", [False, True])
def test_completions_use_the_chat_route_if_there_is_no_completions_route(client, upstream, make_client, streamed):
    upstream.post(COMPLETIONS, status=404)
    for url in (CHAT, ROUTER_CHAT):
        upstream.post(url, json=chat_response(" two"))
    for one in (client, make_client(HUGGINGFACE)):
        response = one.post("/v1/completions", json={"prompt": "One,", "stream": streamed, "top_k": 3})
        if streamed:
            assert parse_stream(response.data).text == " two"
        else:
            [choice] = response.get_json()["choices"]
            assert (choice["text"], "message" in choice) == (" two", False)
        assert sent(upstream)["messages"][1] == {"role": "user", "content": "One,"}
        assert sent(upstream)["top_k"] == 3


@pytest.mark.parametrize("body", [{"prompt": [1]}, {"prompt": "a", "suffix": "b"}])
def test_a_completion_that_chat_cannot_do_is_a_501(make_client, body):
    response = make_client(HUGGINGFACE).post("/v1/completions", json=body)
    refused(response, 501, "not_supported")


def vectors(*given, **extra):
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(given)]
    return {
        "object": "list",
        "data": data,
        "model": "theirs",
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
        **extra,
    }


def test_embeddings_have_openais_shape(client, upstream):
    upstream.post(EMBEDDINGS, json=vectors([0.5, -1], [2, 0.25], extra=1))
    body = embed(client, ["a", "b"], dimensions=2, encoding_format="float", user="me").get_json()
    assert sent(upstream) == {"model": "org/small", "input": ["a", "b"], "dimensions": 2, "user": "me"}
    assert body == vectors([0.5, -1], [2, 0.25], extra=1) | {"model": "org/small"}


def test_embeddings_are_encoded_as_requested_and_cached(client, upstream):
    upstream.post(EMBEDDINGS, json=vectors([0.5, -1]))
    encoded, plain = embed(client, encoding_format="base64"), embed(client)
    data = base64.b64decode(encoded.get_json()["data"][0]["embedding"])
    assert struct.unpack("<2f", data) == (0.5, -1)
    assert plain.get_json()["data"][0]["embedding"] == [0.5, -1]
    assert plain.headers["X-AI-Cache"] == "hit"


@pytest.mark.parametrize(
    "response",
    [
        {}, [], {"data": []}, {"choices": []}, {"data": [5]}, {"data": [{}]}, {"data": [{"embedding": []}]},
        {"data": [{"embedding": "AA"}]}, {"data": [{"embedding": [None]}]}, vectors([1], [2]), {"data": None},
    ],
)  # fmt: skip
def test_invalid_embeddings_are_a_502(client, upstream, response):
    upstream.post(EMBEDDINGS, json=response)
    refused(embed(client), 502, "upstream_invalid_response")


def test_an_error_instead_of_embeddings_is_reported(client, upstream):
    upstream.post(EMBEDDINGS, json={"error": {"message": "Too long.", "code": 400}})
    assert "Too long." in refused(embed(client), 400, "upstream_rejected")["message"]


@pytest.mark.parametrize("given", [{"encoding_format": "int8"}, {"dimensions": 0}, {"dimensions": "5"}])
def test_options_of_embeddings_are_validated(client, given):
    assert refused(embed(client, **given))["param"] in given


@pytest.mark.parametrize(
    ("given", "response", "expected"),
    [
        ("a", [1, 2], [[1, 2]]),
        ("a", [[1, 2]], [[1, 2]]),
        (["a", "b"], [[1, 2], [3, 4]], [[1, 2], [3, 4]]),
        ("a", [[[1, 2], [3, 4]]], [[2, 3]]),
        (["a", "b"], [[[1, 2], [3, 4]], [[5, 6]]], [[2, 3], [5, 6]]),
        ("a", [[[[1, 2], [3, 4]]]], [[2, 3]]),
        ("a", {"embeddings": [[1, 2]]}, [[1, 2]]),
    ],
)
def test_vectors_of_the_pipeline_are_read_at_every_depth(make_client, upstream, given, response, expected):
    upstream.post(f"{PIPELINE}{FEATURES}/pipeline/feature-extraction", json=response)
    body = embed(make_client(HUGGINGFACE), given, dimensions=2).get_json()
    assert [entry["embedding"] for entry in body["data"]] == expected
    assert body["model"] == FEATURES
    assert body["usage"]["estimated"] is True
    assert sent(upstream) == {"inputs": [given] if isinstance(given, str) else given, "dimensions": 2}


@pytest.mark.parametrize(("sentences", "limit"), [(200, 500), (90, 250)])
def test_texts_that_the_pipeline_refuses_are_cut(make_client, upstream, sentences, limit):
    url = f"{PIPELINE}{FEATURES}/pipeline/feature-extraction"
    upstream.post(url, json={"error": "`inputs` must have less than 256 tokens. Given: 602"}, status=422)
    upstream.post(url, json=[[1, 2], [3, 4]])
    assert (
        embed(make_client(HUGGINGFACE), ["Short.", "The food was good. " * sentences]).get_json()["truncated"] is True
    )
    short, cut = sent(upstream)["inputs"]
    assert short == "Short."
    assert estimated_tokens(cut) <= limit


def test_a_text_longer_than_an_encoder_reads_is_sent_with_truncation_and_the_response_says_so(make_client, upstream):
    upstream.post(f"{PIPELINE}{FEATURES}/pipeline/feature-extraction", json=[[1, 2], [3, 4]])
    texts = ["Short.", "The food was good. " * 200]
    assert embed(make_client(HUGGINGFACE), texts).get_json()["truncated"] is True
    assert sent(upstream) == {"inputs": texts, "truncate": True}


@pytest.mark.parametrize("response", [[], {}, "x", [[]], [["a"]], [[1], [2]], [[[1], [2, 3]]], [[[[[1]]]]], [5, "a"]])
def test_invalid_vectors_of_the_pipeline_are_a_502(make_client, upstream, response):
    upstream.post(f"{PIPELINE}org/model/pipeline/feature-extraction", json=response)
    refused(embed(make_client(HUGGINGFACE), model="org/model"), 502, "upstream_invalid_response")


def test_the_pipeline_does_not_support_token_ids(make_client):
    refused(embed(make_client(HUGGINGFACE), [1, 2]), 501, "not_supported")


def test_a_dedicated_endpoint_has_openais_routes(make_client, upstream):
    root = DEDICATED["HUGGINGFACE_BASE_URL"]
    upstream.post(f"{root}/v1/embeddings", json=vectors([1]))
    upstream.post(f"{root}/v1/completions", json={"choices": [{"index": 0, "text": "b"}], "usage": USAGE})
    client = make_client(DEDICATED)
    assert embed(client).status_code == 200
    assert client.post("/v1/completions", json={"prompt": "a"}).get_json()["choices"][0]["text"] == "b"


def test_models_are_those_of_the_settings_and_of_the_upstream(make_client, upstream):
    upstream.get(
        MODELS, json={"data": [{"id": "org/small", "created": 5}, {"id": "org/other", "max_model_len": 9}, 5, {}]}
    )
    client = make_client(HUGGINGFACE_API_KEY="hf_x", AI_BACKEND="openai", MODEL_ALIASES="fast=embedded,gpt2=default")
    body = client.get("/v1/models").get_json()
    assert body["object"] == "list"
    owners = {entry["id"]: entry["owned_by"] for entry in body["data"]}
    assert owners["fast"] == "embedded"
    assert (owners["gpt2"], owners["org/small"], owners["org/other"]) == ("openai", "openai", "openai")
    assert owners["embedded:SmolLM2-135M-Instruct"] == "embedded"
    assert owners["huggingface:meta-llama/Llama-3.1-8B-Instruct"] == "huggingface"
    assert body["data"][-1] == {
        "id": "org/other",
        "object": "model",
        "created": 0,
        "owned_by": "openai",
        "max_model_len": 9,
    }


@pytest.mark.parametrize("field", ["echo", "best_of", "logprobs"])
def test_parameters_of_completions_only_are_not_sent_to_the_chat_route(make_client, field):
    response = make_client(HUGGINGFACE).post("/v1/completions", json={"prompt": "a", field: 1})
    assert field in refused(response, 501, "not_supported")["message"]


def test_one_prompt_of_token_ids_counts_as_one_text(client, upstream):
    upstream.post(EMBEDDINGS, json=vectors([1]))
    assert embed(client, [1, 2, 3]).status_code == 200


def test_the_size_limit_of_embeddings_is_higher(client, upstream):
    upstream.post(EMBEDDINGS, json=vectors([0.123456789] * 1_000_000))
    assert embed(client).status_code == 200


def test_embeddings_ignore_a_stream_field(client, upstream):
    upstream.post(EMBEDDINGS, json=vectors([1]))
    body = {"input": "x", "stream": True}
    response = client.post("/v1/embeddings", json=body, headers={"X-AI-Debug": "1"})
    assert response.get_json()["debug"]["attempts"]


@pytest.mark.parametrize("options", [None, {}, {"include_usage": True}])
def test_embeddings_ignore_stream_options(client, upstream, options):
    upstream.post(EMBEDDINGS, json=vectors([1]))
    assert embed(client, stream_options=options).status_code == 200


def test_stream_options_of_embeddings_are_validated(client):
    assert refused(embed(client, stream_options=1))["param"] == "stream_options"


def test_param_is_set_for_validation_errors_only(client, upstream):
    upstream.post(CHAT, status=422, json={"error": "No."})
    assert refused(chat(client), 422, "upstream_rejected")["param"] is None


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/images/edits", "/v1/audio/speech", "/v1/models/", "/v1/chat"])
def test_an_unknown_route_has_openais_shape(client, path):
    for method in (client.get, client.post, client.delete):
        assert "GET /docs lists all routes" in refused(method(path), 404, "not_found")["message"]


def test_a_method_that_a_route_lacks_has_the_shape_of_the_route(client):
    for path in ("/v1/chat/completions", "/v1/models/gpt2"):
        assert "code" in client.delete(path).get_json()["error"]
    for path in ("/v1/text/generate", "/v1/models/validate"):
        assert client.delete(path).get_json()["type"] == "method_not_allowed"
    assert client.get("/v2/nothing").get_json()["type"] == "not_found"


def test_every_v1_route_outside_of_ours_is_openais(make_app):
    rules = {rule.rule for rule in make_app().url_map.iter_rules() if rule.rule.startswith("/v1/")}
    own = ("/v1/text/", "/v1/messages", "/v1/rerank", "/v1/models/validate")
    assert {rule for rule in rules if shape_of(rule) is OPENAI_ERRORS} == {
        rule for rule in rules if not rule.startswith(own)
    }


def test_a_double_slash_is_not_redirected(client):
    for path in ("/v1//models", "//v1/models"):
        assert client.get(path).status_code == 404


def test_without_an_upstream_list_the_models_of_the_settings_are_listed(client, upstream):
    upstream.get(MODELS, status=404)
    assert [entry["id"] for entry in client.get("/v1/models").get_json()["data"]] == ["gpt2", "org/small"]
    assert "not_supported" not in client.get("/metrics").get_data(as_text=True)


def test_a_failing_upstream_list_is_an_error(client, upstream):
    upstream.get(MODELS, status=500)
    refused(client.get("/v1/models"), 502, "upstream_unavailable")


def test_the_embedded_models_are_listed_without_a_call(make_client):
    data = make_client(EMBEDDED).get("/v1/models").get_json()["data"]
    assert [entry["id"] for entry in data] == ["gpt2", "SmolLM2-135M-Instruct", *EMBEDDING_MODELS]


@pytest.mark.parametrize("path", ["org/other", "org%2Fother"])
def test_a_model_id_may_contain_slashes(client, upstream, path):
    upstream.get(MODELS, json={"data": [{"id": "org/other"}]})
    body = client.get(f"/v1/models/{path}").get_json()
    assert body == {"id": "org/other", "object": "model", "created": 0, "owned_by": "openai"}
    assert client.get("/v1/models/org/small").get_json()["id"] == "org/small"


def test_an_unknown_model_is_a_404_and_an_invalid_name_a_400(client, upstream):
    upstream.get(MODELS, json={"data": [{"id": "org/other"}]})
    error = refused(client.get("/v1/models/org/none"), 404, "model_not_found")
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert refused(client.get("/v1/models/org/../x"), 400)["param"] == "model"


def test_the_list_of_the_router_is_forwarded(make_client, upstream):
    entry = {"id": "org/a", "object": "model", "created": 3, "owned_by": "org", "providers": [{"provider": "groq"}]}
    upstream.get(ROUTER_MODELS, json={"object": "list", "data": [entry]})
    assert entry in make_client(HUGGINGFACE).get("/v1/models").get_json()["data"]


def test_a_stream_with_an_idempotency_key_is_not_stored(client, upstream):
    upstream.post(CHAT, body=stream([chunk("Hi", "stop")]), content_type="text/event-stream")
    for _ in range(2):
        body = {"messages": HI, "stream": True}
        response = client.post("/v1/chat/completions", json=body, headers={"Idempotency-Key": "k"})
        assert parse_stream(response.data).done
    assert len(upstream.calls) == 2


def test_the_error_for_an_unknown_backend_lists_the_available_models(client, upstream):
    upstream.post(CHAT, status=404, json={"error": "Model org/x does not exist"})
    error = refused(chat(client, model="org/x"), 404, "model_not_found")
    assert "org/small" in error["message"]
    assert json.dumps(error).isascii()


def test_an_integer_beyond_64_bits_is_an_error(client):
    body = b'{"messages": [{"role": "user", "content": "Hi."}], "seed": -9223372036854775809}'
    response = client.post("/v1/chat/completions", data=body, content_type="application/json")
    assert refused(response)["param"] == "seed"


def continued(text, tokens):
    usage = {"prompt_tokens": tokens, "completion_tokens": 1, "total_tokens": tokens + 1}
    return {"choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop"}], "usage": usage}


@pytest.mark.parametrize("counted", [True, False])
def test_a_list_of_prompts_on_a_chat_model_is_a_call_for_each(make_client, upstream, counted):
    for text, tokens in (("b", 5), ("d", 6)):
        payload = continued(text, tokens)
        upstream.post(ROUTER_CHAT, json=payload if counted else {"choices": payload["choices"]})
    response = make_client(HUGGINGFACE).post("/v1/completions", json={"prompt": ["a", "c"]}).get_json()
    assert [(choice["index"], choice["text"]) for choice in response["choices"]] == [(0, "b"), (1, "d")]
    assert ("estimated" in response["usage"]) is not counted
    assert not counted or response["usage"] == {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}
    assert sent(upstream)["messages"][-1]["content"] == "c"


@pytest.mark.parametrize("streamed", [True, False])
def test_a_list_of_one_prompt_on_a_chat_model_is_that_prompt(make_client, upstream, streamed):
    upstream.post(ROUTER_CHAT, json=continued("b", 5))
    response = make_client(HUGGINGFACE).post("/v1/completions", json={"prompt": ["a"], "stream": streamed})
    assert response.status_code == 200
    assert '"text":"b"' in response.text


@pytest.mark.parametrize("body", [{"prompt": ["a", "b"], "stream": True}, {"prompt": [1, 2]}, {"prompt": [[1], [2]]}])
def test_streamed_lists_and_tokens_are_not_supported_on_a_chat_model(make_client, body):
    response = make_client(HUGGINGFACE).post("/v1/completions", json=body)
    assert (response.status_code, response.get_json()["error"]["type"]) == (501, "not_supported")
