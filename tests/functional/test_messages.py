"""POST /v1/messages and /v1/messages/count_tokens: Anthropic's API before an upstream of OpenAI's dialect."""

import json

import pytest
from anthropic.types import ErrorResponse, Message
from support.keys import made
from support.upstreams import CHAT, EMBEDDED, OPENAI, chat_response, sent, stream

MESSAGES = "/v1/messages"
COUNT = "/v1/messages/count_tokens"
QUESTION = [{"role": "user", "content": "What is a lighthouse?"}]
WEATHER = {"name": "weather", "description": "The weather.", "input_schema": {"type": "object", "properties": {}}}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
IMAGE_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
PDF = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}}

LOADING = {"error": "Model m is currently loading", "estimated_time": 5.0}


def ask(client, messages=QUESTION, **fields):
    return client.post(MESSAGES, json={"model": "m", "max_tokens": 50, "messages": messages, **fields})


def asked(client, upstream, messages=QUESTION, **fields):
    """Return the body that reaches the upstream."""
    upstream.post(CHAT, json=chat_response("A tower."))
    assert ask(client, messages, **fields).status_code == 200
    return sent(upstream)


def asked_messages(client, upstream, *messages, **fields):
    return asked(client, upstream, list(messages), **fields)["messages"]


def user(*content):
    return {"role": "user", "content": list(content)}


def assistant(*content):
    return {"role": "assistant", "content": list(content)}


def text(value):
    return {"type": "text", "text": value, "cache_control": {"type": "ephemeral"}}


def use(call_id, **value):
    return {"type": "tool_use", "id": call_id, "name": "weather", "input": value, "caller": {"type": "direct"}}


def result(call_id, content=None, **fields):
    return {
        "type": "tool_result",
        "tool_use_id": call_id,
        **({} if content is None else {"content": content}),
        **fields,
    }


def test_a_message_is_answered_in_anthropics_form(client, upstream):
    upstream.post(CHAT, json={"id": "chatcmpl-7", **chat_response("A tower.")})
    response = ask(client)
    message = Message.model_validate(response.get_json(), strict=True)
    assert [block.text for block in message.content] == ["A tower."]
    assert (message.id, message.model, message.stop_reason, message.stop_sequence) == ("msg_7", "m", "end_turn", None)
    assert (message.usage.input_tokens, message.usage.output_tokens) == (7, 3)
    assert response.headers["request-id"] == response.headers["X-Request-ID"]
    assert 'operation="messages"' in client.get("/metrics").text


def test_parameters_have_their_names_of_chat_completions(client, upstream):
    sampling = {"temperature": 0.5, "top_p": 0.9, "top_k": 5}
    body = asked(client, upstream, **sampling, stop_sequences=["END"], metadata={"user_id": "u-1"})
    messages = [{"role": "user", "content": "What is a lighthouse?"}]
    assert body == {"model": "m", "messages": messages, "max_tokens": 50, **sampling, "stop": ["END"], "user": "u-1"}


def test_fields_that_chat_completions_lack_are_ignored(client, upstream):
    ignored = {
        "cache_control": {"type": "ephemeral"},
        "container": "c",
        "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
        "service_tier": "auto",
        "betas": ["a"],
        "mcp_servers": [],
        "system": None,
        "stop_sequences": [],
        "thinking": {"type": "disabled"},
        "output_config": {"effort": None, "format": None},
        "tool_choice": {"type": "auto"},
        "unknown": 1,
    }
    assert asked(client, upstream, **ignored) == asked(client, upstream)


@pytest.mark.parametrize("system", ["Be brief.\nBe kind.", [text("Be brief."), text("Be kind.")]])
def test_a_system_prompt_is_the_first_message(client, upstream, system):
    [first, _] = asked_messages(client, upstream, *QUESTION, system=system)
    assert first == {"role": "system", "content": "Be brief.\nBe kind."}


def test_a_billing_header_in_the_system_prompt_is_left_out(client, upstream):
    system = [text("x-anthropic-billing-header: cc_version=2; cch=1;"), text("Be brief.")]
    assert asked_messages(client, upstream, *QUESTION, system=system)[0]["content"] == "Be brief."
    assert len(asked_messages(client, upstream, *QUESTION, system=system[:1])) == 1


def test_later_instructions_are_reminders_in_a_text_of_the_user(client, upstream):
    messages = [*QUESTION, {"role": "system", "content": "Be brief."}]
    [only] = asked_messages(client, upstream, *messages)
    reminder = "<system-reminder>\nBe brief.\n</system-reminder>"
    assert only == {"role": "user", "content": f"What is a lighthouse?\n{reminder}"}


def test_turns_of_one_role_become_one_message(client, upstream):
    turns = [user(text("a")), user(text("b")), assistant(text("c")), assistant(use("1")), user(result("1", "d"))]
    assert asked_messages(client, upstream, *turns) == [
        {"role": "user", "content": "a\nb"},
        {
            "role": "assistant",
            "content": "c",
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": "d"},
    ]


def test_images_are_parts_of_a_message(client, upstream):
    linked = {"type": "image", "source": {"type": "url", "url": "https://images.test/a.png"}}
    [only] = asked_messages(client, upstream, user(text("Look."), IMAGE, linked))
    link = {"type": "image_url", "image_url": {"url": "https://images.test/a.png"}}
    assert only["content"] == [{"type": "text", "text": "Look."}, IMAGE_PART, link]


def test_documents_and_search_results_are_texts(client, upstream):
    plain = {"type": "document", "title": "A", "context": "B", "source": {"type": "text", "data": "c"}}
    nested = {"type": "document", "source": {"type": "content", "content": [text("d"), IMAGE]}}
    inline = {"type": "document", "source": {"type": "content", "content": "e"}}
    found = {"type": "search_result", "title": "F", "source": "g", "content": [text("h")]}
    [only] = asked_messages(client, upstream, user(plain, inline, found))
    assert only["content"] == "A\nB\nc\ne\nF\ng\nh"
    [only] = asked_messages(client, upstream, user(nested))
    assert only["content"] == [{"type": "text", "text": "d"}, IMAGE_PART]


def test_results_of_tools_precede_the_text_of_their_message(client, upstream):
    calls = assistant(text("Let me see."), use("1", city="Paris"), use("2"), use("3"))
    results = user(
        text("And now?"),
        result("1", "sunny"),
        result("2", [text("a picture"), IMAGE]),
        result("3", [text("no such city")], is_error=True),
    )
    messages = asked_messages(client, upstream, *QUESTION, calls, results)
    assert [call["function"]["arguments"] for call in messages[1]["tool_calls"]] == ['{"city":"Paris"}', "{}", "{}"]
    assert messages[2:] == [
        {"role": "tool", "tool_call_id": "1", "content": "sunny"},
        {"role": "tool", "tool_call_id": "2", "content": "a picture"},
        {"role": "tool", "tool_call_id": "3", "content": "Error: no such city"},
        {"role": "user", "content": [IMAGE_PART, {"type": "text", "text": "And now?"}]},
    ]


def test_results_without_a_text_have_a_content(client, upstream):
    reference = {"type": "tool_reference", "tool_name": "weather"}
    results = user(result("1"), result("2", [IMAGE]), result("3", [reference]), result("4", []))
    messages = asked_messages(client, upstream, *QUESTION, assistant(*(use(name) for name in "1234")), results)
    contents = [message["content"] for message in messages if message["role"] == "tool"]
    assert contents == ["", "The images of this result are in the next message.", "weather", ""]


def test_replayed_thinking_and_blocks_of_other_apis_do_no_harm(client, upstream):
    replayed = assistant(
        {"type": "thinking", "thinking": "Hm.", "signature": "x"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "server_tool_use", "id": "1", "name": "web_search", "input": {"query": "q"}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "1",
            "content": [{"type": "web_search_result", "title": "A", "url": "https://a.test", "encrypted_content": "x"}],
        },
        {"type": "code_execution_tool_result", "content": {"stdout": "4", "stderr": None, "return_code": 0}},
        text("So it is."),
    )
    messages = asked_messages(client, upstream, *QUESTION, replayed, user(text("Why?")))
    assert messages[1] == {"role": "assistant", "content": "A\nhttps://a.test\n4\nSo it is."}


def test_a_turn_of_thinking_alone_is_left_out(client, upstream):
    thought = {"type": "thinking", "thinking": "Hm.", "signature": ""}
    messages = asked_messages(client, upstream, *QUESTION, assistant(thought), user())
    assert [message["role"] for message in messages] == ["user", "user"]


def test_a_last_message_of_the_assistant_is_continued(client, upstream):
    body = asked(client, upstream, [*QUESTION, {"role": "assistant", "content": "A tower"}])
    assert body["messages"][-1] == {"role": "assistant", "content": "A tower"}
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)


def test_tools_are_functions(client, upstream):
    body = asked(client, upstream, tools=[{**WEATHER, "type": "custom", "strict": True, "cache_control": None}])
    function = {"name": "weather", "description": "The weather.", "parameters": WEATHER["input_schema"], "strict": True}
    assert body["tools"] == [{"type": "function", "function": function}]
    assert "tool_choice" not in body


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        (
            {"type": "tool", "name": "weather"},
            {"tool_choice": {"type": "function", "function": {"name": "weather"}}},
        ),
        (
            {"type": "auto", "disable_parallel_tool_use": True},
            {"tool_choice": "auto", "parallel_tool_calls": False},
        ),
    ],
)
def test_the_choice_of_a_tool_is_translated(client, upstream, choice, expected):
    body = asked(client, upstream, tools=[WEATHER], tool_choice=choice)
    assert {name: body[name] for name in body if name in ("tool_choice", "parallel_tool_calls")} == expected


def test_anthropics_tools_of_the_client_get_their_parameters(client, upstream):
    kinds = {"bash_20250124": "bash", "text_editor_20250728": "editor", "memory_20250818": "memory"}
    tools = [{"type": kind, "name": name} for kind, name in kinds.items()]
    tools.append({"type": "tool_search_tool_regex_20251119", "name": "search"})
    functions = [tool["function"] for tool in asked(client, upstream, tools=tools)["tools"]]
    assert [function["name"] for function in functions] == ["bash", "editor", "memory"]
    assert all("command" in function["parameters"]["properties"] for function in functions)
    assert "tools" not in asked(client, upstream, tools=tools[-1:], tool_choice={"type": "auto"})


@pytest.mark.parametrize(
    ("fields", "effort"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10_000}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 30_000}}, "high"),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "high"),
        ({"output_config": {"effort": "medium"}}, "medium"),
        ({"output_config": {"effort": "some"}}, None),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}, None),
    ],
)
def test_thinking_chooses_the_effort(client, upstream, fields, effort):
    assert asked(client, upstream, **fields).get("reasoning_effort") == effort


def an_object(**extra):
    return {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False, **extra}


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (an_object(required=["a"]), True),
        (an_object(), False),
        (an_object(required=[]), False),
        ({**an_object(required=["a"]), "additionalProperties": True}, False),
        ({"type": "array", "items": {"anyOf": [an_object(required=["a"]), {"type": "null"}]}}, True),
        ({"type": "array", "items": {"anyOf": [an_object(), {"type": "null"}]}}, False),
    ],
)
def test_an_output_format_is_a_response_format(client, upstream, schema, strict):
    given = {"type": "json_schema", "schema": schema}
    for fields in ({"output_config": {"format": given}}, {"output_format": given}):
        sent_format = asked(client, upstream, **fields)["response_format"]
        assert sent_format == {
            "type": "json_schema",
            "json_schema": {"name": "response", "schema": schema, "strict": strict},
        }
    assert "response_format" not in asked(client, upstream, output_format={"type": "text"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("top_k", {"top_k": 5}),
        ("user", {"metadata": {"user_id": "u"}}),
        ("reasoning_effort", {"output_config": {"effort": "low"}}),
        ("continue_final_message", {"messages": [*QUESTION, {"role": "assistant", "content": "A"}]}),
    ],
)
def test_a_field_that_the_upstream_refuses_is_left_out(client, upstream, field, value):
    error = {"message": f"Unrecognized request argument supplied: {field}", "type": "invalid_request_error"}
    upstream.post(CHAT, status=400, json={"error": error})
    upstream.post(CHAT, json=chat_response("A tower."))
    assert client.post(MESSAGES, json={"max_tokens": 5, "messages": QUESTION, **value}).status_code == 200
    assert field in sent(upstream, 0)
    assert field not in sent(upstream, 1)


def test_max_tokens_has_the_name_that_the_upstream_takes(client, upstream):
    message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'."
    upstream.post(CHAT, status=400, json={"error": {"message": message, "param": "max_tokens"}})
    upstream.post(CHAT, json=chat_response("A tower."))
    assert ask(client).status_code == 200
    assert (sent(upstream).get("max_tokens"), sent(upstream)["max_completion_tokens"]) == (None, 50)


def test_calls_of_tools_are_blocks_with_their_input(client, upstream):
    calls = [
        {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}},
        {"id": "2", "type": "function", "function": {"name": "weather", "arguments": "{city"}},
        {"id": "3", "type": "custom", "custom": {"name": "weather", "input": "x"}},
    ]
    message = {"role": "assistant", "content": "Let me see.", "tool_calls": calls}
    upstream.post(CHAT, json={"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    answer = Message.model_validate(ask(client, tools=[WEATHER]).get_json(), strict=True)
    assert [block.type for block in answer.content] == ["text", "tool_use", "tool_use"]
    assert [block.input for block in answer.content[1:]] == [{"city": "Paris"}, {"raw_arguments": "{city"}]
    assert answer.stop_reason == "tool_use"


def test_a_refusal_is_a_text_and_the_reason_to_stop(client, upstream):
    message = {"role": "assistant", "content": None, "refusal": "I cannot."}
    upstream.post(CHAT, json={"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    answer = ask(client).get_json()
    assert (answer["content"], answer["stop_reason"]) == ([{"type": "text", "text": "I cannot."}], "refusal")


def test_counts_that_the_service_estimates_are_marked(client, upstream):
    upstream.post(CHAT, json={"choices": chat_response("A tower.")["choices"]})
    assert ask(client).get_json()["usage"]["estimated"] is True


def test_a_stream_has_the_events_of_anthropic(client, upstream):
    chunks = [{"choices": [{"index": 0, "delta": {"content": word}}]} for word in ("A ", "tower.")]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    upstream.post(CHAT, body=stream(chunks), content_type="text/event-stream")
    response = ask(client, stream=True)
    names = [line.removeprefix("event: ") for line in response.text.splitlines() if line.startswith("event: ")]
    deltas = ["content_block_start", *["content_block_delta"] * 2, "content_block_stop"]
    assert names == ["message_start", "ping", *deltas, "message_delta", "message_stop"]
    assert response.mimetype == "text/event-stream"


def test_a_stream_that_breaks_ends_with_an_error(client, upstream):
    broken = "data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": "A "}}]}) + "\n\n"
    upstream.post(CHAT, body=broken, content_type="text/event-stream")
    response = ask(client, stream=True)
    assert "message_stop" not in response.text
    last = response.text.rstrip().split("\n\n")[-1]
    assert last.startswith("event: error\n")
    error = ErrorResponse.model_validate_json(last.partition("data: ")[2])
    assert (error.error.type, error.request_id) == ("api_error", response.headers["request-id"])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"messages": [user(PDF)]}, "Message 0: block 0: a document must have a source of the type text or content"),
        ({"messages": [user({"type": "container_upload"})]}, "container_upload are not accepted"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "its role must be user, assistant or system"),
        ({"messages": QUESTION * 10_001}, "At most 10000 messages are accepted"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "declare a tool of your own"),
        ({"mcp_servers": [{"type": "url"}]}, "connects to no MCP servers"),
        ({"temperature": 1.5}, "temperature"),
    ],
)
def test_requests_that_cannot_be_served_say_what_to_do(client, fields, reason):
    response = client.post(MESSAGES, json={"max_tokens": 5, "messages": QUESTION, **fields})
    body = response.get_json()
    assert response.status_code == 400
    assert ErrorResponse.model_validate(body).error.type == "invalid_request_error"
    assert reason in body["error"]["message"]
    assert body["error"]["details"]["error_code"] == "validation_error"


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (429, {}, (429, "rate_limit_error", "upstream_rate_limited")),
        (404, {}, (404, "not_found_error", "model_not_found")),
        (401, {}, (502, "api_error", "upstream_authentication_error")),
        (503, LOADING, (503, "overloaded_error", "model_loading")),
        (402, {}, (503, "api_error", "upstream_quota_exhausted")),
        (500, {}, (502, "api_error", "upstream_unavailable")),
    ],
)
def test_errors_of_the_upstream_have_anthropics_types(client, upstream, status, answer, expected):
    upstream.post(CHAT, status=status, json=answer)
    response = ask(client)
    error = ErrorResponse.model_validate(response.get_json()).error
    assert (response.status_code, error.type, error.details["error_code"]) == expected


def test_paths_below_the_routes_have_anthropics_errors(client):
    for path, kind in ((f"{MESSAGES}/batches", "not_found_error"), (MESSAGES, "invalid_request_error")):
        response = client.get(path)
        assert response.get_json()["error"]["type"] == kind
        assert response.get_json()["request_id"] == response.headers["request-id"]
    assert "request-id" not in client.get("/health").headers


def test_tokens_are_estimated_where_no_tokenizer_can_be_asked(client, upstream):
    def count(**fields):
        response = client.post(f"{COUNT}?beta=true", json={"model": "m", "messages": QUESTION, **fields})
        assert list(response.get_json()) == ["input_tokens"]
        return response.get_json()["input_tokens"]

    alone = count()
    assert alone > 4
    assert count(system="Be brief.") > alone
    assert count(tools=[WEATHER]) > alone + 10
    assert count(messages=[user(text("What is a lighthouse?"), IMAGE)]) > alone + 1000
    assert count(messages=[*QUESTION, assistant(use("1", city="Paris"))]) > alone + 10
    assert not upstream.calls


def test_the_engine_counts_tokens(make_client, upstream):
    upstream.post("http://127.0.0.1:9/v1/chat/completions/input_tokens", json={"input_tokens": 35})
    response = make_client(EMBEDDED).post(COUNT, json={"messages": QUESTION, "system": "Be brief.", "unknown": 1})
    assert response.get_json() == {"input_tokens": 35}
    assert [message["role"] for message in sent(upstream)["messages"]] == ["system", "user"]


@pytest.mark.parametrize("answer", [{}, [], {"input_tokens": "5"}])
def test_a_count_of_the_engine_that_cannot_be_read_is_an_error(make_client, upstream, answer):
    upstream.post("http://127.0.0.1:9/v1/chat/completions/input_tokens", json=answer)
    response = make_client(EMBEDDED).post(COUNT, json={"messages": QUESTION})
    assert (response.status_code, response.get_json()["error"]["type"]) == (503, "overloaded_error")


def test_who_may_chat_may_send_messages_and_count_them(make_client, upstream):
    upstream.post(CHAT, json=chat_response("A tower."))
    (chatting, first), (embedding, second) = made("a", "operations=chat"), made("b", "operations=embeddings")
    client = make_client(OPENAI, API_KEYS=f"{first},{second}")
    for path in (MESSAGES, COUNT):
        body = {"max_tokens": 5, "messages": QUESTION}
        assert client.post(path, json=body, headers={"x-api-key": chatting}).status_code == 200
        refused = client.post(path, json=body, headers={"x-api-key": embedding})
        assert (refused.status_code, refused.get_json()["error"]["type"]) == (403, "permission_error")
        unknown = client.post(path, json=body, headers={"x-api-key": "x"})
        assert (unknown.status_code, unknown.get_json()["error"]["type"]) == (401, "authentication_error")


def test_counting_uses_no_tokens_of_a_quota(make_client):
    client = make_client(OPENAI, TOKENS_PER_MINUTE="1")
    assert client.post(COUNT, json={"messages": QUESTION}).status_code == 200
    limited = ask(client)
    assert (limited.status_code, limited.get_json()["error"]["type"]) == (429, "rate_limit_error")


def test_pages_of_browsers_may_read_the_id_of_a_request(make_client, upstream):
    upstream.post(CHAT, json=chat_response("A tower."))
    client = make_client(OPENAI, CORS_ORIGINS="https://a.test", CORS_CREDENTIALS="true")
    headers = {"Origin": "https://a.test"}
    asked_for = "anthropic-beta,anthropic-version,x-api-key"
    preflight = {**headers, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": asked_for}
    assert client.options(MESSAGES, headers=preflight).headers["Access-Control-Allow-Headers"] == asked_for
    response = client.post(MESSAGES, json={"max_tokens": 5, "messages": QUESTION}, headers=headers)
    assert "Request-ID" in response.headers["Access-Control-Expose-Headers"].split(", ")
