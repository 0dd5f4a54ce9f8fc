"""Several texts in a request of a text operation."""

import json
import time

import pytest
from support.keys import made
from support.upstreams import CHAT, HUGGINGFACE, OPENAI, PIPELINE, chat_response, sent

from app.errors import ServiceError
from app.operations import sentiment as operation

ROUTE = "/v1/text/sentiment"
MODEL = f"{PIPELINE}cardiffnlp/twitter-roberta-base-sentiment-latest"
TEXTS = ["The screen is fine.", "It broke.", "It arrived."]


def labels(*names):
    """The answer of a text-classification pipeline to a list: a list of labels for each text."""
    return [[{"label": name, "score": 0.9}] for name in names]


@pytest.fixture
def hub(make_client):
    """A client of a service with Hugging Face."""
    return make_client(HUGGINGFACE)


def rate(client, route=ROUTE, **body):
    return client.post(route, json=body)


def respond_by_text(upstream, respond):
    """Let the pipeline respond to each list of texts by `respond`."""

    def answer(request):
        inputs = json.loads(request.body)["inputs"]
        return respond(inputs if isinstance(inputs, list) else [inputs])

    upstream.add_callback("POST", MODEL, callback=answer, content_type="application/json")


def lines(response):
    return [json.loads(line) for line in response.text.splitlines()]


def test_a_pipeline_gets_the_texts_of_a_request_as_one_list(hub, upstream):
    upstream.post(MODEL, json=labels("positive", "negative", "neutral"))
    response = rate(hub, texts=TEXTS)
    assert [entry["sentiment"] for entry in response.get_json()["results"]] == ["positive", "negative", "neutral"]
    assert [(entry["index"], entry["id"]) for entry in response.get_json()["results"]] == [(0, "0"), (1, "1"), (2, "2")]
    assert sent(upstream) == {"inputs": TEXTS}
    assert response.headers["X-AI-Attempts"] == "1"
    assert response.get_json()["errors"] == []


def test_a_document_keeps_its_id(hub, upstream):
    upstream.post(MODEL, json=labels("positive", "negative"))
    documents = [{"id": "review-9", "text": TEXTS[0], "language": "en"}, {"text": TEXTS[1]}]
    body = rate(hub, documents=documents).get_json()
    assert [(entry["id"], entry["sentiment"]) for entry in body["results"]] == [
        ("review-9", "positive"),
        ("1", "negative"),
    ]


def test_long_lists_are_sent_in_joined_calls_of_limited_length(hub, upstream):
    lengths = []

    def respond(inputs):
        lengths.append(len(inputs))
        return 200, {}, json.dumps(labels(*["positive"] * len(inputs)))

    respond_by_text(upstream, respond)
    body = rate(hub, texts=[f"Text {number}." for number in range(70)]).get_json()
    assert len(body["results"]) == 70
    assert (max(lengths), sum(lengths)) == (32, 70)
    assert body["usage"]["prompt_tokens"] > 70


def test_an_invalid_text_is_an_error_beside_the_results(hub, upstream):
    upstream.post(MODEL, json=labels("positive"))
    response = rate(hub, texts=[" ", TEXTS[0], 5, None, "a\x00b"])
    body = response.get_json()
    assert response.status_code == 200
    assert [entry["index"] for entry in body["results"]] == [1]
    assert [(entry["index"], entry["error"]["type"]) for entry in body["errors"]] == [
        (index, "validation_error") for index in (0, 2, 3, 4)
    ]
    assert body["errors"][0]["error"]["details"] == {"text": ["The text is empty."]}


def test_a_rejected_list_is_sent_text_by_text(hub, upstream):
    def respond(inputs):
        if TEXTS[1] in inputs:
            return 400, {}, json.dumps({"error": "this text is bad"})
        return 200, {}, json.dumps(labels(*["positive"] * len(inputs)))

    respond_by_text(upstream, respond)
    body = rate(hub, texts=TEXTS).get_json()
    assert [entry["index"] for entry in body["results"]] == [0, 2]
    assert [(entry["index"], entry["error"]["type"]) for entry in body["errors"]] == [(1, "upstream_rejected")]


def test_a_list_with_a_wrong_number_of_answers_is_sent_text_by_text(hub, upstream):
    respond_by_text(upstream, lambda inputs: (200, {}, json.dumps(labels("positive"))))
    body = rate(hub, texts=TEXTS).get_json()
    assert len(body["results"]) == 3
    assert len(upstream.calls) == 4


def test_each_text_gets_the_error_of_its_joined_call(hub, upstream):
    upstream.post(MODEL, status=503, json={"error": "down"})
    response = rate(hub, texts=TEXTS)
    assert response.status_code == 200
    assert {entry["error"]["type"] for entry in response.get_json()["errors"]} == {"upstream_unavailable"}
    assert len(upstream.calls) == 1


def test_each_text_is_cached_for_itself(hub, upstream):
    upstream.post(MODEL, json=labels("positive", "negative"))
    rate(hub, texts=TEXTS[:2])
    upstream.replace("POST", MODEL, json=labels("neutral"))
    response = rate(hub, texts=TEXTS)
    assert [entry["sentiment"] for entry in response.get_json()["results"]] == ["positive", "negative", "neutral"]
    assert sent(upstream) == {"inputs": TEXTS[2]}
    assert rate(hub, text=TEXTS[1]).headers["X-AI-Cache"] == "hit"


def test_equal_texts_are_asked_once(hub, upstream):
    upstream.post(MODEL, json=labels("positive"))
    response = rate(hub, texts=[TEXTS[0]] * 5)
    assert len(response.get_json()["results"]) == 5
    assert sent(upstream) == {"inputs": TEXTS[0]}


def test_at_the_deadline_the_texts_without_a_result_are_named(make_client, upstream):
    def respond(request):
        if b"Text 0." not in request.body:
            time.sleep(0.6)
        return 200, {}, json.dumps(chat_response("positive"))

    upstream.add_callback("POST", CHAT, callback=respond, content_type="application/json")
    client = make_client(OPENAI, TEXTS_CONCURRENCY="2")
    body = {"texts": [f"Text {number}." for number in range(9)]}
    response = client.post(ROUTE, json=body, headers={"X-Request-Timeout": "300ms"})
    assert response.status_code == 200
    assert [entry["index"] for entry in response.get_json()["results"]] == [0]
    errors = response.get_json()["errors"]
    assert [entry["index"] for entry in errors] == list(range(1, 9))
    assert {entry["error"]["type"] for entry in errors} == {"upstream_timeout"}


def test_a_stream_has_a_line_for_each_text_and_a_last_one(hub, upstream):
    upstream.post(MODEL, json=labels("positive", "negative"))
    response = rate(hub, texts=[*TEXTS[:2], " "], stream=True)
    assert response.mimetype == "application/x-ndjson"
    *entries, last = lines(response)
    by_index = {entry["index"]: entry for entry in entries}
    assert (by_index[0]["sentiment"], by_index[1]["sentiment"]) == ("positive", "negative")
    assert by_index[2]["error"]["type"] == "validation_error"
    assert (last["done"], last["results"], last["errors"]) == (True, 2, 1)
    assert last["usage"]["prompt_tokens"] > 0


def test_a_bug_in_one_text_is_its_own_error(hub, upstream, monkeypatch, caplog):
    upstream.post(MODEL, json=labels("positive"))

    def fail(*_args):
        raise RuntimeError("a bug")

    monkeypatch.setattr(operation, "round", fail, raising=False)
    body = rate(hub, texts=TEXTS[:1]).get_json()
    assert body["errors"][0]["error"]["type"] == "internal_error"
    assert "a bug" not in json.dumps(body)
    assert "unhandled RuntimeError in a text" in caplog.text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": "a", "texts": ["b"]}, "texts"),
        ({"texts": []}, "texts"),
        ({"texts": ["a"] * 4}, "texts"),
        ({"texts": "a"}, "texts"),
        ({"documents": [{"id": "x"}]}, "documents"),
        ({"documents": [{"id": "x", "text": "a"}, {"id": "x", "text": "b"}]}, "documents"),
        ({"documents": [{"text": "a", "label": "b"}]}, "documents"),
        ({"documents": ["a"]}, "documents"),
        ({"text": "a", "stream": True}, "stream"),
        ({"text": "a", "format": "pdf"}, "format"),
        ({"text": "a", "language": "english"}, "language"),
    ],
)
def test_an_invalid_request_names_its_field(make_client, body, field):
    response = rate(make_client(MAX_TEXTS="3"), **body)
    assert response.status_code == 400
    assert list(response.get_json()["details"]) == [field]


def test_texts_beyond_their_limit_are_rejected_until_the_next_minute(make_client, chat):
    key, line = made("team", "texts_per_minute=4")
    client = make_client({**OPENAI, "API_KEYS": line})
    headers = {"X-API-Key": key}
    assert client.post(ROUTE, json={"texts": TEXTS}, headers=headers).status_code == 200
    assert client.post(ROUTE, json={"text": TEXTS[0]}, headers=headers).status_code == 200
    response = client.post(ROUTE, json={"text": TEXTS[0]}, headers=headers)
    assert (response.status_code, response.get_json()["details"]["limit"]) == (429, "texts_per_minute")
    response = client.post(ROUTE, json={"texts": TEXTS * 2}, headers=headers)
    assert "need 6 texts" in response.get_json()["message"]


def test_a_request_with_texts_counts_once_for_the_rate_limit(make_client, chat):
    client = make_client({**OPENAI, "RATE_LIMIT": "2/minute"})
    assert rate(client, texts=TEXTS).headers["RateLimit-Remaining"] == "1"


def test_tokens_of_all_texts_are_reserved_and_settled(make_client, chat):
    key, line = made("team", "tokens_per_day=40")
    client = make_client({**OPENAI, "API_KEYS": line})
    headers = {"X-API-Key": key}
    assert client.post(ROUTE, json={"texts": TEXTS}, headers=headers).get_json()["usage"]["total_tokens"] == 30
    response = client.post(ROUTE, json={"texts": ["word " * 12] * 2}, headers=headers)
    assert (response.status_code, response.get_json()["details"]["limit"]) == (429, "tokens_per_day")


def test_texts_are_counted_by_outcome(hub, upstream):
    upstream.post(MODEL, json=labels("positive", "negative"))
    rate(hub, texts=[*TEXTS[:2], " "])
    metrics = hub.get("/metrics").text
    assert 'ai_texts_total{operation="sentiment",outcome="ok",service="ai-huggingface"} 2.0' in metrics
    assert 'ai_texts_total{operation="sentiment",outcome="validation_error",service="ai-huggingface"} 1.0' in metrics


def test_debug_shows_the_attempts_of_all_texts(make_client, chat):
    response = make_client(OPENAI).post(ROUTE, json={"texts": TEXTS}, headers={"X-AI-Debug": "1"})
    assert [record["outcome"] for record in response.get_json()["debug"]["attempts"]] == ["ok"] * 3


def test_every_error_of_a_text_has_the_fields_of_an_error(hub):
    [entry] = rate(hub, texts=[" "]).get_json()["errors"]
    assert set(entry["error"]) | {"request_id"} == set(ServiceError().body(""))
