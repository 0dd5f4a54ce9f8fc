"""Responses of real servers: labels, encodings, lists and names of their own. Clients get one form."""

import json

import pytest
from support.calls import generate, rate, refused
from support.streams import parse_stream
from support.upstreams import CHAT, chat_response, sent, stream

BASE = "http://llm.test:8000/v1"
MODELS = f"{BASE}/models"
HI = [{"role": "user", "content": "Hi."}]
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
GOOD = json.dumps(chat_response("Hi."))


def chat(client, **body):
    return client.post("/v1/chat/completions", json={"messages": HI, **body})


def content(response):
    return response.get_json()["choices"][0]["message"]["content"]


def chunk(text, reason=None, **extra):
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}], **extra}


@pytest.mark.parametrize(
    "last",
    [{"id": "c1", "choices": None, "usage": USAGE}, {"id": "c1", "usage": USAGE}],
)
def test_odd_events_neither_end_a_stream_nor_open_the_breaker(make_client, upstream, last):
    client = make_client(BREAKER_FAILURES="1")
    events = [None, chunk("Hi"), None, {}, chunk(".", "stop"), last, None, "rubbish"]
    upstream.post(CHAT, body=stream(events), content_type="text/event-stream")
    for _ in range(2):
        response = parse_stream(chat(client, stream=True, stream_options={"include_usage": True}).data)
        assert (response.text, response.done, response.usages, response.errors) == ("Hi.", True, [USAGE], [])
        assert chat(client).get_json()["usage"] == USAGE
        assert generate(client, stream=True).data.endswith(b"data: [DONE]\n\n")
        assert generate(client).get_json()["usage"] == USAGE


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("route", "asked"),
    [
        ("chat/completions", {"messages": HI, "n": 2}),
        ("completions", {"prompt": ["a", "b"]}),
        ("completions", {"prompt": [[1], [2]]}),
        ("completions", {"prompt": "a", "n": 2}),
    ],
)
def test_an_error_after_the_last_of_the_choices_is_ignored(client, upstream, route, asked, streamed):
    error = {"error": {"message": "Slow down.", "code": 429}}
    first, second = chunk("Hi.", "stop"), chunk("Ho.", "stop")
    second["choices"][0]["index"] = 1

    for events in ([first, error], [first, second, error]):
        upstream.post(f"{BASE}/{route}", body=stream(events), content_type="text/event-stream")
    incomplete, complete = (client.post(f"/v1/{route}", json={**asked, "stream": streamed}).data for _ in range(2))
    assert b"upstream_rate_limited" in incomplete
    assert b"Ho." in complete
    assert b"error" not in complete


def test_tokens_of_one_prompt_are_one_choice(client, upstream):
    error = {"error": {"message": "Slow down.", "code": 429}}
    body = stream([chunk("Hi.", "stop"), error])
    upstream.post(f"{BASE}/completions", body=body, content_type="text/event-stream")
    response = client.post("/v1/completions", json={"prompt": [1, 2, 3], "stream": True})
    assert parse_stream(response.data).done


@pytest.mark.parametrize(
    "label", ["text/event-stream", "application/json", "text/plain", "application/octet-stream", None]
)
@pytest.mark.parametrize("separator", ["\n\n", "\n", "\r\n", "\r"])
@pytest.mark.parametrize("streamed", [False, True])
def test_events_are_read_whatever_their_label_and_their_separator(client, upstream, label, separator, streamed):
    body = stream([chunk("H"), chunk("i.", "stop", usage=USAGE)]).replace("\n\n", separator)
    upstream.post(CHAT, body=body, content_type=label)
    response = chat(client, stream=streamed)
    assert (parse_stream(response.data).text if streamed else content(response)) == "Hi."


@pytest.mark.parametrize("label", ["text/event-stream", "application/json", "text/plain", None])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_document_is_read_whatever_its_label(client, upstream, label, streamed):
    upstream.post(CHAT, body=f"\n\n{GOOD}", content_type=label)
    response = chat(client, stream=streamed)
    assert (parse_stream(response.data).text if streamed else content(response)) == "Hi."


@pytest.mark.parametrize("page", ["<!doctype html><h1>Bad gateway</h1>", "data: <html>\n\n", "Internal error", ""])
@pytest.mark.parametrize("label", ["text/html", "text/event-stream", "application/json"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_page_is_no_response(client, upstream, page, label, streamed):
    upstream.post(CHAT, body=page, content_type=label)
    refused(chat(client, stream=streamed), 502, "upstream_invalid_response")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("\\ud83d\\ude00", "😀"), ("\\ud83d", "\ufffd"), ("\\ude00\\ud83d!", "\ufffd\ufffd!"), ("\\\\ud83d", "\\ud83d")],
)
def test_halves_of_characters_in_a_whole_response(client, upstream, text, expected):
    upstream.post(CHAT, body=GOOD.replace("Hi.", text))
    assert content(chat(client)) == expected
    assert generate(client).get_json()["choices"][0]["text"] == expected
    assert parse_stream(chat(client, stream=True).data).text == expected


def test_halves_of_a_character_in_two_events(client, upstream):
    body = stream([chunk("HIGH"), chunk("LOW"), chunk("HIGH")]).replace("HIGH", "\\ud83d").replace("LOW", "\\ude00")
    upstream.post(CHAT, body=body)
    expected = "😀\ufffd"
    assert content(chat(client)) == expected
    assert parse_stream(chat(client, stream=True).data).text == expected
    assert generate(client).get_json()["choices"][0]["text"] == expected
    assert parse_stream(generate(client, stream=True).data).text == expected


def test_halves_of_characters_in_an_error_and_in_arguments(client, upstream):
    upstream.post(CHAT, status=400, body='{"error": {"message": "no \\ud83d", "code": "\\ud83d"}}')
    upstream.post(CHAT, body='{"error": {"message": "no \\ud83d", "code": 400}}')
    for _ in range(2):
        response = chat(client)
        assert response.status_code == 400
        assert "no \ufffd" in response.get_json()["error"]["message"]
    call = '{"function": {"name": "f", "arguments": {"a": "\\ud83d"}}}'
    upstream.replace("POST", CHAT, body=f'{{"choices": [{{"message": {{"tool_calls": [{call}]}}}}]}}')
    [given] = chat(client).get_json()["choices"][0]["message"]["tool_calls"]
    assert given["function"]["arguments"] == '{"a":"\ufffd"}'


def test_a_byte_order_mark_is_dropped(client, upstream):
    upstream.post(CHAT, body=f"\ufeff{GOOD}")
    upstream.get(MODELS, body='\ufeff{"data": [{"id": "org/other"}]}')
    assert content(chat(client)) == "Hi."
    assert client.get("/v1/models/org/other").status_code == 200


LOGPROBS = [
    {"token": "positive", "logprob": -0.1, "top_logprobs": [{"token": "positive", "logprob": -0.1}]},
]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("streamed", [False, True])
def test_numbers_that_json_lacks_are_null(client, upstream, number, streamed):
    body = json.dumps(chat_response("Hi.", logprobs={"content": LOGPROBS}, x=-0.1)).replace("-0.1", number)
    upstream.post(CHAT, body=body)
    response = chat(client, stream=streamed)
    [choice, *_] = parse_stream(response.data).events[0]["choices"] if streamed else response.get_json()["choices"]
    [entry] = choice["logprobs"]["content"]
    assert (entry["logprob"], entry["top_logprobs"][0]["logprob"], choice["x"]) == (None, None, None)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("others", [[], [{"token": "negative", "logprob": -3}]])
def test_sentiment_is_asked_without_log_probabilities_if_they_are_unusable(client, upstream, number, others):
    entries = [{**LOGPROBS[0], "top_logprobs": LOGPROBS[0]["top_logprobs"] + others}]
    first = json.dumps(chat_response("posit", logprobs={"content": entries})).replace("-0.1", number)
    upstream.post(CHAT, body=first)
    upstream.post(CHAT, json=chat_response("positive"))
    assert rate(client).get_json()["sentiment"] == "positive"
    assert ["logprobs" in sent(upstream, index) for index in range(2)] == [True, False]


HUGE = [2**64, -(2**63) - 1, 10**30]


@pytest.mark.parametrize("streamed", [False, True])
def test_integers_beyond_64_bits_stay_what_they_were(client, upstream, streamed):
    upstream.post(CHAT, json=chat_response("Hi.", seed=HUGE[0]) | {"system_fingerprint": HUGE, "created": HUGE[2]})
    response = chat(client, stream=streamed, extra={"ids": HUGE})
    assert sent(upstream)["extra"] == {"ids": HUGE}
    body = parse_stream(response.data).events[0] if streamed else response.get_json()
    assert (body["system_fingerprint"], body["choices"][0]["seed"]) == (HUGE, HUGE[0])
    assert body["created"] < 2**40


def test_integers_beyond_64_bits_in_deep_and_invalid_bodies(client, upstream):
    number = str(HUGE[0]).encode()
    upstream.post(CHAT, body=GOOD)
    for depth, status in ((240, 200), (260, 400), (990, 400)):
        deep = b"[" * depth + number + b"]" * depth
        body = b'{"messages": [{"role": "user", "content": "x"}], "deep": ' + deep + b"}"
        response = client.post("/v1/chat/completions", data=body, content_type="application/json")
        assert response.status_code == status
    for field in ("max_tokens", "temperature", "stop", "model", "stream"):
        assert refused(chat(client, **{field: HUGE[0]}))["param"] == field


def test_choices_of_one_response_are_choices_of_their_own(client, upstream):
    choices = [{"message": {"content": text}, "finish_reason": "stop", "index": 0} for text in ("a", "b")]
    upstream.post(CHAT, json={"choices": [*choices, None, {"message": {"content": "c"}, "finish_reason": "stop"}]})
    given = chat(client).get_json()["choices"]
    assert [(choice["index"], choice["message"]["content"]) for choice in given] == [(0, "a"), (1, "b"), (2, "c")]


@pytest.mark.parametrize("said", ["org/theirs", "", " ", None, 5])
def test_without_a_model_in_the_settings_responses_name_that_of_the_upstream(make_client, upstream, said):
    client = make_client(OPENAI_DEFAULT_MODEL="")
    upstream.post(CHAT, json=chat_response("positive.") | {"model": said})
    upstream.post(f"{BASE}/completions", json={"choices": [{"text": "a", "finish_reason": "stop"}], "model": said})
    upstream.post(f"{BASE}/embeddings", json={"data": [{"embedding": [1]}], "model": said})
    asked = {
        "chat/completions": {"messages": HI},
        "completions": {"prompt": "x"},
        "text/generate": {"prompt": "x"},
        "text/complete": {"prompt": "x"},
    }
    expected = said if said == "org/theirs" else "default"
    for route, body in asked.items():
        whole = client.post(f"/v1/{route}", json=body)
        assert (whole.get_json()["model"], whole.headers["X-AI-Model"]) == (expected, expected), route
        streamed = client.post(f"/v1/{route}", json={**body, "stream": True})
        assert {event["model"] for event in parse_stream(streamed.data).events} == {expected}
        assert streamed.headers["X-AI-Model"] == expected
    embedded = client.post("/v1/embeddings", json={"input": "x"})
    assert embedded.get_json()["model"] == expected
    texts = [rate(client), client.post("/v1/text/summarize", json={"text": "One. " * 50})]
    assert [response.headers["X-AI-Model"] for response in texts] == [expected] * 2


OTHERS = [{"id": "a"}, {"name": "b"}, {"model": "c"}, {"id": "", "name": "d", "model": "e"}, "f", {"id": "a", "x": 1}]


@pytest.mark.parametrize(
    "listed",
    [OTHERS, {"data": OTHERS}, {"models": OTHERS}, {"data": [], "models": OTHERS}, {"data": None, "models": OTHERS}],
)
def test_models_are_listed_from_every_form_of_a_list(client, upstream, listed):
    upstream.get(MODELS, json=listed)
    data = client.get("/v1/models").get_json()["data"]
    assert [entry["id"] for entry in data] == ["gpt2", "org/small", "a", "b", "c", "d", "f"]
    assert all(entry["object"] == "model" and entry["owned_by"] for entry in data)
    assert client.get("/v1/models/c").status_code == 200


def test_fields_of_listed_models_have_openais_types_or_are_left_out(client, upstream):
    tag = {"name": "llama:8b", "model": "llama:8b", "object": 5, "created": "today", "owned_by": None, "size": 5}
    upstream.get(MODELS, json={"models": [tag, {"id": 5}, {"name": None}, "", None, 7, []]})
    assert client.get("/v1/models").get_json()["data"][2:] == [
        {"id": "llama:8b", "object": "model", "created": 0, "owned_by": "openai", "size": 5,
         "name": "llama:8b", "model": "llama:8b"},
    ]  # fmt: skip


@pytest.mark.parametrize("listed", [{}, [], {"data": "x"}, {"models": {}}, "x"])
def test_a_list_in_no_known_form_is_an_invalid_response(client, upstream, listed):
    upstream.get(MODELS, json=listed)
    refused(client.get("/v1/models"), 502, "upstream_invalid_response")


def test_an_error_in_place_of_a_list_is_reported(client, upstream):
    upstream.get(MODELS, json={"error": {"message": "Slow down.", "code": 429}})
    refused(client.get("/v1/models"), 429, "upstream_rate_limited")
