"""Streams as events of OpenAI's Responses API, checked against the types of OpenAI's SDK and a client of its own."""

import json
import random
from types import SimpleNamespace

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from app.backends.responses.chunk_decoder import CHAT, ChunkDecoder
from app.backends.responses.parse import parse_completion
from app.backends.responses.sse import EventSplitter
from app.backends.upstream_response import UpstreamResponse
from app.errors import UpstreamInvalidResponse, UpstreamRateLimited, ValidationError
from app.translators.responses.events import ResponseEvents
from app.translators.responses.translator import ResponsesTranslator

EVENT = TypeAdapter(ResponseStreamEvent)
RESPONSE = TypeAdapter(Response)
CUSTOM = {"type": "custom", "name": "patch", "description": "Apply a patch.", "format": {"type": "text"}}
LOOK = {"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": True}
SPACE = {"type": "namespace", "name": "team", "description": "Agents.", "tools": [{**LOOK, "name": "ask"}]}
BODY = {"input": "Hi.", "tools": [LOOK, CUSTOM, SPACE], "instructions": "Be brief.", "metadata": {"a": "b"}}
USAGE = {
    "prompt_tokens": 30,
    "completion_tokens": 9,
    "total_tokens": 39,
    "prompt_tokens_details": {"cached_tokens": 10},
    "completion_tokens_details": {"reasoning_tokens": 4},
}
SEEDS = range(500)
INPUTS = ("*** Begin\n+é 🙂\n", '{"input": 1}', "", 'a "b" \\n')


def chunk(delta, finish_reason=None, **extra):
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, **extra}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def call(index, *arguments, name="look", call_id=None):
    """Return the deltas of a call of a tool."""
    first = {"index": index, "id": call_id or f"call_{index}", "type": "function"}
    yield {"tool_calls": [{**first, "function": {"name": name, "arguments": ""}}]}
    for text in arguments:
        yield {"tool_calls": [{"index": index, "function": {"arguments": text}}]}


def stream(*deltas, finish_reason="stop", usage=None, done=True):
    """Return the bytes of an upstream's stream."""
    events = [chunk(delta) for delta in deltas]
    if finish_reason:
        events.append(chunk({}, finish_reason))
    if usage:
        events.append({**chunk({}), "choices": [], "usage": usage})
    return "".join(f"data: {json.dumps(one)}\n\n" for one in events).encode() + (b"data: [DONE]\n\n" if done else b"")


class Upstream:
    """A random stream of an upstream, and what a client must make of it: reasoning, texts, refusals and calls."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.deltas = [{"role": "assistant", "content": self.random.choice(["", None])}]
        self.reasoning_field = self.random.choice(["reasoning_content", "reasoning"])
        self.reasoning = self.text = self.refusal = ""
        self.calls = []
        self.is_cut = False
        for part in self.random.choices((self.reason, self.say, self.use, self.use_two, self.patch, self.refuse), k=3):
            part()
        if self.random.random() < 0.2:
            self.use_partly()
        self.finish_reason = self.random.choice(["stop", "tool_calls", "length", "content_filter", None, "eos_token"])
        if self.is_cut:
            self.finish_reason = "length"

    def reason(self):
        self.deltas += [{self.reasoning_field: "Hm… 🤔"}, {self.reasoning_field: " So."}]
        self.reasoning += "Hm… 🤔 So."

    def say(self):
        for text in self.random.choices(["Hello ", "wörld 🙂", '"quoted"\n', "", "\u2028"], k=4):
            self.deltas.append({"content": text})
            self.text += text

    def refuse(self):
        self.deltas.append({"refusal": "I cannot."})
        self.refusal += "I cannot."

    def arguments(self, name, value):
        self.calls.append((name, value))
        text = json.dumps(value, ensure_ascii=self.random.choice([True, False]))
        half = self.random.randrange(len(text))
        return call(len(self.calls) - 1, text[:half], text[half:], name=name)

    def look(self):
        value = {"city": self.random.choice(["Paris", "Zürich 🏔", 'a "b"']), "days": [1, {"x": None}]}
        return self.arguments(self.random.choice(["look", "team__ask", "made_up"]), value)

    def use(self):
        self.deltas += self.look()

    def use_two(self):
        first, second = (list(self.look()) for _ in "ab")
        if self.random.random() < 0.5:
            self.deltas += [*first, *second]
        else:
            self.deltas += [delta for pair in zip(first, second, strict=True) for delta in pair]

    def patch(self):
        self.deltas += self.arguments("patch", {"input": self.random.choice(INPUTS)})

    def use_partly(self):
        self.deltas += call(len(self.calls), '{"city": "Par')
        self.is_cut = True

    @property
    def data(self):
        usage = self.random.choice([None, USAGE])
        data = stream(*self.deltas, finish_reason=self.finish_reason, usage=usage)
        return data if self.random.random() < 0.7 else data.replace(b"data: ", b"data:").replace(b"\n\n", b"\r\n\r\n")

    def status(self):
        return "incomplete" if self.finish_reason in ("length", "content_filter") else "completed"


def formatter(decoder, body=BODY):
    context = SimpleNamespace(request=SimpleNamespace(id="a-request"))
    return ResponseEvents(body, context, SimpleNamespace(decoder=decoder))


def parsed(data):
    """Return the events of a response; each has its type as the name of the event, and validates."""
    events = []
    for block in data.decode().removesuffix("\n\n").split("\n\n"):
        name, payload = block.split("\n")
        event = json.loads(payload.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        EVENT.validate_python(event, strict=True)
        events.append(event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return events


def sent(data, body=BODY, reads=None, error=None):
    """Return the events that a client receives for a stream of an upstream, which arrives in `reads`."""
    decoder, splitter = ChunkDecoder(CHAT, None, "a prompt", {}), EventSplitter()
    events = formatter(decoder, body)
    written = b""
    for read in [data] if reads is None else reads:
        batch = [chunk for one in splitter.feed(read) if (chunk := decoder.decode_event(one))]
        written += events.format(batch) if batch else b""
    return parsed(written + (events.error(error) if error else events.finish()))


def cut(data, generator):
    """Return the data in random reads."""
    cuts = sorted(generator.choices(range(len(data)), k=generator.randrange(12)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True) if start < end]


class Client:
    """Builds the output from the events of items, parts and deltas, and checks their order."""

    def __init__(self, events):
        self.output, self.open = [], {}
        assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
        assert [event["response"]["output"] for event in events[:2]] == [[], []]
        for event in events[2:-1]:
            self.take(event)
        assert not self.open, "items or parts without their end"
        self.response = events[-1]["response"]

    def take(self, event):
        kind, index = event["type"].removeprefix("response."), event["output_index"]
        place = (index, event.get("content_index", event.get("summary_index")))
        if kind == "output_item.added":
            assert index == len(self.output)
            self.output.append(event["item"])
            self.open[index, "item"] = ""
        elif kind == "output_item.done":
            self.open.pop((index, "item"))
            self.output[index] = event["item"]
        else:
            assert event["item_id"] == self.output[index]["id"]
            assert (index, "item") in self.open
            self.take_text(kind, event, place)

    def take_text(self, kind, event, place):
        if kind.endswith("part.added"):
            assert place not in self.open
            self.open[place] = ""
        elif kind.endswith("part.done"):
            text = event["part"].get("text", event["part"].get("refusal"))
            assert self.open.pop(place) == text
        elif kind.endswith(".delta"):
            assert event["delta"]
            self.open[place] = self.open.get(place, "") + event["delta"]
        else:
            name = kind.removesuffix(".done").rpartition("_")[2]
            names = {"text": "text", "refusal": "refusal", "arguments": "arguments", "input": "input"}
            text = self.open.get(place, "") if place[1] is not None else self.open.pop(place, "")
            assert event[names[name]] == text


def texts(response, item_type, field, part_type):
    parts = [part for item in response["output"] if item["type"] == item_type for part in item[field]]
    return "".join(part.get("text", part.get("refusal")) for part in parts if part["type"] == part_type)


def calls(response):
    """Return the calls of a response: the names of their functions, and their values."""
    for item in response["output"]:
        name = f"{item['namespace']}__{item['name']}" if "namespace" in item else item.get("name")
        if item["type"] == "custom_tool_call":
            yield name, {"input": item["input"]}
        elif item["type"] == "function_call" and item["status"] != "incomplete":
            yield name, json.loads(item["arguments"])


def check_response(response, upstream):
    RESPONSE.validate_python(response, strict=True)
    assert response["status"] == upstream.status()
    assert texts(response, "message", "content", "output_text") == upstream.text
    assert texts(response, "message", "content", "refusal") == upstream.refusal
    assert texts(response, "reasoning", "content", "reasoning_text") == upstream.reasoning
    found = list(calls(response))
    # a cut response may be cut within its last item
    assert found == upstream.calls or (upstream.status() == "incomplete" and found == upstream.calls[: len(found)])
    if upstream.is_cut:
        assert response["output"][-1]["arguments"] == '{"city": "Par'


def comparable(response):
    """Return a response without what differs between two of the same request."""
    names = {"id", "created_at", "completed_at"}
    output = [{name: value for name, value in item.items() if name not in names} for item in response["output"]]
    return {name: value for name, value in response.items() if name not in names} | {"output": output}


@pytest.mark.parametrize("seed", SEEDS)
def test_randomly_cut_streams_become_valid_events_that_add_up_to_the_response(seed):
    upstream = Upstream(seed)
    data = upstream.data
    events = sent(data, reads=cut(data, upstream.random))
    client = Client(events)
    assert client.output == client.response["output"]
    assert events[-1]["type"] == f"response.{upstream.status()}"
    check_response(client.response, upstream)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stream_and_a_complete_response_are_equal(seed):
    upstream = Upstream(seed)
    data = upstream.data
    streamed = sent(data)[-1]["response"]
    result = parse_completion(UpstreamResponse(200, {}, data), CHAT, None, "a prompt")
    complete = ResponsesTranslator().response(BODY, None, result)
    RESPONSE.validate_python(complete, strict=True)
    # a complete message has no order among its texts and calls
    assert complete["status"] == streamed["status"]
    assert complete["usage"] == streamed["usage"]
    for kind in ("output_text", "refusal"):
        assert texts(complete, "message", "content", kind) == texts(streamed, "message", "content", kind)
    arguments = ({item["call_id"]: item for item in one["output"] if "call_id" in item} for one in (complete, streamed))
    assert len({json.dumps(sorted(one)) for one in arguments}) == 1
    assert {
        name: complete[name] for name in complete if name not in ("id", "created_at", "completed_at", "output")
    } == {name: streamed[name] for name in streamed if name not in ("id", "created_at", "completed_at", "output")}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_broken_stream_ends_with_a_failure_and_an_error_and_never_completes(seed):
    upstream = Upstream(seed)
    data = upstream.data
    begin = data[: upstream.random.randrange(len(data))]
    events = sent(begin, reads=cut(begin, upstream.random), error=UpstreamInvalidResponse())
    assert [event["type"] for event in events[-2:]] == ["response.failed", "error"]
    assert not {"response.completed", "response.incomplete"} & {event["type"] for event in events}
    assert events[-2]["response"]["error"]["code"] == "server_error"


def types(events):
    return [event["type"].removeprefix("response.") for event in events]


def test_the_events_of_a_text_are_in_the_order_of_openai():
    events = sent(stream({"role": "assistant", "content": ""}, {"content": "Hel"}, {"content": "lo"}, usage=USAGE))
    assert types(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert events[-1]["response"]["usage"] == {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 0},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 4},
        "total_tokens": 39,
    }


def test_an_item_ends_before_the_next_one_begins():
    deltas = [{"reasoning": "Hm."}, {"content": "Hi."}, *call(0, '{"a":', "1}"), *call(1, "{}"), {"content": "Bye."}]
    events = [event for event in sent(stream(*deltas)) if "output_item" in event["type"]]
    found = [(event["type"].rpartition(".")[2], event["output_index"]) for event in events]
    assert found == [(kind, index) for index in range(5) for kind in ("added", "done")]


def test_interleaved_calls_keep_their_arguments():
    first, second = call(0, '{"a":', "1}"), call(1, '{"b":', "2}")
    deltas = [delta for pair in zip(first, second, strict=True) for delta in pair]
    output = Client(sent(stream(*deltas))).output
    assert [item["arguments"] for item in output] == ['{"a":1}', '{"b":2}']


def test_only_the_last_item_is_cut_off():
    [first, second] = Client(sent(stream(*call(0), *call(1, '{"a'), finish_reason="length"))).output
    assert (first["status"], second["status"]) == ("completed", "incomplete")


def test_a_call_begins_with_the_piece_that_has_its_name():
    first = {"index": 0, "id": "call_a", "type": "function", "function": {"arguments": '{"a":'}}
    second = {"index": 0, "function": {"name": "look", "arguments": "1}"}}
    [item] = Client(sent(stream({"tool_calls": [first]}, {"tool_calls": [second]}))).output
    assert (item["call_id"], item["name"], item["arguments"]) == ("call_a", "look", '{"a":1}')


def test_a_call_that_never_gets_a_name_is_returned_without_one():
    piece = {"index": 0, "id": "call_a", "type": "function", "function": {"arguments": "{}"}}
    [item] = Client(sent(stream({"tool_calls": [piece]}, finish_reason="tool_calls"))).output
    assert (item["call_id"], item["name"], item["arguments"]) == ("call_a", "", "{}")


def test_calls_of_other_kinds_are_left_out():
    piece = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "x", "input": "y"}}
    assert [item["type"] for item in Client(sent(stream({"tool_calls": [piece]}, {"content": "Hi."}))).output] == [
        "message"
    ]


def test_the_older_form_of_calls_is_a_call_too():
    deltas = [{"function_call": {"name": "look", "arguments": ""}}, {"function_call": {"arguments": "{}"}}]
    [item] = Client(sent(stream(*deltas, finish_reason="function_call"))).output
    assert (item["type"], item["name"], item["arguments"]) == ("function_call", "look", "{}")
    assert item["call_id"].startswith("call_")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"input": "a\\nb"}', "a\nb"),
        ('{"patch": "a"}', "a"),
        ('{"input": 5}', '{"input": 5}'),
        ('{"a": "b", "c": "d"}', '{"a": "b", "c": "d"}'),
        ("{}", "{}"),
        ("plain text", "plain text"),
        ('{"input": "a\\nb', "a\nb"),
        ('{"input": "a\\', "a"),
        ('{"input": "a\\u00e', "a"),
        ('{"input": "a\nb', "a\nb"),
        ("", ""),
    ],
)
def test_the_input_of_a_custom_tool_is_read_from_its_arguments(arguments, expected):
    deltas = [*call(0, *arguments, name="patch")]
    events = sent(stream(*deltas, finish_reason="length"))
    [item] = Client(events).output
    assert (item["type"], item["name"], item["input"]) == ("custom_tool_call", "patch", expected)
    assert item["id"].startswith("ctc_")


def test_reasoning_is_a_summary_if_the_client_asks_for_one():
    deltas = [{"reasoning": "Hm.", "reasoning_content": "Hm."}, {"content": "Hi."}]
    events = sent(stream(*deltas), body={**BODY, "reasoning": {"summary": "auto"}})
    [reasoning, _] = Client(events).output
    assert (reasoning["summary"], reasoning.get("content")) == ([{"type": "summary_text", "text": "Hm."}], None)
    assert types(events)[2:8] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]


def test_log_probabilities_have_the_bytes_that_the_types_require():
    entry = {
        "token": "é",
        "logprob": -0.5,
        "top_logprobs": [{"token": "a", "logprob": -1, "bytes": [97]}, {"token": 5}],
    }
    choices = [
        chunk({"content": "é"}, logprobs={"content": [entry, {"token": "x"}, 5]}),
        chunk({"content": "!"}, logprobs={"content": None}),
        chunk({"content": "?"}, "stop", logprobs={"content": [{"token": "?", "logprob": -1, "top_logprobs": None}]}),
    ]
    data = "".join(f"data: {json.dumps(one)}\n\n" for one in choices).encode()
    events = sent(data)
    expected = [
        {
            "token": "é",
            "logprob": -0.5,
            "bytes": [195, 169],
            "top_logprobs": [{"token": "a", "logprob": -1, "bytes": [97]}],
        },
        {"token": "?", "logprob": -1, "bytes": [63], "top_logprobs": []},
    ]
    [item] = Client(events).output
    assert item["content"][0]["logprobs"] == expected
    deltas = [event["logprobs"] for event in events if event["type"] == "response.output_text.delta"]
    assert deltas == [expected[:1], [], expected[1:]]
    [done] = [event for event in events if event["type"] == "response.output_text.done"]
    assert done["logprobs"] == expected


def test_an_empty_response_has_an_empty_message():
    [item] = Client(sent(stream({"role": "assistant", "content": None}))).output
    assert item["content"] == [{"type": "output_text", "annotations": [], "logprobs": [], "text": ""}]


@pytest.mark.parametrize(
    ("finish_reason", "cause"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_an_incomplete_response_has_its_reason(finish_reason, cause):
    events = sent(stream({"reasoning": "Hm."}, {"content": "Hi"}, finish_reason=finish_reason))
    response = events[-1]["response"]
    assert (events[-1]["type"], response["incomplete_details"]) == ("response.incomplete", {"reason": cause})
    assert [item["status"] for item in response["output"]] == ["completed", "incomplete"]
    assert response["completed_at"] is None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UpstreamRateLimited(), "rate_limit_exceeded"),
        (ValidationError(), "invalid_prompt"),
        (UpstreamInvalidResponse(), "server_error"),
    ],
)
def test_a_failure_has_the_code_of_its_cause(error, code):
    failed, last = sent(b"", error=error)[-2:]
    assert failed["response"]["error"] == {"code": code, "message": error.message}
    assert (last["code"], last["message"], last["error"]["type"]) == (error.type, error.message, error.type)


def test_only_the_first_choice_is_returned():
    events = [chunk({"content": "a"}, "stop"), chunk({"content": "b"}, "stop")]
    events[1]["choices"][0]["index"] = 1
    [item] = Client(sent("".join(f"data: {json.dumps(one)}\n\n" for one in events).encode())).output
    assert item["content"][0]["text"] == "a"
