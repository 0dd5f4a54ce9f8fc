"""X-AI-Debug: the timeline of attempts."""

from support.upstreams import CHAT, chat_response

GENERATE = "/v1/text/generate"
MODELS = "http://llm.test:8000/v1/models"


def test_debug_adds_the_timeline_of_attempts_to_a_response(make_client, upstream, instantly):
    upstream.post(CHAT, status=500)
    upstream.post(CHAT, json=chat_response("Hi."))
    client = make_client(HUGGINGFACE_RETRY_ATTEMPTS="1")
    first, second = client.post(GENERATE, json={"prompt": "x"}, headers={"X-AI-Debug": "1"}).json["debug"]["attempts"]
    assert (first["backend"], first["route"]) == ("openai", "chat/completions")
    assert (first["outcome"], second["outcome"]) == ("upstream_unavailable", "ok")
    assert 0 <= first["at_ms"] <= second["at_ms"]
    assert first["duration_ms"] >= 0


def test_debug_adds_the_timeline_to_an_error_including_attempts_that_the_breaker_refused(make_client, upstream):
    upstream.post(CHAT, status=500)
    client = make_client(BREAKER_FAILURES="1")
    responses = [client.post(GENERATE, json={"prompt": "x"}, headers={"X-AI-Debug": "1"}).json for _ in range(2)]
    outcomes = [[attempt["outcome"] for attempt in response["details"]["debug"]["attempts"]] for response in responses]
    assert outcomes == [["upstream_unavailable"], ["circuit_open"]]


def test_debug_adds_the_timeline_to_model_validation(client, upstream):
    upstream.get(MODELS, json={"data": []})
    response = client.get("/v1/models/validate?model=org/x", headers={"X-AI-Debug": "1"})
    assert [attempt["route"] for attempt in response.json["debug"]["attempts"]] == ["models"]


def test_without_the_header_there_is_no_timeline(client, chat):
    assert "debug" not in client.post(GENERATE, json={"prompt": "x"}).json


def test_an_unhandled_exception_is_an_internal_error_in_the_timeline(client, upstream):
    upstream.post(CHAT, body=ValueError("ours"))
    response = client.post(GENERATE, json={"prompt": "x"}, headers={"X-AI-Debug": "1"})
    assert response.status_code == 500
    assert [attempt["outcome"] for attempt in response.json["details"]["debug"]["attempts"]] == ["internal_error"]
