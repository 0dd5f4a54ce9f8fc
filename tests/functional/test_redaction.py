"""Redaction as an option of every operation: what upstreams get, what clients get, and what is refused."""

import base64
import json
import logging
import re

import pytest
from support.keys import made
from support.lines import request_lines
from support.metrics import total
from support.surfaces.table import CALLING, CONVERSATIONS, PROMPT, SETTINGS
from support.upstreams import CHAT, HUGGINGFACE, OPENAI, PIPELINE, chat_response, sent, stream

from app.schemas import pii

MAIL, PHONE = "alice@example.com", "+44 20 7946 0958"
TEXT = f"Mail {MAIL} or call {PHONE}."
HEADERS = {"X-AI-Redact": "email,phone"}
EVENTS = "text/event-stream"
NATIVE = "http://llm.test:8000/v1/responses"


@pytest.fixture
def make_app(make_app):
    return lambda base=OPENAI, **variables: make_app(base, **{**SETTINGS, **variables})


def chat(client, text=TEXT, headers=HEADERS, **body):
    messages = [{"role": "user", "content": text}]
    return client.post("/v1/chat/completions", json={"messages": messages, **body}, headers=headers)


def answer(response):
    return response.get_json()["choices"][0]["message"]["content"]


def events(*deltas, **last):
    parts = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    return stream([*parts, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", **last}]}])


@pytest.mark.parametrize("surface", CALLING, ids=str)
def test_no_surface_sends_the_values(client, upstream, surface):
    upstream.post(surface.upstream, json=surface.response)
    route, body = surface.request()
    body = json.loads(json.dumps(body).replace(PROMPT, TEXT))
    response = client.post(route, json=body, headers=HEADERS)
    assert response.status_code == 200, response.text
    bodies = [call.request.body.decode() for call in upstream.calls]
    assert not [text for text in bodies if MAIL in text or "7946" in text]
    assert re.search(r"Mail \[EMAIL_\d\] or call \[PHONE_1\]\.", bodies[-1])


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("surface", CONVERSATIONS, ids=str)
def test_the_values_come_back_on_every_surface(client, upstream, surface, streamed):
    if surface.upstream == CHAT:
        whole = chat_response("To [EMAIL_1], PHONE_1")
        parts = events({"content": "To [EM"}, {"content": "AIL_1], "}, {"content": "PHONE_1"})
    else:
        choice = {"index": 0, "text": "To [EMAIL_1], PHONE_1", "finish_reason": "stop"}
        whole = {"choices": [choice]}
        parts = stream(
            [
                {"choices": [{"index": 0, "text": text, "finish_reason": reason}]}
                for text, reason in (("To [EM", None), ("AIL_1], ", None), ("PHONE_1", "stop"))
            ]
        )
    upstream.post(surface.upstream, **({"body": parts, "content_type": EVENTS} if streamed else {"json": whole}))
    route, body = surface.request(streamed=streamed)
    body = json.loads(json.dumps(body).replace(PROMPT, TEXT))
    response = client.post(route, json=body, headers=HEADERS)
    text = surface.dialect.stream(response.data).text if streamed else surface.dialect.text(response.get_json())
    assert text == f"To {MAIL}, {PHONE}"


def test_without_the_option_texts_are_sent_as_they_are(client, upstream):
    upstream.post(CHAT, json=chat_response("[EMAIL_1]"))
    assert answer(chat(client, headers=None)) == "[EMAIL_1]"
    assert sent(upstream)["messages"][0]["content"] == TEXT


def test_a_text_without_personal_data_is_sent_as_it_is(client, upstream):
    upstream.post(CHAT, json=chat_response("Hi [EMAIL_1]."))
    assert answer(chat(client, "Hello.")) == "Hi [EMAIL_1]."
    assert sent(upstream)["messages"][0]["content"] == "Hello."


def test_only_the_named_kinds_are_replaced(client, upstream):
    upstream.post(CHAT, json=chat_response("ok"))
    chat(client, headers={"X-AI-Redact": "phone"})
    assert sent(upstream)["messages"][0]["content"] == f"Mail {MAIL} or call [PHONE_1]."


@pytest.mark.parametrize("value", ["", "mails", "all,email", "email,,phone", "name"])
def test_a_header_with_another_kind_is_refused(client, value):
    response = chat(client, headers={"X-AI-Redact": value})
    assert response.status_code == 400
    assert response.get_json()["error"]["param"] == "X-AI-Redact"
    assert "national_id" in response.get_json()["error"]["message"]


def test_a_key_and_the_setting_add_kinds_that_a_client_cannot_take_away(make_client, upstream):
    upstream.post(CHAT, json=chat_response("ok"))
    key, line = made("team", "redact=email")
    client = make_client(API_KEYS=line, REDACT="phone")
    text = f"{TEXT} Card 4111 1111 1111 1111."
    headers = {"Authorization": f"Bearer {key}"}
    chat(client, text, headers)
    assert sent(upstream)["messages"][0]["content"].startswith("Mail [EMAIL_1] or call [PHONE_1]. Card 4111")
    chat(client, text, {**headers, "X-AI-Redact": "card"})
    assert sent(upstream)["messages"][0]["content"] == "Mail [EMAIL_1] or call [PHONE_1]. Card [CARD_1]."


def test_every_text_of_a_body_is_replaced_and_the_model_is_not(client, upstream):
    upstream.post(CHAT, json=chat_response("ok"))
    parts = [{"type": "text", "text": "mail ali"}, {"type": "text", "text": f"ce@example.com, {PHONE}"}]
    schema = {"type": "object", "properties": {MAIL: {"default": MAIL, "image": {"enum": [MAIL]}}}}
    chat(
        client,
        parts,
        {"X-AI-Redact": "all"},
        model="org/other",
        user=MAIL,
        stop=[MAIL],
        metadata={"to": MAIL, "account": 4111111111111111, "number": 123},
        seed=4111111111111111,
        tools=[{"type": "function", "function": {"name": "f", "description": MAIL, "parameters": schema}}],
    )
    body = upstream.calls[-1].request.body.decode()
    assert "alice" not in body
    assert "ce@example" not in body
    assert sent(upstream)["model"] == "org/other"
    assert sent(upstream)["seed"] == 4111111111111111
    assert sent(upstream)["metadata"] == {"to": "[EMAIL_1]", "account": "[CARD_1]", "number": 123}
    assert sent(upstream)["user"] == sent(upstream)["stop"][0] == "[EMAIL_1]"


IMAGE = [{"type": "image_url", "image_url": {"url": "http://x/y"}}]
REASONING = [{"type": "reasoning", "encrypted_content": "gAAAA", "summary": []}, {"role": "user", "content": "x"}]


@pytest.mark.parametrize(
    ("route", "body", "name"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": IMAGE}]}, "image_url"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "data:image/png;base64,AAAA"}]}, "base64"),
        ("/v1/completions", {"prompt": [1, 2, 3]}, "token ids"),
        ("/v1/embeddings", {"input": [[1, 2], [3]]}, "token ids"),
        ("/v1/responses", {"input": REASONING}, "encrypted_content"),
        ("/v1/responses", {"input": "x", "previous_response_id": "resp_1"}, "previous_response_id"),
    ],
)
def test_what_cannot_be_searched_is_refused_by_its_name(make_client, upstream, route, body, name):
    client = make_client(OPENAI_RESPONSES="native")
    response = client.post(route, json=body, headers=HEADERS)
    assert response.status_code == 400, response.text
    assert name in response.get_json()["error"]["message"]
    assert not upstream.calls


def test_a_long_word_that_is_no_file_is_accepted(client, upstream):
    upstream.post(CHAT, json=chat_response("ok"))
    for text in ("x" * 600, "ACGT" * 200, base64.b64encode(b"a plain text " * 40).decode()):
        assert chat(client, text).status_code == 200
    binary = "iVBORw0KGgoAAAANSUhEUgAA9/v8" * 20
    assert chat(client, binary).status_code == 400


@pytest.mark.parametrize("streamed", [False, True])
def test_arguments_of_tools_are_valid_json_with_the_values(client, upstream, streamed):
    text = "Mail alice@example.com, phone +44 20\n7946 0958."
    function = {"name": "send", "arguments": '{"to": "[EMAIL_1]", "phone": "[PHONE_1]"}'}
    call = {"index": 0, "id": "c1", "type": "function", "function": function}
    if streamed:
        cut = [{"index": 0, "function": {"arguments": part}} for part in ('IL_1]", "phone": "[PHO', 'NE_1]"}')]
        first = {**call, "function": {"name": "send", "arguments": '{"to": "[EMA'}}
        body = events(*({"tool_calls": [part]} for part in (first, *cut)))
        upstream.post(CHAT, body=body, content_type=EVENTS)
        lines = [line[6:] for line in chat(client, text, stream=True).text.splitlines() if line.startswith("data: {")]
        deltas = [choice["delta"] for line in lines for choice in json.loads(line)["choices"]]
        calls = [one for delta in deltas for one in delta.get("tool_calls", ())]
        arguments = "".join(one["function"]["arguments"] for one in calls)
    else:
        upstream.post(CHAT, json=chat_response("", message={"role": "assistant", "tool_calls": [call]}))
        [found] = chat(client, text).get_json()["choices"][0]["message"]["tool_calls"]
        arguments = found["function"]["arguments"]
    assert json.loads(arguments) == {"to": MAIL, "phone": "+44 20\n7946 0958"}


def test_structured_output_stays_valid(client, upstream):
    upstream.post(CHAT, json=chat_response('{"phone": "[PHONE_1]"}'))
    response = chat(client, "phone +44 20\n7946 0958", response_format={"type": "json_object"})
    assert json.loads(answer(response)) == {"phone": "+44 20\n7946 0958"}


@pytest.mark.parametrize("streamed", [False, True])
def test_log_probabilities_of_placeholders_are_left_out(client, upstream, streamed):
    logprobs = {"content": [{"token": "[", "logprob": -1.0, "bytes": None, "top_logprobs": []}]}
    if streamed:
        upstream.post(CHAT, body=events({"content": "[EMAIL_1]"}, logprobs=logprobs), content_type=EVENTS)
        assert '"token"' not in chat(client, stream=True, logprobs=True).text
    else:
        upstream.post(CHAT, json=chat_response("[EMAIL_1]", logprobs=logprobs))
        assert chat(client, logprobs=True).get_json()["choices"][0]["logprobs"] is None


def test_a_stream_that_ends_within_a_placeholder_has_all_of_its_text(client, upstream):
    unfinished = [{"choices": [{"index": 0, "delta": {"content": "To [EMAIL"}, "finish_reason": None}]}]
    upstream.post(CHAT, body=stream(unfinished), content_type=EVENTS)
    text = chat(client, stream=True).text
    pieces = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    assert "".join(choice["delta"].get("content") or "" for one in pieces for choice in one["choices"]) == "To [EMAIL"


@pytest.mark.parametrize("kind", ["json", "events", "generation"])
def test_a_response_in_events_that_was_not_asked_for_is_restored(client, upstream, kind):
    body = events({"content": "To [EM"}, {"content": "AIL_1]"})
    upstream.post(CHAT, body=body, content_type=EVENTS)
    if kind == "generation":
        response = client.post("/v1/text/generate", json={"prompt": TEXT}, headers=HEADERS)
        assert response.get_json()["choices"][0]["text"] == f"To {MAIL}"
    else:
        assert answer(chat(client)) == f"To {MAIL}"


def test_a_response_that_is_no_text_is_an_error(client, upstream):
    upstream.post(CHAT, body=b'{"choices": "\xff"}', content_type="application/json")
    assert chat(client).status_code == 502


def test_caches_hold_placeholders_and_each_request_gets_its_own_values(client, upstream):
    upstream.post(CHAT, json=chat_response("To [EMAIL_1]"))
    first = client.post("/v1/text/generate", json={"prompt": f"Ask {MAIL}", "temperature": 0}, headers=HEADERS)
    second = client.post("/v1/text/generate", json={"prompt": "Ask bob@example.org", "temperature": 0}, headers=HEADERS)
    assert first.get_json()["choices"][0]["text"] == f"To {MAIL}"
    assert second.get_json()["choices"][0]["text"] == "To bob@example.org"
    assert second.headers["X-AI-Cache"] == "hit"
    assert len(upstream.calls) == 1


def test_logs_debug_fields_and_errors_hold_placeholders(client, upstream, caplog):
    caplog.set_level(logging.DEBUG)
    upstream.post(CHAT, status=400, json={"error": {"message": "No [EMAIL_1] here"}})
    response = chat(client, headers={**HEADERS, "X-AI-Debug": "1"})
    assert response.status_code == 400
    assert "No [EMAIL_1] here" in response.text
    assert MAIL not in response.text
    assert request_lines(caplog)
    assert MAIL not in caplog.text
    assert MAIL not in str([vars(record) for record in caplog.records])


def test_replaced_values_are_counted_by_kind(client, upstream):
    upstream.post(CHAT, json=chat_response("ok"))
    chat(client, f"{TEXT} {MAIL} bob@example.org")
    assert total(client, "ai_redacted_total", type="email") == 2
    assert total(client, "ai_redacted_total", type="phone") == 1


def test_fields_that_an_upstream_refuses_are_replaced_too(client, upstream):
    upstream.post(
        CHAT, status=400, json={"error": {"message": "Unknown field: stream_options", "param": "stream_options"}}
    )
    upstream.post(CHAT, body=events({"content": "[EMAIL_1]"}), content_type=EVENTS)
    response = chat(client, stream=True, stream_options={"include_usage": False, "note": MAIL})
    assert MAIL in response.text
    assert MAIL not in upstream.calls[-1].request.body.decode()


@pytest.mark.parametrize("inputs", ["text", "list", "question"])
def test_offsets_of_pipelines_are_those_of_the_text_as_it_was(make_client, upstream, inputs):
    text = f"Ask {MAIL} in Oslo, {PHONE}, Bergen"
    redacted = "Ask [EMAIL_1] in Oslo, [PHONE_1], Bergen"
    found = [
        {
            "entity_group": "LOC",
            "word": word,
            "score": 0.9,
            "start": redacted.index(word),
            "end": redacted.index(word) + len(word),
        }
        for word in ("[EMAIL_1]", "Oslo", "Bergen")
    ]
    task = "question-answering" if inputs == "question" else "token-classification"
    body = {"text": text, "list": [text, "Hi"], "question": {"question": "Where?", "context": text}}[inputs]
    payload = {"text": found, "list": [found, []], "question": {**found[2], "answer": "Bergen"}}[inputs]
    upstream.post(f"{PIPELINE}org/m", json=payload)
    client = make_client(HUGGINGFACE)
    response = client.post(f"/models/org/m/pipeline/{task}", json={"inputs": body}, headers=HEADERS).get_json()
    one = {"text": lambda: response, "list": lambda: response[0], "question": lambda: [response]}[inputs]()
    words = ["Bergen"] if inputs == "question" else [MAIL, "Oslo", "Bergen"]
    assert [text[entity["start"] : entity["end"]] for entity in one] == words


COMPLETED = {
    "type": "response.completed",
    "response": {
        "id": "resp_1",
        "status": "completed",
        "output": [
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "To [EMAIL_1]"}]}
        ],
    },
}


@pytest.mark.parametrize("streamed", [False, True])
def test_a_route_of_responses_of_the_upstream_itself_is_restored(make_client, upstream, streamed):
    client = make_client(OPENAI_RESPONSES="native")
    place = {"item_id": "m", "output_index": 0, "content_index": 0}
    if streamed:
        parts = [
            {"type": "response.output_text.delta", **place, "delta": part, "sequence_number": number}
            for number, part in enumerate(("To [EM", "AIL_1]"))
        ]
        body = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in (*parts, COMPLETED))
        upstream.post(NATIVE, body=body, content_type=EVENTS)
    else:
        upstream.post(NATIVE, json=COMPLETED["response"])
    response = client.post("/v1/responses", json={"input": TEXT, "stream": streamed}, headers=HEADERS)
    assert sent(upstream)["input"] == "Mail [EMAIL_1] or call [PHONE_1]."
    if not streamed:
        assert response.get_json()["output"][0]["content"][0]["text"] == f"To {MAIL}"
        return
    found = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: ")]
    assert "".join(one.get("delta", "") for one in found) == f"To {MAIL}"
    assert [one["sequence_number"] for one in found] == list(range(len(found)))
    assert found[-1]["response"]["output"][0]["content"][0]["text"] == f"To {MAIL}"


@pytest.mark.parametrize("stream", [False, True])
def test_each_of_several_texts_is_replaced(client, upstream, stream):
    upstream.post(CHAT, json=chat_response("positive"))
    body = {"texts": [TEXT, "bob@example.org is happy"], "stream": stream}
    response = client.post("/v1/text/sentiment", json=body, headers=HEADERS)
    assert response.status_code == 200
    assert response.get_data()
    bodies = [call.request.body.decode() for call in upstream.calls]
    assert len(bodies) >= 2
    assert not [text for text in bodies if "alice@" in text or "bob@" in text or "7946" in text]


def test_a_mapping_of_too_many_placeholders_is_refused(client, monkeypatch):
    monkeypatch.setattr(pii, "MAX_PLACEHOLDERS", 1)
    body = {"text": "x", "mapping": {"[EMAIL_1]": "a", "[EMAIL_2]": "b"}}
    response = client.post("/v1/text/restore", json=body)
    assert (response.status_code, list(response.get_json()["details"])) == (400, ["mapping"])
