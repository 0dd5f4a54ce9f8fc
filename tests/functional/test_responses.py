"""POST /v1/responses before an upstream of chat completions: what it is asked, and what clients get."""

import json

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter
from support.calls import refused
from support.keys import made
from support.metrics import total
from support.upstreams import CHAT, EMBEDDED, chat_response, sent, stream

RESPONSE = TypeAdapter(Response)
EVENT = TypeAdapter(ResponseStreamEvent)
ENGINE_CHAT = "http://127.0.0.1:9/v1/chat/completions"
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "name": "weather", "description": "The weather.", "parameters": PARAMETERS}
CHAT_WEATHER = {name: value for name, value in WEATHER.items() if name != "type"}
PATCH = {"type": "custom", "name": "patch", "description": "Apply a patch."}
SEARCH_OF_CODEX = {"type": "web_search", "external_web_access": False}
IMAGE = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
SPACE = {"type": "namespace", "name": "team", "description": "Agents.", "tools": []}
SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


@pytest.fixture
def client(make_client):
    return make_client(OPENAI_RESPONSES="translate")


def ask(client, given="Hi.", **body):
    return client.post("/v1/responses", json={"input": given, **body})


def asked(client, upstream, given="Hi.", **body):
    """Return the body that reaches the upstream."""
    upstream.post(CHAT, json=chat_response("Hello."))
    response = ask(client, given, **body)
    assert response.status_code == 200, response.text
    RESPONSE.validate_python(response.get_json(), strict=True)
    return sent(upstream)


def asked_messages(client, upstream, *items, **body):
    return asked(client, upstream, list(items), **body)["messages"]


def answered(client, upstream, message, finish_reason="stop", **body):
    """Return the response to a message of the upstream."""
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": finish_reason}
    upstream.post(CHAT, json={**chat_response(""), "choices": [choice]})
    response = ask(client, **body).get_json()
    RESPONSE.validate_python(response, strict=True)
    return response


def call(call_id, name="weather", arguments='{"city": "Paris"}', **fields):
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments, **fields}


def output(call_id, value="sunny"):
    return {"type": "function_call_output", "call_id": call_id, "output": value}


def chat_call(call_id, name="weather", arguments='{"city": "Paris"}'):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_a_text_is_the_message_of_a_user_after_the_instructions(client, upstream):
    assert asked(client, upstream, instructions="Be brief.") == {
        "model": "org/small",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi."}],
    }


def test_a_response_has_all_fields_of_openai(client, upstream):
    body = {
        "instructions": "Be brief.",
        "metadata": {"a": "b"},
        "max_output_tokens": 50,
        "temperature": 0.5,
        "top_p": 0.9,
        "truncation": "auto",
        "store": True,
        "tools": [WEATHER, {**PATCH, "format": {"type": "text"}}],
        "tool_choice": {"type": "function", "name": "weather"},
        "parallel_tool_calls": False,
        "reasoning": {"effort": "low", "summary": "auto"},
        "text": {"verbosity": "low"},
        "user": "me",
        "safety_identifier": "safe",
        "prompt_cache_key": "key",
        "service_tier": "flex",
        "top_logprobs": 2,
    }
    upstream.post(CHAT, json=chat_response("Hello."))
    response = ask(client, model="org/other", **body).get_json()
    RESPONSE.validate_python(response, strict=True)
    assert {name: response[name] for name in body if name not in ("store", "tools", "text")} == {
        name: value for name, value in body.items() if name not in ("store", "tools", "text")
    }
    assert response["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert response["tools"] == [{**WEATHER, "strict": None}, {**PATCH, "format": {"type": "text"}}]
    assert (response["store"], response["background"], response["previous_response_id"]) == (False, False, None)
    assert (response["object"], response["status"], response["model"]) == ("response", "completed", "org/other")
    assert (response["error"], response["incomplete_details"]) == (None, None)
    assert response["id"].startswith("resp_")
    assert response["completed_at"] >= response["created_at"]
    [item] = response["output"]
    assert item["id"].startswith("msg_")
    assert item["content"] == [{"type": "output_text", "text": "Hello.", "annotations": [], "logprobs": []}]
    assert response["usage"]["total_tokens"] == 10


def test_fields_have_their_names_in_chat_completions(client, upstream):
    body = {
        "max_output_tokens": 50,
        "reasoning": {"effort": "low", "summary": "auto"},
        "text": {"verbosity": "low"},
        "top_logprobs": 2,
        "temperature": 0.5,
        "top_p": 0.9,
        "user": "me",
        "service_tier": "flex",
        "seed": 5,
        "stop": ["x"],
        "frequency_penalty": 0.5,
        "presence_penalty": 0.5,
        "chat_template_kwargs": {"thinking": True},
    }
    request = asked(client, upstream, **body)
    del request["messages"]
    for name in ("max_output_tokens", "reasoning", "text"):
        del body[name]
    expected = {"max_tokens": 50, "reasoning_effort": "low", "verbosity": "low", "logprobs": True}
    assert request == {"model": "org/small", **body, **expected}


def test_fields_without_a_meaning_for_a_chat_are_left_out(client, upstream):
    body = {
        "metadata": {"a": "b"},
        "store": True,
        "truncation": "auto",
        "include": ["reasoning.encrypted_content"],
        "safety_identifier": "safe",
        "prompt_cache_key": "key",
        "prompt_cache_retention": "24h",
        "prompt_cache_options": {"mode": "implicit"},
        "client_metadata": {"x": "y"},
        "max_tool_calls": 5,
        "background": False,
        "previous_response_id": None,
        "conversation": None,
        "stream_options": {"include_obfuscation": False},
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    assert asked(client, upstream, **body) == {"model": "org/small", "messages": [{"role": "user", "content": "Hi."}]}


@pytest.mark.parametrize("role", ["user", "system", "developer"])
@pytest.mark.parametrize("kind", [{}, {"type": "message", "id": "msg_1", "status": "completed"}])
def test_messages_keep_their_role(client, upstream, role, kind):
    part = {"type": "input_text", "text": "Hi."}
    for content in ("Hi.", [part]):
        [message] = asked_messages(client, upstream, {**kind, "role": role, "content": content})
        assert message == {"role": role, "content": "Hi."}


def test_several_parts_stay_apart(client, upstream):
    parts = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": "https://images.test/a.png", "detail": "original"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "input_file", "file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,AAAA"},
    ]
    [message] = asked_messages(client, upstream, {"role": "user", "content": parts})
    assert message["content"] == [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "https://images.test/a.png", "detail": "high"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}},
    ]


@pytest.mark.parametrize("texts", ["two texts", "no text"])
def test_images_of_outputs_move_behind_all_outputs_of_the_turn(client, upstream, texts):
    said = [{"type": "input_text", "text": text} for text in ("One.", "Two.")] if texts == "two texts" else []
    items = [call("call_1"), call("call_2"), output("call_1", [*said, IMAGE]), output("call_2")]
    image = {"type": "image_url", "image_url": {"url": IMAGE["image_url"]}}
    text = "One.\nTwo." if said else "The output is in the next message of the user."
    results = [("tool", text), ("tool", "sunny")]
    question = {"role": "user", "content": "What is it?"}
    for following, expected in (
        ([], [("user", [image])]),
        ([question], [("user", [image, {"type": "text", "text": "What is it?"}])]),
        ([{"role": "user", "content": [IMAGE]}], [("user", [image, image])]),
        ([{"role": "developer", "content": "Be brief."}], [("user", [image]), ("developer", "Be brief.")]),
    ):
        messages = asked_messages(client, upstream, *items, *following)[1:]
        assert [(message["role"], message["content"]) for message in messages] == [*results, *expected]


def test_the_items_of_one_turn_are_one_message_with_its_calls(client, upstream):
    text = {"type": "output_text", "text": "Let me look.", "annotations": [], "logprobs": []}
    items = [
        {"role": "user", "content": "Weather?"},
        {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "x", "status": "completed"},
        {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [text]},
        call("call_1", id="fc_1", status="completed"),
        call("call_2", namespace="team"),
        {"id": "msg_2", "type": "message", "role": "assistant", "status": "completed", "content": [text]},
        output("call_1"),
        output("call_2", [{"type": "input_text", "text": "rainy"}]),
        {"id": "msg_3", "type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"role": "assistant", "content": "Sorry."},
    ]
    assert asked_messages(client, upstream, *items)[1:] == [
        {
            "role": "assistant",
            "content": "Let me look.Let me look.",
            "tool_calls": [chat_call("call_1"), chat_call("call_2", "team__weather")],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        {"role": "tool", "tool_call_id": "call_2", "content": "rainy"},
        {"role": "assistant", "content": "No."},
        {"role": "assistant", "content": "Sorry."},
    ]


def test_the_texts_of_one_message_of_the_model_are_joined(client, upstream):
    parts = [{"type": "output_text", "text": text} for text in ("Hel", "lo.")]
    [message] = asked_messages(client, upstream, {"role": "assistant", "content": parts})
    assert message == {"role": "assistant", "content": "Hello."}


def test_text_after_calls_without_text_is_theirs(client, upstream):
    items = [call("call_1"), {"role": "assistant", "content": "One moment."}, output("call_1")]
    [message, _] = asked_messages(client, upstream, *items)
    assert message == {"role": "assistant", "content": "One moment.", "tool_calls": [chat_call("call_1")]}


def test_a_custom_call_is_a_call_of_its_function(client, upstream):
    items = [
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_1", "name": "patch", "input": 'a\n"b"'},
        {"type": "custom_tool_call_output", "call_id": "call_1", "output": "done"},
    ]
    [message, result] = asked_messages(client, upstream, *items)
    [made_call] = message["tool_calls"]
    assert json.loads(made_call["function"].pop("arguments")) == {"input": 'a\n"b"'}
    assert made_call == {"id": "call_1", "type": "function", "function": {"name": "patch"}}
    assert (message["content"], result) == (None, {"role": "tool", "tool_call_id": "call_1", "content": "done"})


def test_calls_that_ran_at_openai_are_left_out(client, upstream):
    at_openai = ("web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call")
    kinds = (*at_openai, "mcp_list_tools", "mcp_call")
    items = [{"type": kind, "id": "x", "status": "completed"} for kind in kinds]
    assert len(asked_messages(client, upstream, *items, {"role": "user", "content": "Hi."})) == 1


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"type": "item_reference", "id": "msg_1"}, "send the item itself"),
        ({"type": "computer_call"}, "'computer_call' are not supported. Send messages, calls"),
        ({"type": 5}, "not supported"),
        ({}, "not supported"),
        ({"role": "tool", "content": "x"}, "its role must be one of"),
        ({"role": "user"}, "must be a string or a list of parts"),
        ({"role": "user", "content": ["x"]}, "must be a string or a list of parts"),
        ({"role": "user", "content": "a\x00b"}, "NUL"),
        ({"role": "user", "content": [{"type": "input_text", "text": "a\x00b"}]}, "NUL"),
        ({"role": "user", "content": [{"type": "input_text", "text": 5}]}, "its text must be a string"),
        ({"role": "user", "content": [{"type": "input_video"}]}, "'input_video' are not supported"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, "'input_audio' are not supported"),
        ({"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}, "as `image_url`"),
        ({"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}, "as `file_data`"),
        ({"role": "assistant", "content": [IMAGE, {"type": "output_text", "text": "a"}]}, "texts"),
        (call(5), "its call_id must be a string"),
        (call("a", arguments={}), "its arguments must be a string"),
        (call("a", name=None), "its name must be a string"),
        (output("a", None), "must be a string or a list of parts"),
        ({"type": "custom_tool_call", "call_id": "a", "name": "b"}, "its input must be a string"),
        ({"type": "reasoning", "summary": []}, "nothing to respond to"),
    ],
)
def test_an_item_that_is_no_part_of_a_chat_is_refused_with_advice(client, item, reason):
    error = refused(ask(client, [item]))
    assert (error["type"], error["param"]) == ("validation_error", "input")
    assert reason in error["message"]


def test_an_empty_list_of_parts_is_an_empty_text(client, upstream):
    [message] = asked_messages(client, upstream, {"role": "user", "content": []})
    assert message["content"] == ""


@pytest.mark.parametrize("given", [None, 5, [], ["x"], {}, "a\x00b", [{"role": "user", "content": "x"}] * 10_001])
def test_an_input_of_another_shape_is_refused(client, given):
    assert refused(ask(client, given))["param"] == "input"


@pytest.mark.parametrize(
    ("field", "value", "advice"),
    [
        ("previous_response_id", "resp_1", "send the complete conversation as `input`"),
        ("conversation", "conv_1", "send the complete conversation as `input`"),
        ("conversation", {"id": "conv_1"}, "send the complete conversation as `input`"),
        ("background", True, "stream the response"),
        ("prompt", {"id": "pmpt_1"}, "send `instructions` and `input`"),
        ("max_tokens", 5, "max_output_tokens"),
        ("max_completion_tokens", 5, "max_output_tokens"),
        ("messages", [{"role": "user", "content": "Hi."}], "input"),
        ("response_format", {"type": "json_object"}, "text.format"),
        ("reasoning_effort", "low", "reasoning.effort"),
        ("n", 2, "one request for each response"),
    ],
)
def test_what_the_service_cannot_do_is_refused_with_advice(client, field, value, advice):
    error = refused(ask(client, **{field: value}))
    assert (error["type"], error["param"]) == ("validation_error", field)
    assert advice in error["message"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("instructions", 5),
        ("max_output_tokens", 0),
        ("tools", [5]),
        ("tools", [{"type": "function", "name": "f", "parameters": 5}]),
        ("text", {"format": 5}),
        ("text", {"format": {"type": "xml"}}),
        ("text", {"format": {"type": "json_schema", "name": "x"}}),
        ("text", {"format": {"type": "json_schema", "schema": {}}}),
        ("reasoning", {"effort": 5}),
        ("include", "x"),
        ("top_logprobs", -1),
        ("temperature", 3),
        ("stream", "yes"),
    ],
)
def test_fields_are_validated(client, field, value):
    assert refused(ask(client, **{field: value}))["param"] == field


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"type": "text"}, None),
        (None, None),
        ({"type": "json_object"}, {"type": "json_object"}),
        (
            {"type": "json_schema", "name": "person", "schema": SCHEMA, "strict": True, "description": None},
            {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": True}},
        ),
    ],
)
def test_the_format_of_the_text_is_the_response_format(client, upstream, wanted, expected):
    assert asked(client, upstream, text={"format": wanted}).get("response_format") == expected


def test_functions_keep_strict_and_their_choice(client, upstream):
    tools = [{**WEATHER, "strict": True}, {**WEATHER, "name": "other", "strict": False, "description": None}]
    choice = {"type": "function", "name": "weather"}
    request = asked(client, upstream, tools=tools, tool_choice=choice, parallel_tool_calls=False)
    assert request["tools"] == [
        {"type": "function", "function": {**CHAT_WEATHER, "strict": True}},
        {"type": "function", "function": {"name": "other", "parameters": PARAMETERS, "strict": False}},
    ]
    assert request["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert request["parallel_tool_calls"] is False


@pytest.mark.parametrize("mode", ["auto", "none", "required"])
def test_modes_of_the_choice_are_kept(client, upstream, mode):
    assert asked(client, upstream, tools=[WEATHER], tool_choice=mode)["tool_choice"] == mode


def test_only_allowed_tools_are_sent(client, upstream):
    allowed = [{"type": "function", "name": "weather"}, {"type": "custom", "name": "unknown"}]
    choice = {"type": "allowed_tools", "mode": "required", "tools": allowed}
    request = asked(client, upstream, tools=[{**WEATHER, "name": "other"}, WEATHER, PATCH], tool_choice=choice)
    assert [tool["function"]["name"] for tool in request["tools"]] == ["weather"]
    assert request["tool_choice"] == "required"
    none = {"type": "allowed_tools", "mode": "auto", "tools": []}
    assert "tools" not in asked(client, upstream, tools=[WEATHER], tool_choice=none)
    assert refused(ask(client, tools=[WEATHER], tool_choice={"type": "allowed_tools"}))["param"] == "tool_choice"


def test_a_custom_tool_is_a_function_with_one_text(client, upstream):
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: WORD"}
    tools = [{**PATCH, "format": grammar}, {"type": "custom", "name": "bare", "format": {"type": "text"}}]
    request = asked(client, upstream, tools=tools, tool_choice={"type": "custom", "name": "patch"})
    patch, bare = (tool["function"] for tool in request["tools"])
    assert patch["description"] == "Apply a patch.\n\nThe input must match this lark grammar:\nstart: WORD"
    assert list(patch["parameters"]["properties"]) == patch["parameters"]["required"] == ["input"]
    assert "description" not in bare
    assert request["tool_choice"] == {"type": "function", "function": {"name": "patch"}}


def test_the_tools_of_a_namespace_are_functions_with_its_name(client, upstream):
    space = {"type": "namespace", "name": "team", "description": "Agents.", "tools": [WEATHER, PATCH]}
    calls = [chat_call("call_1", "team__weather"), chat_call("call_2", "team__patch", '{"input": "x"}')]
    response = answered(client, upstream, {"tool_calls": calls}, "tool_calls", tools=[WEATHER, space])
    assert [tool["function"]["name"] for tool in sent(upstream)["tools"]] == ["weather", "team__weather", "team__patch"]
    assert [(item["type"], item["name"], item["namespace"]) for item in response["output"]] == [
        ("function_call", "weather", "team"),
        ("custom_tool_call", "patch", "team"),
    ]
    choice = {"type": "function", "name": "weather", "namespace": "team"}
    request = asked(client, upstream, tools=[space], tool_choice=choice)
    assert request["tool_choice"]["function"]["name"] == "team__weather"


def test_the_web_search_that_codex_always_declares_is_left_out_beside_other_tools(client, upstream):
    request = asked(client, upstream, tools=[WEATHER, SEARCH_OF_CODEX], tool_choice="auto")
    assert [tool["function"]["name"] for tool in request["tools"]] == ["weather"]
    assert "run it in your client" in refused(ask(client, tools=[SEARCH_OF_CODEX]))["message"]


@pytest.mark.parametrize(
    "kind",
    [
        *["web_search", "web_search_preview", "file_search", "code_interpreter", "computer_use_preview", "mcp"],
        *["image_generation", "local_shell", "shell", "apply_patch", "tool_search", None],
    ],
)
def test_tools_of_openais_servers_are_refused_with_advice(client, kind):
    error = refused(ask(client, tools=[WEATHER, {"type": kind}]))
    assert error["param"] == "tools"
    if kind is not None:
        assert "Tool 1" in error["message"]
        assert "declare a function, and run it in your client" in error["message"]


@pytest.mark.parametrize(
    ("tool", "reason"),
    [
        ({"type": "function", "function": CHAT_WEATHER}, "a name beside its type"),
        ({"type": "custom", "name": ""}, "a name beside its type"),
        ({"type": "namespace", "name": "a", "tools": ["x"]}, "not supported"),
        ({**SPACE, "tools": [SPACE]}, "not supported"),
        ({"type": "namespace", "name": "a"}, "not supported"),
        ({"type": "namespace", "tools": []}, "a name beside its type"),
    ],
)
def test_a_tool_in_another_form_is_refused(client, tool, reason):
    error = refused(ask(client, tools=[tool]))
    assert (error["param"], reason in error["message"]) == ("tools", True)


@pytest.mark.parametrize("choice", ["some", {"type": "web_search"}, {"type": "function"}, {}])
def test_a_choice_that_is_no_tool_of_the_client_is_refused(client, choice):
    assert refused(ask(client, tools=[WEATHER], tool_choice=choice))["param"] == "tool_choice"


def test_several_calls_of_one_turn_are_items(client, upstream):
    calls = [chat_call("call_1"), chat_call("call_2", arguments="{}")]
    response = answered(client, upstream, {"content": "Look.", "tool_calls": calls}, "tool_calls", tools=[WEATHER])
    message, *items = response["output"]
    assert message["content"][0]["text"] == "Look."
    assert [(item["call_id"], item["arguments"]) for item in items] == [
        ("call_1", '{"city": "Paris"}'),
        ("call_2", "{}"),
    ]
    assert {item["id"][:3] for item in items} == {"fc_"}
    assert len({item["id"] for item in items}) == 2


def test_reasoning_and_refusals_have_parts_of_their_own(client, upstream):
    response = answered(client, upstream, {"reasoning_content": "Hm.", "refusal": "I cannot."})
    reasoning, message = response["output"]
    assert (reasoning["type"], reasoning["content"]) == ("reasoning", [{"type": "reasoning_text", "text": "Hm."}])
    assert message["content"] == [{"type": "refusal", "refusal": "I cannot."}]


def test_log_probabilities_come_where_they_are_asked_for(client, upstream):
    request = asked(client, upstream, include=["message.output_text.logprobs"])
    assert (request["logprobs"], request["top_logprobs"]) == (True, 0)


@pytest.mark.parametrize("stream", [False, True])
def test_the_limit_takes_its_newer_name_where_the_upstream_refuses_the_older_one(client, upstream, stream):
    message = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
    upstream.post(CHAT, status=400, json={"error": {"message": message, "param": "max_tokens"}})
    upstream.post(CHAT, json=chat_response("Hello."))
    assert ask(client, max_output_tokens=50, stream=stream).status_code == 200
    assert sent(upstream)["max_completion_tokens"] == 50
    assert "max_tokens" not in sent(upstream)


def test_hints_that_the_upstream_refuses_are_left_out(client, upstream):
    upstream.post(CHAT, status=400, json={"error": {"message": "Unknown field.", "param": "reasoning_effort"}})
    upstream.post(CHAT, json=chat_response("Hello."))
    assert ask(client, reasoning={"effort": "low"}).status_code == 200
    assert "reasoning_effort" not in sent(upstream)


def events_of(response):
    """Return the events of a response, each of the name of its type."""
    assert response.headers["Content-Type"].startswith("text/event-stream")
    blocks = [block for block in response.get_data(as_text=True).split("\n\n") if block]
    pairs = [block.split("\n") for block in blocks]
    events = [json.loads(data.removeprefix("data: ")) for _, data in pairs]
    assert [name for name, _ in pairs] == [f"event: {event['type']}" for event in events]
    for event in events:
        EVENT.validate_python(event, strict=True)
    return events


def test_a_stream_is_typed_events_without_done(client, upstream):
    chunks = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in ("Hel", "lo")]
    chunks.append(
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": chat_response("")["usage"]}
    )
    upstream.post(CHAT, body=stream(chunks), content_type="text/event-stream")
    events = events_of(ask(client, stream=True, stream_options={"include_usage": False}))
    assert [event["delta"] for event in events if event["type"] == "response.output_text.delta"] == ["Hel", "lo"]
    assert events[-1]["response"]["usage"]["total_tokens"] == 10
    assert sent(upstream)["stream_options"] == {"include_usage": True}


def test_a_stream_that_breaks_never_completes(client, upstream):
    body = stream([{"choices": [{"index": 0, "delta": {"content": "Hel"}}]}]).removesuffix("data: [DONE]\n\n")
    upstream.post(CHAT, body=body, content_type="text/event-stream")
    *_, failed, error = events_of(ask(client, stream=True))
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert (error["type"], error["code"]) == ("error", "upstream_invalid_response")
    assert error["error"]["type"] == "upstream_invalid_response"


@pytest.mark.parametrize("stream", [False, True])
def test_errors_have_openais_shape(client, upstream, stream):
    upstream.post(CHAT, status=429, json={"error": {"message": "Slow down."}})
    response = ask(client, stream=stream)
    assert response.status_code == 429
    assert response.get_json()["error"]["type"] == "upstream_rate_limited"


def test_tokens_are_counted_under_the_operation(client, upstream):
    asked(client, upstream)
    labels = {"backend": "openai", "model": "org/small", "operation": "responses"}
    assert total(client, "ai_tokens_total", **labels, direction="input") == 7


def test_the_permission_for_chats_holds(make_client, upstream):
    keys = {name: made(name, f"operations={name}") for name in ("chat", "completions")}
    upstream.post(CHAT, json=chat_response("Hello."))
    client = make_client(OPENAI_RESPONSES="translate", API_KEYS=",".join(entry for _, entry in keys.values()))
    for name, status in (("chat", 200), ("completions", 403)):
        headers = {"Authorization": f"Bearer {keys[name][0]}"}
        assert client.post("/v1/responses", json={"input": "Hi."}, headers=headers).status_code == status


def test_the_embedded_engine_responds(make_client, upstream):
    upstream.post(ENGINE_CHAT, json=chat_response("Hello."))
    response = ask(make_client(EMBEDDED), [{"role": "developer", "content": "Be brief."}]).get_json()
    assert response["output"][0]["content"][0]["text"] == "Hello."
