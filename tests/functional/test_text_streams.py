"""generate and complete as streams: events in the shape of complete responses."""

import json

import pytest
from support.calls import generate
from support.lines import request_lines
from support.streams import parse_stream
from support.upstreams import CHAT, HUB, HUGGINGFACE, OPENAI, PIPELINE, chat_response, sent, stream

COMPLETIONS = "http://llm.test:8000/v1/completions"
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def chunk(content, reason=None, **extra):
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": reason}], **extra}


def test_each_chunk_of_text_is_an_event_and_the_last_event_has_the_usage(client, upstream):
    events = [chunk(None), chunk("Hel"), chunk("lo."), chunk("", "eos_token"), {"choices": [], "usage": USAGE}]
    upstream.post(CHAT, body=stream(events), content_type="text/event-stream")
    response = parse_stream(generate(client, stream=True).data)
    assert response.done
    *chunks, last = response.events
    assert [event["choices"] for event in chunks] == [
        [{"index": 0, "text": text, "finish_reason": None}] for text in ("Hel", "lo.")
    ]
    assert last["choices"] == [{"index": 0, "text": "", "finish_reason": "stop"}]
    assert last["usage"] == USAGE
    assert {event["id"] for event in response.events} == {last["id"]}
    assert {event["model"] for event in response.events} == {"org/small"}
    assert set(last) == {"id", "model", "choices", "usage", "generated_at", "processing_ms"}


def test_only_the_first_choice_is_forwarded(client, upstream):
    other = {"choices": [{"index": 1, "delta": {"content": "No."}, "finish_reason": "length"}]}
    upstream.post(CHAT, body=stream([other, chunk("Yes.", "stop")]), content_type="text/event-stream")
    response = parse_stream(generate(client, stream=True).data)
    assert (response.text, response.finish_reasons) == ("Yes.", ["stop"])


def test_an_upstream_error_in_a_stream_is_an_error_event(client, upstream):
    upstream.post(CHAT, body=stream([chunk("Hel")]).removesuffix("data: [DONE]\n\n"), content_type="text/event-stream")
    response = generate(client, stream=True)
    assert b"event: error\ndata: " in response.data
    stream_read = parse_stream(response.data)
    assert (stream_read.text, stream_read.done) == ("Hel", False)
    error = stream_read.events[-1]
    assert (error["type"], error["code"]) == ("upstream_invalid_response", 502)
    assert error["request_id"] == response.headers["X-Request-ID"]


def test_an_unhandled_exception_in_a_stream_is_an_error_event(client, upstream, monkeypatch, caplog):
    upstream.post(CHAT, body=stream([chunk("Hel", "stop")]), content_type="text/event-stream")
    monkeypatch.setattr("app.backends.responses.chunk_decoder.ChunkDecoder.missing_finish_chunks", lambda reader: 1 / 0)
    response = client.post(
        "/v1/chat/completions", json={"messages": [{"role": "user", "content": "x"}], "stream": True}
    )
    assert parse_stream(response.data).errors == ["internal_error"]
    assert "ZeroDivisionError" in caplog.text


def test_a_failure_before_the_first_event_falls_back(make_client, upstream):
    client = make_client({**OPENAI, "FALLBACK_MODELS": "org/other"})
    upstream.post(CHAT, status=500)
    upstream.post(CHAT, body=stream([chunk("Hi", "stop")]), content_type="text/event-stream")
    response = generate(client, stream=True)
    assert parse_stream(response.data).text == "Hi"
    assert (response.headers["X-AI-Fallback"], response.headers["X-AI-Model"]) == ("true", "org/other")


def test_a_failure_before_the_first_event_is_retried(make_client, upstream, instantly):
    client = make_client({**OPENAI, "HUGGINGFACE_RETRY_ATTEMPTS": "2"})
    upstream.post(CHAT, body="data: rubbish\n\n", content_type="text/event-stream")
    upstream.post(CHAT, body="", content_type="text/event-stream")
    upstream.post(CHAT, body=stream([chunk("Hi", "stop")]), content_type="text/event-stream")
    response = generate(client, stream=True)
    assert parse_stream(response.data).text == "Hi"
    assert response.headers["X-AI-Attempts"] == "3"


def test_complete_streams_the_completions_route_or_the_chat_route(client, upstream):
    text = {"choices": [{"index": 0, "text": " a time", "finish_reason": "length"}]}
    upstream.post(COMPLETIONS, body=stream([text]), content_type="text/event-stream")
    upstream.post(COMPLETIONS, status=404)
    upstream.post(CHAT, body=stream([chunk(" a cat", "stop")]), content_type="text/event-stream")
    assert parse_stream(generate(client, "complete", stream=True).data).text == " a time"
    assert parse_stream(generate(client, "complete", stream=True).data).text == " a cat"


def test_complete_streams_the_pipeline_of_a_model(make_client, upstream):
    mapping = {"hf-inference": {"status": "live", "task": "text-generation"}}
    upstream.get(f"{HUB}org/base", json={"id": "org/base", "inferenceProviderMapping": mapping})
    tokens = [
        {"token": {"text": " a"}, "generated_text": None, "details": None},
        {"token": {"text": "</s>", "special": True}, "generated_text": " a", "details": {"finish_reason": "eos_token"}},
    ]
    body = "".join(f"data:{json.dumps(token)}\n\n" for token in tokens)
    upstream.post(f"{PIPELINE}org/base", body=body, content_type="text/event-stream")
    response = parse_stream(generate(make_client(HUGGINGFACE), "complete", model="org/base", stream=True).data)
    assert (response.text, response.finish_reasons, response.done) == (" a", ["stop"], True)
    assert sent(upstream)["stream"] is True


def test_the_log_line_of_a_stream_is_written_at_its_end(client, upstream, caplog):
    caplog.set_level("INFO")
    events = [chunk("Hel"), chunk("lo.", "stop"), {"choices": [], "usage": USAGE}]
    upstream.post(CHAT, body=stream(events), content_type="text/event-stream")
    response = generate(client, stream=True)
    assert not request_lines(caplog)
    assert response.data
    response.close()
    [line] = request_lines(caplog)
    assert (line.outcome, line.events, line.prompt_tokens, line.completion_tokens) == ("completed", 2, 7, 3)
    assert line.first_event_ms <= line.duration_ms
    assert line.tokens_per_second > 0


def test_the_log_line_of_a_failed_stream_has_the_error_and_no_rate(client, upstream, caplog):
    caplog.set_level("INFO")
    upstream.post(CHAT, body=stream([chunk("Hel"), chunk("lo"), "rubbish"]), content_type="text/event-stream")
    response = generate(client, stream=True)
    assert response.data
    response.close()
    [line] = request_lines(caplog)
    assert (line.outcome, line.error, line.cache) == ("failed", "upstream_invalid_response", "bypass")
    assert "tokens_per_second_count{" not in client.get("/metrics").get_data(as_text=True)


def test_a_stream_of_one_chunk_has_no_token_rate(client, upstream, caplog):
    caplog.set_level("INFO")
    upstream.post(CHAT, body=stream([chunk("Hello.", "stop")]), content_type="text/event-stream")
    response = generate(client, stream=True)
    assert response.data
    response.close()
    [line] = request_lines(caplog)
    assert (line.tokens_per_second, "error" in line.__dict__) == (0, False)


@pytest.mark.parametrize(
    ("events", "outcome", "error"),
    [([chunk("Hi", "stop")], "completed", "ok"), ([chunk("Hi"), "rubbish"], "failed", "upstream_invalid_response")],
)
def test_the_outcome_of_a_stream_is_counted(client, upstream, events, outcome, error):
    upstream.post(CHAT, body=stream(events), content_type="text/event-stream")
    response = generate(client, stream=True)
    assert response.data
    response.close()
    lines = client.get("/metrics").get_data(as_text=True).splitlines()
    labels = 'backend="openai",operation="generate"'
    assert any(line.startswith("ai_streams_total") and f'outcome="{outcome}"' in line for line in lines)
    assert any(line.startswith("ai_stream_events_total") and line.endswith("} 1.0") for line in lines)
    assert any(line.startswith("ai_stream_first_event_seconds_count") and line.endswith("} 1.0") for line in lines)
    assert any(line.startswith("ai_requests_total") and f'outcome="{error}"' in line for line in lines)
    assert any(line.startswith("active_connections") and line.endswith(" 1.0") for line in lines)
    assert any("ai_stream_" in line and labels in line for line in lines)


def test_a_client_disconnect_is_counted(client, upstream):
    upstream.post(CHAT, body=stream([chunk("Hel"), chunk("lo.", "stop")]), content_type="text/event-stream")
    response = generate(client, stream=True)
    response.close()
    assert 'outcome="client_disconnected"' in client.get("/metrics").get_data(as_text=True)


def test_a_response_without_a_stream_is_forwarded_as_one_chunk(client, upstream):
    upstream.post(CHAT, json=chat_response("Hello."))
    response = parse_stream(generate(client, stream=True).data)
    assert (response.text, response.done, response.usages[0]["total_tokens"]) == ("Hello.", True, 10)
