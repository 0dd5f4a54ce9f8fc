"""Tool calls of real servers: which pieces belong to one call, and what is passed on of types that are no functions."""

import json
from collections import defaultdict

import pytest
from support.calls import refused
from support.streams import parse_stream
from support.upstreams import CHAT, stream

HI = [{"role": "user", "content": "Hi."}]
END = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}


def chat(client, **body):
    return client.post("/v1/chat/completions", json={"messages": HI, **body})


def delta(**fields):
    return {"choices": [{"index": 0, "delta": fields}]}


def answer(calls, reason="tool_calls"):
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    return {"choices": [{"index": 0, "message": message, "finish_reason": reason}]}


def piece(name=None, arguments=None, **fields):
    body = {"name": name, "arguments": arguments}
    return {**fields, "function": {key: value for key, value in body.items() if value is not None}}


def streamed_calls(client, upstream, events):
    """Return the calls of these events, each as (name, arguments), as a client puts them together by their index."""
    upstream.post(CHAT, body=stream([*events, END]), content_type="text/event-stream")
    response = parse_stream(chat(client, stream=True).data)
    assert response.done, response.errors
    joined, ids = defaultdict(lambda: ["", ""]), {}
    for event in response.events:
        for call in event["choices"][0]["delta"].get("tool_calls", ()):
            assert ("id" in call) == (call["index"] not in ids)
            ids.setdefault(call["index"], call.get("id"))
            joined[call["index"]][0] += call["function"].get("name", "")
            joined[call["index"]][1] += call["function"]["arguments"]
    assert len(set(ids.values())) == len(ids)
    assert list(joined) == list(range(len(joined)))
    return [tuple(call) for call in joined.values()]


def whole_calls(client, upstream, events):
    """Return the same calls as a client that asked for no stream sees them."""
    upstream.replace("POST", CHAT, body=stream([*events, END]), content_type="text/event-stream")
    [choice] = chat(client).get_json()["choices"]
    assert len({call["id"] for call in choice["message"]["tool_calls"]}) == len(choice["message"]["tool_calls"])
    return [
        (call["function"].get("name", ""), call["function"]["arguments"]) for call in choice["message"]["tool_calls"]
    ]


F1, F2, G = ("f", '{"a":1}'), ("f", '{"a":2}'), ("g", "{}")


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        # parallel calls without ids that all have the index 0
        ([piece(*F1, index=0), piece(*G, index=0)], [F1, G]),
        ([piece(*F1, index=0), piece(*F2, index=0)], [F1, F2]),
        ([piece("f", "", index=0), piece(None, '{"a":1}', index=0), piece("g", "", index=0),
          piece(None, "{}", index=0)], [F1, G]),
        ([piece("f", "", index=0), piece(None, '{"a":1}', index=0), piece("f", "", index=0),
          piece(None, '{"a":2}', index=0)], [F1, F2]),
        # the same without an index, with null, and with an index as text
        ([piece(*F1), piece(*F2), piece(*G)], [F1, F2, G]),
        ([piece(*F1, index=None), piece(*G, index=None)], [F1, G]),
        ([piece("f"), piece("f")], [("f", ""), ("f", "")]),
        ([piece(*F1, index="0"), piece(*G, index="1")], [F1, G]),
        # one id for all
        ([piece(*F1, index=0, id="call_0"), piece(*G, index=0, id="call_0")], [F1, G]),
        ([piece(*F1, index=0, id="call_0"), piece(*F2, index=1, id="call_0")], [F1, F2]),
        ([piece(*F1, index=0, id="call_0"), piece(*F2, index=0, id="call_0")], [F1, F2]),
        ([piece(*F1, index=0, id="a"), piece(*F2, index=0, id="b")], [F1, F2]),
        # the name in each piece
        ([piece("f", '{"a"', index=0), piece("f", ":1}", index=0)], [F1]),
        ([piece("f", '{"a"'), piece("f", ":1}")], [F1]),
        ([piece("f", '{"a"', index=0), piece("f", ":1}", index=0), piece("f", "", index=0)], [F1]),
        ([piece("f", '{"a"', index=0, id="a"), piece("f", ":1}", index=0, id="b")], [F1]),
        # another id in each piece
        ([piece("f", "", index=0, id="a"), piece(None, '{"a"', index=0, id="b"), piece(None, ":1}", index=0, id="c")],
         [F1]),
        ([piece("f", '{"a"', id="a"), piece(None, ":1}", id="b")], [F1]),
        ([piece("f", '{"a":1}', id="a"), piece(None, " ", id="b", index=0), piece(*G, index=0)],
         [("f", '{"a":1} '), G]),
        # the complete call once more at its end
        ([piece("f", '{"a"', index=0, id="a"), piece(None, ":1}", index=0), piece(*F1, index=0, id="a")], [F1]),
        # no function, or null
        ([{"index": 0, "id": "a"}, piece(*F1, index=0)], [F1]),
        ([{"index": 0, "id": "a", "type": "function", "function": None}, piece(*F1, index=0)], [F1]),
        ([piece("f", '{"a"', index=0), {"index": 0, "function": None}, piece(None, ":1}", index=0)], [F1]),
        ([piece("f", '{"a"', index=0), {}, None, piece(None, ":1}", index=0)], [F1]),
        ([piece("f", '{"a"', index=0, id="a"), {"index": 0, "id": "b"}, piece(None, ":1}", index=0)], [F1]),
        ([piece(*F1, index=0, id="a"), {"index": 0, "id": "b"}, piece(*G, index=0)], [F1, G]),
        # pieces of two calls in turn, known by their ids
        ([piece("f", "", index=0, id="a"), piece("g", "", index=0, id="b"), piece(None, '{"a":1}', index=0, id="a"),
          piece(None, "{}", id="b")], [F1, G]),
        # arguments that are no text, or no object
        ([piece("f", {"a": 1}, index=0), piece("g", None, index=0), {"index": 0, "function": {"parameters": {}}}],
         [F1, G]),
        ([piece("f", "", index=0), piece(None, None, index=0), {"index": 0, "function": {"arguments": None}}],
         [("f", "")]),
        ([piece("f", "}", index=0), piece("f", "{", index=0)], [("f", "}{")]),
    ],
)  # fmt: skip
def test_pieces_add_up_to_the_calls_that_the_model_made(client, upstream, pieces, expected):
    events = [delta(tool_calls=[one]) for one in pieces]
    assert streamed_calls(client, upstream, events) == expected
    assert whole_calls(client, upstream, events) == expected


@pytest.mark.parametrize(
    "entries",
    [
        [piece(*F1, index=0), piece(*F2, index=0)],
        [piece(*F1), piece(*F1)],
        [piece(*F1, index=0, id="a"), piece(*G, index=0, id="a")],
        [piece(*F1, id=""), piece(*G, id=None)],
        [piece("f", "", index=0), piece("f", "", index=0)],
    ],
)
def test_entries_of_one_list_are_calls_of_their_own(client, upstream, entries):
    expected = [(entry["function"]["name"], entry["function"]["arguments"]) for entry in entries]
    assert streamed_calls(client, upstream, [delta(tool_calls=entries)]) == expected
    upstream.replace("POST", CHAT, json=answer([*entries, None]))
    calls = chat(client).get_json()["choices"][0]["message"]["tool_calls"]
    assert [(call["function"]["name"], call["function"]["arguments"]) for call in calls] == expected
    assert len({call["id"] for call in calls}) == len(calls)


def test_a_call_keeps_its_first_id_and_the_next_one_takes_what_came_in_between(client, upstream):
    pieces = [piece(*F1, index=0, id="a"), {"index": 0, "id": "b"}, piece(*G, index=0)]
    upstream.post(CHAT, body=stream([delta(tool_calls=[one]) for one in pieces] + [END]))
    calls = chat(client).get_json()["choices"][0]["message"]["tool_calls"]
    assert [call["id"] for call in calls] == ["a", "b"]


CUSTOM = {"id": "a", "type": "custom", "custom": {"name": "shell", "input": "ls -l"}}
UNKNOWN = {"id": "b", "type": "search", "search": {"query": "x", "sites": ["y"]}}


def test_calls_of_other_types_are_passed_on(client, upstream):
    given = [CUSTOM, UNKNOWN, {"id": "c", "type": "mcp"}]
    upstream.post(CHAT, json=answer(given))
    assert chat(client).get_json()["choices"][0]["message"]["tool_calls"] == given
    response = parse_stream(chat(client, stream=True).data)
    [calls] = [event["choices"][0]["delta"]["tool_calls"] for event in response.events]
    assert calls == [{"index": index, **call} for index, call in enumerate(given)]


def test_pieces_of_a_custom_call_are_joined(client, upstream):
    first = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "shell", "input": ""}, "function": None}
    pieces = [
        first,
        {"index": 0, "custom": {"input": "{ls"}},
        {"index": 0, "id": "z", "type": "custom", "custom": {"input": "}"}, "function": None},
        {"index": 0, "type": "custom", "custom": {"name": "shell", "input": "{"}},
        piece(*F1, index=0),
    ]
    upstream.post(CHAT, body=stream([delta(tool_calls=[one]) for one in pieces] + [END]))
    events = parse_stream(chat(client, stream=True).data).events[:-1]
    calls = [event["choices"][0]["delta"]["tool_calls"][0] for event in events]
    assert [call["index"] for call in calls] == [0, 0, 0, 0, 1]
    assert [("id" in call, "type" in call, "function" in call) for call in calls[:4]] == [
        (True, True, False),
        *[(False, False, False)] * 3,
    ]
    custom, function = chat(client).get_json()["choices"][0]["message"]["tool_calls"]
    assert custom == {"id": "a", "type": "custom", "custom": {"name": "shell", "input": "{ls}{"}}
    assert function["function"] == {"name": "f", "arguments": '{"a":1}'}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("calls", ["x", [1], 5, [{"function": 5}], [{"function": []}], [{"id": "a", "function": "f"}]])
def test_calls_in_no_known_form_are_a_502(client, upstream, calls, streamed):
    upstream.post(CHAT, body=stream([delta(tool_calls=calls), END]) if streamed else json.dumps(answer(calls)))
    refused(chat(client), 502, "upstream_invalid_response")


@pytest.mark.parametrize("calls", [[{}], [{"id": "a"}], [{"id": "a", "function": None}]])
def test_a_call_of_a_whole_response_says_what_it_calls(client, upstream, calls):
    upstream.post(CHAT, json=answer(calls))
    refused(chat(client), 502, "upstream_invalid_response")


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls", "content_filter", "function_call"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_finish_reason_of_openai_is_what_the_upstream_said(client, upstream, reason, streamed):
    event = delta(tool_calls=[piece(*F1, index=0)])
    event["choices"][0]["finish_reason"] = reason
    upstream.post(CHAT, body=stream([event]) if streamed else json.dumps(answer([piece(*F1)], reason)))
    assert chat(client).get_json()["choices"][0]["finish_reason"] == reason
    assert parse_stream(chat(client, stream=True).data).finish_reasons == [reason]


@pytest.mark.parametrize(
    ("said", "expected"),
    [("end_turn", "stop"), ("TOOL_USE", "tool_calls"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"),
     ("model_length", "length"), ("abort", "abort"), ("", "tool_calls"), (5, "tool_calls"), (None, "tool_calls")],
)  # fmt: skip
def test_finish_reasons_of_other_dialects_are_translated(client, upstream, said, expected):
    upstream.post(CHAT, json=answer([piece(*F1)], said))
    assert chat(client).get_json()["choices"][0]["finish_reason"] == expected


def test_the_older_function_call_is_passed_on_and_joined(client, upstream):
    call = {"name": "f", "arguments": ""}
    pieces = [call, {"arguments": '{"a"'}, {"arguments": ":1}"}]
    events = [delta(function_call=None, content="")] + [delta(function_call=one) for one in pieces]
    upstream.post(CHAT, body=stream(events))
    response = parse_stream(chat(client, stream=True).data)
    deltas = [event["choices"][0]["delta"].get("function_call") for event in response.events]
    assert (deltas, response.finish_reasons) == ([None, *pieces, None], ["function_call"])
    [choice] = chat(client).get_json()["choices"]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": '{"a":1}'}
    upstream.replace("POST", CHAT, json={"choices": [{"message": {"function_call": {"arguments": {"a": 1}}}}]})
    [choice] = chat(client).get_json()["choices"]
    assert choice["message"]["function_call"] == {"arguments": '{"a":1}'}


def test_a_function_beside_another_type_is_passed_on(client, upstream):
    call = {"id": "1", "type": "mcp", "mcp": {"name": "f"}, "function": {"note": "x"}}
    upstream.post(CHAT, json=answer([call]))
    [given] = chat(client).get_json()["choices"][0]["message"]["tool_calls"]
    assert given["mcp"] == {"name": "f"}
