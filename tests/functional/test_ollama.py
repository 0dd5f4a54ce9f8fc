"""Ollama's routes: what is translated, what is ignored, what is refused, and the shape of responses and errors."""

import json

import pytest
from support.keys import made
from support.upstreams import CHAT, EMBEDDED, OPENAI, chat_response, sent, stream

from app.config.encoder_models import ENGLISH

BASE = "http://llm.test:8000/v1"
EMBEDDINGS = f"{BASE}/embeddings"
MODELS = f"{BASE}/models"
HI = [{"role": "user", "content": "Hi."}]
SCHEMA = {"type": "object"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": [1]}'}}


def chat(client, **body):
    return client.post("/api/chat", json={"messages": HI, "stream": False, **body})


def generate(client, **body):
    return client.post("/api/generate", json={"prompt": "Hi.", "stream": False, **body})


def lines(response):
    body = response.get_data()
    assert body.endswith(b"\n")
    return [json.loads(line) for line in body.removesuffix(b"\n").split(b"\n")]


def delta(reason=None, index=0, **fields):
    return {"choices": [{"index": index, "delta": fields, "finish_reason": reason}]}


def streamed(client, upstream, *events, path="/api/chat", **body):
    upstream.post(CHAT, body=stream(list(events)), content_type="text/event-stream")
    return client.post(path, json={"messages": HI, "prompt": "Hi.", **body})


def vectors(*texts):
    data = [{"object": "embedding", "index": index, "embedding": [0.5, index]} for index, _ in enumerate(texts)]
    return {"object": "list", "data": data, "model": "org/small", "usage": {"prompt_tokens": 4, "total_tokens": 4}}


def test_a_response_has_the_message_the_counts_and_the_time(client, upstream):
    upstream.post(CHAT, json=chat_response("Hello."))
    body = chat(client).get_json()
    assert body["message"] == {"role": "assistant", "content": "Hello."}
    assert (body["model"], body["done"], body["done_reason"]) == ("org/small", True, "stop")
    assert (body["prompt_eval_count"], body["eval_count"]) == (7, 3)
    assert body["total_duration"] > 0
    assert body["created_at"].endswith("Z")


def test_a_generated_response_has_the_text(client, upstream):
    upstream.post(CHAT, json=chat_response("Hello."))
    body = generate(client, system="Be kind.").get_json()
    assert (body["response"], body["done"], body["eval_count"]) == ("Hello.", True, 3)
    assert sent(upstream)["messages"] == [{"role": "system", "content": "Be kind."}, *HI]


@pytest.mark.parametrize(
    ("reason", "done_reason"), [("length", "length"), ("tool_calls", "stop"), ("content_filter", "content_filter")]
)
def test_done_reason_is_the_finish_reason(client, upstream, reason, done_reason):
    upstream.post(CHAT, json=chat_response("Hello.", finish_reason=reason))
    assert chat(client).get_json()["done_reason"] == done_reason


def test_options_that_chat_completions_have_are_translated_and_others_are_left_out(client, upstream):
    upstream.post(CHAT, json=chat_response("Hello."))
    kept = {"temperature": 0.5, "top_p": 0.9, "top_k": 5, "min_p": 0.1, "seed": 7, "stop": ["x"], "repeat_penalty": 1.1}
    chat(client, options={**kept, "num_predict": 20, "num_ctx": 4096, "mirostat": 1}, keep_alive="5m", other=1)
    assert sent(upstream) == {"model": "org/small", "messages": HI, "max_tokens": 20, **kept}


@pytest.mark.parametrize("limit", [-1, -2, 0, None])
def test_no_limit_is_sent_for_an_unlimited_response(client, upstream, limit):
    upstream.post(CHAT, json=chat_response("Hello."))
    chat(client, options={"num_predict": limit})
    assert "max_tokens" not in sent(upstream)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("json", {"type": "json_object"}),
        (
            {"type": "object"},
            {"type": "json_schema", "json_schema": {"name": "response", "schema": {"type": "object"}}},
        ),
        ("", None),
        (None, None),
    ],
)
def test_format_becomes_a_response_format(client, upstream, form, expected):
    upstream.post(CHAT, json=chat_response("{}"))
    chat(client, format=form)
    assert sent(upstream).get("response_format") == expected


@pytest.mark.parametrize(("think", "effort"), [(True, "medium"), ("high", "high"), (False, None), (None, None)])
def test_think_becomes_the_reasoning_effort(client, upstream, think, effort):
    upstream.post(CHAT, json=chat_response("Hello."))
    chat(client, think=think)
    assert sent(upstream).get("reasoning_effort") == effort


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
@pytest.mark.parametrize(("think", "thinking"), [(True, "Hm."), (None, "Hm."), (False, None)])
def test_thinking_is_returned_unless_it_is_not_wanted(client, upstream, field, think, thinking):
    message = {"role": "assistant", "content": "Hello.", field: "Hm."}
    upstream.post(CHAT, json=chat_response("", message=message))
    upstream.post(CHAT, json=chat_response("", message=message))
    assert chat(client, think=think).get_json()["message"].get("thinking") == thinking
    assert generate(client, think=think).get_json().get("thinking") == thinking


def test_images_become_parts_of_their_type(client, upstream):
    images = ["iVBORw0=", "/9j/4AA=", "R0lGODl=", "UklGRhI=", "data:image/bmp;base64,Qk0="]
    upstream.post(CHAT, json=chat_response("A dog."))
    chat(client, messages=[{"role": "user", "content": "See:", "images": images}])
    text, *parts = sent(upstream)["messages"][0]["content"]
    assert text == {"type": "text", "text": "See:"}
    assert [part["image_url"]["url"][:19] for part in parts] == [
        "data:image/png;base",
        "data:image/jpeg;bas",
        "data:image/gif;base",
        "data:image/webp;bas",
        "data:image/bmp;base",
    ]
    assert parts[0]["image_url"]["url"] == "data:image/png;base64,iVBORw0="


def test_an_image_needs_no_prompt(client, upstream):
    upstream.post(CHAT, json=chat_response("A dog."))
    assert generate(client, prompt="", images=["iVBORw0="]).get_json()["response"] == "A dog."
    assert [part["type"] for part in sent(upstream)["messages"][0]["content"]] == ["image_url"]


def test_tools_and_calls_are_translated_both_ways(client, upstream):
    message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    upstream.post(CHAT, json=chat_response("", message=message, finish_reason="tool_calls"))
    tool = {"function": {"name": "f", "parameters": {"type": "object"}}}
    body = chat(client, tools=[tool]).get_json()
    assert sent(upstream)["tools"] == [{"type": "function", **tool}]
    assert body["message"]["content"] == ""
    function = {"index": 0, "name": "f", "arguments": {"a": [1]}}
    assert body["message"]["tool_calls"] == [{"id": "c1", "function": function}]


def test_results_get_the_ids_of_their_calls(client, upstream):
    def call(name, **more):
        return {"function": {"name": name, "arguments": {"x": name}}, **more}

    upstream.post(CHAT, json=chat_response("Done."))
    calls = [call("f"), call("g"), call("f"), call("h", id="mine")]
    results = [{"tool_name": "g"}, {}, {"tool_call_id": "mine"}, {"tool_name": "f"}, {"tool_name": "z"}]
    asked = [*HI, {"role": "assistant", "content": "", "thinking": "Hm.", "tool_calls": calls}]
    chat(client, messages=[*asked, *({"role": "tool", "content": "1", **one} for one in results)])
    _, assistant, *tools = sent(upstream)["messages"]
    assert [one["id"] for one in assistant["tool_calls"]] == ["call_0", "call_1", "call_2", "mine"]
    assert assistant["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"x":"f"}'}
    assert assistant.keys() == {"role", "content", "tool_calls"}
    assert [one["tool_call_id"] for one in tools] == ["call_1", "call_0", "mine", "call_2", "call_z"]


def test_arguments_that_are_a_text_stay_one(client, upstream):
    upstream.post(CHAT, json=chat_response("Done."))
    call = {"function": {"name": "f", "arguments": '{"a": 1}'}}
    chat(client, messages=[*HI, {"role": "assistant", "tool_calls": [call]}])
    assert sent(upstream)["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"a": 1}'


@pytest.mark.parametrize("arguments", ["{", "[1]"])
def test_arguments_that_are_no_object_are_an_invalid_response(client, upstream, arguments):
    call = {**CALL, "function": {"name": "f", "arguments": arguments}}
    upstream.post(CHAT, json=chat_response("", message={"role": "assistant", "content": "", "tool_calls": [call]}))
    response = chat(client)
    assert (response.status_code, list(response.get_json())) == (502, ["error"])


def test_a_call_that_the_token_limit_cut_off_is_left_out(client, upstream):
    call = {**CALL, "function": {"name": "f", "arguments": '{"a'}}
    message = {"role": "assistant", "content": "", "tool_calls": [CALL, call]}
    upstream.post(CHAT, json=chat_response("", message=message, finish_reason="length"))
    assert len(chat(client).get_json()["message"]["tool_calls"]) == 1


def test_log_probabilities_are_returned(client, upstream):
    tokens = [{"token": "Hello", "logprob": -0.5, "top_logprobs": []}]
    upstream.post(CHAT, json=chat_response("Hello.", logprobs={"content": tokens}))
    assert chat(client, logprobs=True, top_logprobs=2).get_json()["logprobs"] == tokens
    assert (sent(upstream)["logprobs"], sent(upstream)["top_logprobs"]) == (True, 2)


def test_a_response_streams_by_default_and_ends_with_the_counts(client, upstream):
    usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}}
    events = [delta(role="assistant", content=""), delta(content="Hel"), delta(content="lo"), delta("stop"), usage]
    response = streamed(client, upstream, *events)
    assert response.mimetype == "application/x-ndjson"
    first, second, last = lines(response)
    assert [first["message"]["content"], second["message"]["content"]] == ["Hel", "lo"]
    assert (first["done"], second["done"], last["done"]) == (False, False, True)
    assert last["message"] == {"role": "assistant", "content": ""}
    assert (last["done_reason"], last["prompt_eval_count"], last["eval_count"]) == ("stop", 7, 3)
    assert last["prompt_eval_duration"] + last["eval_duration"] <= last["total_duration"] * 1.01


def test_a_prompt_streams_by_default(client, upstream):
    response = streamed(client, upstream, delta(reasoning="Hm."), delta("stop", content="Hi"), path="/api/generate")
    thought, text, last = lines(response)
    assert (thought["thinking"], thought["response"]) == ("Hm.", "")
    assert (text["response"], last["response"], last["done"]) == ("Hi", "", True)


def test_thinking_is_left_out_of_a_stream_if_it_is_not_wanted(client, upstream):
    response = streamed(client, upstream, delta(reasoning="Hm."), delta("stop", content="Hi"), think=False)
    assert [line["message"]["content"] for line in lines(response)] == ["Hi", ""]


def test_calls_are_streamed_when_they_are_complete(client, upstream):
    pieces = [
        delta(tool_calls=[{"index": 0, "id": "c1", "function": {"name": "f", "arguments": '{"a"'}}]),
        delta(tool_calls=[{"index": 1, "id": "c2", "function": {"name": "g", "arguments": ""}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": ": 1}"}}]),
        delta("tool_calls"),
    ]
    called, last = lines(streamed(client, upstream, *pieces))
    functions = [call["function"] for call in called["message"]["tool_calls"]]
    assert functions == [
        {"index": 0, "name": "f", "arguments": {"a": 1}},
        {"index": 1, "name": "g", "arguments": {}},
    ]
    assert (called["done"], last["done"], last["done_reason"]) == (False, True, "stop")
    assert "tool_calls" not in last["message"]


def test_a_stream_of_log_probabilities_has_those_of_each_part(client, upstream):
    event = delta("stop", content="Hi")
    event["choices"][0]["logprobs"] = {"content": [{"token": "Hi", "logprob": -1.0}]}
    first, last = lines(streamed(client, upstream, event, logprobs=True))
    assert first["logprobs"] == [{"token": "Hi", "logprob": -1.0}]
    assert "logprobs" not in last


def test_a_refusal_is_text(client, upstream):
    first, _ = lines(streamed(client, upstream, delta("stop", refusal="No.")))
    assert first["message"]["content"] == "No."


def test_a_stream_that_breaks_ends_with_an_error_and_is_never_done(client, upstream):
    body = f"data: {json.dumps(delta(content='Hel'))}\n\n"
    upstream.post(CHAT, body=body, content_type="text/event-stream")
    first, error = lines(client.post("/api/chat", json={"messages": HI}))
    assert (first["message"]["content"], first["done"]) == ("Hel", False)
    assert list(error) == ["error"]


def test_a_stream_with_invalid_arguments_ends_with_an_error(client, upstream):
    piece = {"index": 0, "id": "c1", "function": {"name": "f", "arguments": "[1"}}
    [error] = lines(streamed(client, upstream, delta("tool_calls", tool_calls=[piece])))
    assert list(error) == ["error"]


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("/api/chat", {"messages": []}, {"message": {"role": "assistant", "content": ""}}),
        ("/api/chat", {}, {"message": {"role": "assistant", "content": ""}}),
        ("/api/generate", {"prompt": ""}, {"response": ""}),
        ("/api/generate", {}, {"response": ""}),
    ],
)
@pytest.mark.parametrize(
    ("keep_alive", "reason"), [({}, "load"), ({"keep_alive": "5m"}, "load"), ({"keep_alive": 0}, "unload")]
)
def test_an_empty_request_loads_the_model_without_a_call(client, path, body, text, keep_alive, reason):
    response = client.post(path, json={"model": "org/x", **body, **keep_alive})
    assert response.mimetype == "application/json"
    loaded = response.get_json()
    assert loaded.pop("created_at")
    assert loaded == {"model": "org/x", **text, "done": True, "done_reason": reason}


@pytest.mark.parametrize("field", [{"suffix": "x"}, {"raw": True}, {"template": "{{ .Prompt }}"}, {"context": [1, 2]}])
def test_fields_that_cannot_be_translated_are_refused(client, field):
    response = generate(client, **field)
    assert response.status_code == 501
    assert next(iter(field)) in response.get_json()["error"]


def test_empty_fields_that_cannot_be_translated_are_ignored(client, upstream):
    upstream.post(CHAT, json=chat_response("Hello."))
    assert generate(client, suffix="", raw=False, template="", context=[], system="").status_code == 200
    assert sent(upstream)["messages"] == HI


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("llama3:latest", "llama3"),
        ("llama3:8b", "llama3:8b"),
        ("org/small", "org/small"),
        ("kept:latest", "kept:latest"),
        ("openai:latest", "latest"),
        ("openai:llama3:latest", "llama3"),
        ("fast:latest", "org/quick"),
        ("default:latest", "org/small"),
        ("", "org/small"),
    ],
)
def test_the_tag_that_clients_add_is_removed_unless_the_settings_know_it(make_client, upstream, given, asked):
    upstream.post(CHAT, json=chat_response("Hello."))
    chat(make_client(MODEL_ALIASES="fast=org/quick,kept:latest=kept:latest"), model=given)
    assert sent(upstream)["model"] == asked


def test_texts_become_vectors(client, upstream):
    upstream.post(EMBEDDINGS, json=vectors("a", "b"))
    body = client.post("/api/embed", json={"input": ["a", "b"], "dimensions": 2, "truncate": True}).get_json()
    assert body.pop("total_duration") > 0
    assert body == {"model": "org/small", "embeddings": [[0.5, 0], [0.5, 1]], "prompt_eval_count": 4}
    assert sent(upstream)["dimensions"] == 2
    assert "truncate" not in sent(upstream)


def test_a_text_becomes_one_vector(client, upstream):
    upstream.post(EMBEDDINGS, json=vectors("a"))
    upstream.post(EMBEDDINGS, json=vectors("a"))
    assert client.post("/api/embed", json={"input": "a"}).get_json()["embeddings"] == [[0.5, 0]]
    assert client.post("/api/embeddings", json={"model": "m:latest", "prompt": "a"}).get_json() == {
        "embedding": [0.5, 0]
    }
    assert sent(upstream)["model"] == "m"


def test_no_text_needs_no_call(client):
    assert client.post("/api/embed", json={"model": "m", "input": []}).get_json()["embeddings"] == []
    assert client.post("/api/embeddings", json={"prompt": ""}).get_json() == {"embedding": []}


def test_tags_list_the_models(client, upstream):
    listed = [{"id": "org/big", "created": 86400}, {"id": "org/odd", "created": 1764310000000000}]
    upstream.get(MODELS, json={"data": listed})
    models = {one["name"]: one for one in client.get("/api/tags").get_json()["models"]}
    assert models.keys() >= {"org/small", "org/big", "org/odd"}
    assert models["org/big"]["modified_at"] == "1970-01-02T00:00:00Z"
    assert models["org/odd"]["modified_at"] == models["org/small"]["modified_at"] == "1970-01-01T00:00:00Z"
    assert {len(one["digest"]) for one in models.values()} == {64}
    assert len({one["digest"] for one in models.values()}) == len(models)


@pytest.mark.parametrize("body", [{"model": "org/small"}, {"name": "org/small:latest"}])
def test_show_describes_a_model(client, body):
    shown = client.post("/api/show", json=body).get_json()
    assert shown["model_info"] == {"general.name": "org/small"}
    assert shown["capabilities"] == ["completion", "tools"]
    assert shown["details"]["family"] == ""


def test_show_without_a_model_describes_the_default(make_client):
    shown = make_client(EMBEDDED).post("/api/show", json={}).get_json()
    assert shown["capabilities"] == ["completion"]


@pytest.mark.parametrize("name", [ENGLISH, f"embedded:{ENGLISH}"])
def test_show_of_a_model_of_the_encoder_says_that_it_makes_vectors(make_client, name):
    both = {**EMBEDDED, **OPENAI, "AI_BACKEND": "openai", "FALLBACK_MODELS": "embedded"}
    client = make_client(both if ":" in name else EMBEDDED)
    assert client.post("/api/show", json={"model": name}).get_json()["capabilities"] == ["embedding"]


def test_show_of_an_unknown_model_is_404(client, upstream):
    upstream.get(MODELS, json={"data": []})
    response = client.post("/api/show", json={"model": "nope"})
    assert (response.status_code, list(response.get_json())) == (404, ["error"])


def test_version_is_that_of_the_api(client):
    assert client.get("/api/version").get_json()["version"].count(".") == 2


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/api/chat", {"messages": "x"}, 400, "messages"),
        ("/api/chat", {"messages": [{"role": "user", "images": "x"}]}, 400, "messages"),
        ("/api/chat", {"messages": HI, "format": "xml"}, 400, "format"),
        ("/api/chat", {"messages": HI, "options": {"temperature": "hot"}}, 400, "temperature"),
        ("/api/generate", {"prompt": "a\x00"}, 400, "prompt"),
        ("/api/embed", {}, 400, "input"),
        ("/api/pull", {"model": "llama3"}, 404, "route"),
    ],
)
def test_errors_have_the_shape_of_ollama(client, path, body, status, words):
    response = client.post(path, json=body)
    assert response.status_code == status
    assert list(response.get_json()) == ["error"]
    assert words in response.get_json()["error"]


def test_an_unknown_model_of_the_upstream_is_404(client, upstream):
    upstream.post(CHAT, status=404, json={"error": {"message": "no such model", "code": "model_not_found"}})
    response = chat(client, model="nope")
    assert (response.status_code, list(response.get_json())) == (404, ["error"])


def test_the_timeline_is_in_responses_and_errors_if_the_client_asks_for_it(client, upstream):
    upstream.post(CHAT, json=chat_response("Hello."))
    upstream.post(CHAT, status=400, json={"error": {"message": "no"}})
    answers = [
        client.post("/api/generate", json={"prompt": "x", "stream": False}, headers={"X-AI-Debug": "1"}) for _ in "ab"
    ]
    assert [len(one.get_json()["debug"]["attempts"]) for one in answers] == [1, 1]


@pytest.mark.parametrize(("operation", "path"), [("chat", "/api/chat"), ("ollama_generate", "/api/generate")])
def test_permissions_for_the_task_and_for_the_operation_hold(make_client, upstream, operation, path):
    key, line = made("a", f"operations={operation}")
    client = make_client({**OPENAI, "API_KEYS": line, "REQUIRE_API_KEYS": "true"})
    upstream.post(CHAT, json=chat_response("Hello."))
    body, headers = {"messages": HI, "prompt": "x", "stream": False}, {"Authorization": f"Bearer {key}"}
    assert client.post(path, json=body, headers=headers).status_code == 200
    refused = client.post("/api/embed", json={"input": "a"}, headers=headers)
    assert (refused.status_code, list(refused.get_json())) == (403, ["error"])
    assert client.post(path, json=body).status_code == 401


@pytest.mark.parametrize(("allowed", "asked"), [("llama3", "llama3"), ("llama3:latest", "llama3:latest")])
def test_a_key_may_name_a_model_with_or_without_the_tag(make_client, upstream, allowed, asked):
    key, line = made("a", f"models={allowed}")
    client = make_client({**OPENAI, "API_KEYS": line, "REQUIRE_API_KEYS": "true"})
    upstream.post(CHAT, json=chat_response("Hello."))
    body, headers = {"model": "llama3:latest", "messages": HI, "stream": False}, {"Authorization": f"Bearer {key}"}
    assert client.post("/api/chat", json=body, headers=headers).status_code == 200
    assert sent(upstream)["model"] == asked
    assert client.post("/api/show", json={"model": "other:latest"}, headers=headers).status_code == 403
