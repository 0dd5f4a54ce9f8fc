"""X-AI-Debug: the timeline of attempts, for who asks for it."""

from support.upstreams import CHAT, chat_answer

GENERATE = "/v1/text/generate"
MODELS = "http://llm.test:8000/v1/models"


def test_debug_gives_the_timeline_of_attempts_in_answers(make_client, upstream, instantly):
    upstream.post(CHAT, status=500)
    upstream.post(CHAT, json=chat_answer("Hi."))
    client = make_client(HUGGINGFACE_RETRY_ATTEMPTS="1")
    first, second = client.post(GENERATE, json={"prompt": "x"}, headers={"X-AI-Debug": "1"}).json["debug"]["attempts"]
    assert (first["backend"], first["route"]) == ("openai", "chat/completions")
    assert (first["outcome"], second["outcome"]) == ("upstream_unavailable", "ok")
    assert 0 <= first["at_ms"] <= second["at_ms"]
    assert first["duration_ms"] >= 0


def test_debug_gives_it_in_errors_and_names_what_was_refused_here(make_client, upstream):
    upstream.post(CHAT, status=500)
    client = make_client(BREAKER_FAILURES="1")
    answers = [client.post(GENERATE, json={"prompt": "x"}, headers={"X-AI-Debug": "1"}).json for _ in range(2)]
    outcomes = [[attempt["outcome"] for attempt in answer["details"]["debug"]["attempts"]] for answer in answers]
    assert outcomes == [["upstream_unavailable"], ["circuit_open"]]


def test_debug_gives_it_for_validation_too(client, upstream):
    upstream.get(MODELS, json={"data": []})
    answer = client.get("/v1/models/validate?model=org/x", headers={"X-AI-Debug": "1"})
    assert [attempt["route"] for attempt in answer.json["debug"]["attempts"]] == ["models"]


def test_nobody_is_told_who_does_not_ask(client, chat):
    assert "debug" not in client.post(GENERATE, json={"prompt": "x"}).json


def test_a_bug_shows_in_the_timeline_as_what_it_is(client, upstream):
    upstream.post(CHAT, body=ValueError("ours"))
    answer = client.post(GENERATE, json={"prompt": "x"}, headers={"X-AI-Debug": "1"})
    assert answer.status_code == 500
    assert [attempt["outcome"] for attempt in answer.json["details"]["debug"]["attempts"]] == ["internal_error"]
