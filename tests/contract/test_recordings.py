"""Every recorded exchange, replayed through the service: it gives the expected result or the expected error."""

import json
from pathlib import Path

import pytest
from support.upstreams import HUB, HUGGINGFACE, PIPELINE, ROUTER_CHAT, ROUTER_MODELS

FOLDER = Path(__file__).parent / "recordings"
INDEX = json.loads((FOLDER / "index.json").read_text())
QUOTED = json.loads((FOLDER / "errors-quoted.json").read_text())
# the expected result of each recording, determined by hand: text, finish reason and usage, or the error's type
EXPECTED = json.loads((Path(__file__).parent / "expected.json").read_text())

TEXT_TASKS = ("chat_completion", "text_generation", "conversational")
# the text of a stream is spread over its events
PLAIN_TEXTS = [
    entry["file"]
    for entry in INDEX
    if entry["task"] in TEXT_TASKS and entry["status"] == 200 and "event-stream" not in entry["content_type"]
]
ERROR_STATUS = {
    "upstream_rejected": 400,
    "model_not_found": 404,
    "upstream_rate_limited": 429,
    "upstream_authentication_error": 502,
    "upstream_unavailable": 502,
    "upstream_invalid_response": 502,
    "upstream_quota_exhausted": 503,
    "model_loading": 503,
}


def files(*tasks):
    return [entry["file"] for entry in INDEX if entry["task"] in tasks]


def replay(upstream, method, url, file):
    response = json.loads((FOLDER / file).read_text())["response"]
    headers = dict(response["headers"])
    content_type = headers.pop("content-type", None)
    upstream.add(
        method, url, body=response["body"], status=response["status"], content_type=content_type, headers=headers
    )


@pytest.fixture
def client(make_client):
    return make_client(HUGGINGFACE)


@pytest.mark.parametrize("file", files(*TEXT_TASKS))
def test_a_recorded_text_gives_the_expected_result_or_error(client, upstream, file):
    replay(upstream, "POST", ROUTER_CHAT, file)
    response = client.post("/v1/text/generate", json={"prompt": "Tell me."})
    body, expected = response.get_json(), EXPECTED[file]
    if "error" in expected:
        assert (body["type"], response.status_code) == (expected["error"], ERROR_STATUS[expected["error"]])
    else:
        choice, usage = body["choices"][0], body["usage"]
        assert choice["text"][:80] == expected["text"]
        assert (len(choice["text"]), choice["finish_reason"]) == (expected["length"], expected["finish_reason"])
        counts = [usage["prompt_tokens"], usage["completion_tokens"], usage.get("estimated", False)]
        assert counts == expected["usage"]
        assert usage["total_tokens"] == counts[0] + counts[1]


@pytest.mark.parametrize("file", PLAIN_TEXTS)
def test_the_text_of_a_response_without_stream_equals_the_recorded_text(client, upstream, file):
    """The expected text is taken from the recording itself, without the service's parser."""
    recording = json.loads((FOLDER / file).read_text())["response"]
    payload = json.loads(recording["body"])
    payload = payload[0] if isinstance(payload, list) else payload
    recorded = payload.get("generated_text")
    if "choices" in payload:
        recorded = payload["choices"][0]["message"].get("content") or ""
    elif "message" in payload:
        recorded = payload["message"]["content"][0]["text"]
    replay(upstream, "POST", ROUTER_CHAT, file)
    assert client.post("/v1/text/generate", json={"prompt": "x"}).get_json()["choices"][0]["text"] == recorded


@pytest.mark.parametrize("file", files("text_classification"))
def test_a_recorded_classification_gives_the_expected_scores_or_error(client, upstream, file):
    model = "distilbert/distilbert-base-uncased-finetuned-sst-2-english"
    replay(upstream, "POST", PIPELINE + model, file)
    response = client.post("/v1/text/sentiment", json={"text": "I like you.", "model": model})
    if "error" in EXPECTED[file]:
        assert response.get_json()["type"] == EXPECTED[file]["error"]
        assert response.headers["Retry-After"] == "20"
    else:
        assert response.get_json()["scores"] == EXPECTED[file]["scores"]


@pytest.mark.parametrize("file", files("summarization"))
def test_a_recorded_summary_is_parsed(client, upstream, file):
    recorded = json.loads(json.loads((FOLDER / file).read_text())["response"]["body"])[0]["summary_text"]
    replay(upstream, "POST", f"{PIPELINE}facebook/bart-large-cnn", file)
    summary = client.post("/v1/text/summarize", json={"text": "The tower. " * 100}).get_json()["summary"]
    assert summary
    assert recorded.strip().startswith(summary.removesuffix("…"))


@pytest.mark.parametrize("file", files("model_info"))
def test_recorded_model_information_gives_the_expected_validation(client, upstream, file):
    replay(upstream, "GET", f"{HUB}some/model", file)
    if EXPECTED[file].get("redirect"):
        upstream.get(HUB + EXPECTED[file]["redirect"], json={"id": EXPECTED[file]["redirect"]})
    if not EXPECTED[file]["valid"]:  # a redirect, whose target has no provider here
        upstream.get(ROUTER_MODELS, json={"data": []})
    body = client.get("/v1/models/validate?model=some/model").get_json()
    expected = {name: EXPECTED[file][name] for name in ("valid", "tasks", "providers") if EXPECTED[file].get(name)}
    assert {name: body[name] for name in expected} == expected


@pytest.mark.parametrize("entry", INDEX, ids=lambda entry: entry["file"])
@pytest.mark.parametrize("operation", ["generate", "sentiment", "summarize", "validate"])
def test_no_recording_leads_to_a_500_in_any_operation(client, upstream, entry, operation):
    upstream.assert_all_requests_are_fired = False
    for url in (ROUTER_CHAT, f"{PIPELINE}org/model"):
        replay(upstream, "POST", url, entry["file"])
    for url in (f"{HUB}org/model", ROUTER_MODELS):
        replay(upstream, "GET", url, entry["file"])
    if operation == "validate":
        response = client.get("/v1/models/validate?model=org/model")
    else:
        field = "prompt" if operation == "generate" else "text"
        response = client.post(f"/v1/text/{operation}", json={field: "Some text.", "model": "org/model"})
    assert response.status_code in (200, 400, 404, 429, 501, 502, 503)
    if response.status_code != 200:
        assert response.get_json()["code"] == response.status_code


@pytest.mark.parametrize("entry", QUOTED, ids=lambda entry: f"{entry['status']}-{(entry['body'] or '')[:40]}")
def test_quoted_errors_give_an_upstream_error(client, upstream, entry):
    status = entry["status"] or 400
    content_type = entry["content_type"] or "application/json"
    upstream.post(ROUTER_CHAT, body=entry["body"] or "", status=status, content_type=content_type)
    response = client.post("/v1/text/generate", json={"prompt": "x"})
    assert response.get_json()["type"] in ERROR_STATUS
    assert response.status_code == ERROR_STATUS[response.get_json()["type"]]
