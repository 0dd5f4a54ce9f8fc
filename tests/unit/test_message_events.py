"""Streams as events of Anthropic's Messages API, checked against the types and the accumulator of Anthropic's SDK."""

import json
import random
import time
from itertools import pairwise
from types import SimpleNamespace

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from app.backends.responses.chunk_decoder import CHAT, ChunkDecoder
from app.backends.responses.parse import parse_completion
from app.backends.responses.sse import EventSplitter
from app.backends.upstream_response import UpstreamResponse
from app.errors import UpstreamInvalidResponse
from app.translators.messages.events import MessageEvents
from app.translators.messages.response import message_response

BODY = {"thinking": {"type": "adaptive"}, "stop_sequences": ["END"]}
EVENT = TypeAdapter(RawMessageStreamEvent)
USAGE = {"prompt_tokens": 30, "completion_tokens": 9, "total_tokens": 39}
SEEDS = range(500)


def chunk(delta, finish_reason=None, **extra):
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, **extra}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def call(index, *arguments, name="look", call_id=None):
    """Return the deltas of a call of a tool."""
    first = {"index": index, "id": call_id or f"call_{index}", "type": "function"}
    yield {"tool_calls": [{**first, "function": {"name": name, "arguments": ""}}]}
    for text in arguments:
        yield {"tool_calls": [{"index": index, "function": {"arguments": text}}]}


class Upstream:
    """A stream of an upstream, as a random choice of parts, and what a client must make of it."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.deltas = [{"role": "assistant", "content": self.random.choice(["", None])}]
        self.name_of_reasoning = self.random.choice(["reasoning_content", "reasoning"])
        self.thinking = self.text = ""
        self.inputs = []
        self.cut = self.refused = False
        for part in self.random.choices((self.reason, self.say, self.use, self.use_two, self.refuse), k=3):
            part()
        if self.random.random() < 0.2:
            self.use_partly()
        self.reason_to_stop = self.random.choice(["stop", "tool_calls", "length", "content_filter", None, "eos_token"])
        if self.cut:
            self.reason_to_stop = "length"

    def reason(self):
        self.deltas += [{self.name_of_reasoning: "Hm… 🤔"}, {self.name_of_reasoning: " So."}]
        self.thinking += "Hm… 🤔 So."

    def say(self):
        for text in self.random.choices(["Hello ", "wörld 🙂", '"quoted"\n', "END"], k=4):
            self.deltas.append({"content": text})
            self.text += text

    def refuse(self):
        self.deltas.append({"refusal": "I cannot."})
        self.text += "I cannot."
        self.refused = True

    def _arguments(self):
        value = {"city": self.random.choice(["Paris", "Zürich 🏔", 'a "b"']), "days": [1, {"x": None}]}
        self.inputs.append(value)
        text = json.dumps(value, ensure_ascii=self.random.choice([True, False]))
        half = self.random.randrange(len(text))
        return text[:half], text[half:]

    def use(self):
        self.deltas += call(len(self.inputs), *self._arguments())

    def use_two(self):
        first, second = (list(call(len(self.inputs), *self._arguments())) for _ in "ab")
        if self.random.random() < 0.5:
            self.deltas += [*first, *second]
        else:
            self.deltas += [delta for pair in zip(first, second, strict=True) for delta in pair]

    def use_partly(self):
        self.deltas += call(len(self.inputs), '{"city": "Par')
        self.inputs.append(None)
        self.cut = True

    @property
    def data(self):
        events = [chunk(delta) for delta in self.deltas]
        if self.reason_to_stop:
            events.append(chunk({}, self.reason_to_stop))
        place = self.random.choice(["none", "last", "own", "first"])
        if place in ("first", "last"):
            events[0 if place == "first" else -1]["usage"] = USAGE
        elif place == "own":
            events.append({**chunk({}), "choices": [], "usage": USAGE})
        return "".join(f"data: {json.dumps(one)}\n\n" for one in events).encode() + b"data: [DONE]\n\n"

    def stop_reason(self):
        if self.refused or self.reason_to_stop == "content_filter":
            return "refusal"
        if self.reason_to_stop == "length":
            return "max_tokens"
        return "tool_use" if self.inputs else "end_turn"


def formatter(decoder, body=None):
    context = SimpleNamespace(request=SimpleNamespace(id="a-request"))
    return MessageEvents(BODY if body is None else body, context, SimpleNamespace(decoder=decoder))


def sent(data, body=None, cuts=()):
    """Return the bytes that a client receives for a stream of an upstream, which arrives in parts."""
    decoder, splitter = ChunkDecoder(CHAT, "m", "hello", {}), EventSplitter(10**6)
    events, out = formatter(decoder, body), b""
    edges = [0, *sorted(cuts), len(data)]
    for start, end in pairwise(edges):
        found = splitter.feed(data[start:end]) if start < end else []
        out += events.format([one for event in found if (one := decoder.decode_event(event))])
    return out + events.finish()


def parsed(stream):
    """Return the data of the events; their names must repeat its types."""
    found = []
    for block in stream.decode().split("\n\n")[:-1]:
        name, data = block.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def accumulated(events):
    """Return the message that Anthropic's SDK makes of events, each of which must have the form of its type."""
    message, buffers = None, {}
    for event in events:
        if event["type"] != "ping":
            typed = EVENT.validate_python(event)
            message = accumulate_event(event=typed, current_snapshot=message, json_bufs=buffers)
    return message


def check_order(events):
    """Each block begins after the end of the one before, and the message has one beginning and one end."""
    assert [event["type"] for event in events[:2]] == ["message_start", "ping"]
    assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
    index, is_open = -1, False
    for event in events[2:-2]:
        kind = event["type"]
        index += kind == "content_block_start"
        assert kind.startswith("content_block_")
        assert event["index"] == index
        assert is_open == (kind != "content_block_start")
        is_open = kind != "content_block_stop"
    assert not is_open


def joined(content, kind):
    return "".join(getattr(block, kind) for block in content if block.type == kind)


@pytest.mark.parametrize("seed", SEEDS)
def test_randomly_cut_streams_become_valid_events_with_all_that_was_said(seed):
    upstream = Upstream(seed)
    data = upstream.data
    cuts = [upstream.random.randrange(len(data)) for _ in range(upstream.random.randrange(12))]
    events = parsed(sent(data, cuts=cuts))
    check_order(events)
    message = accumulated(events)
    assert joined(message.content, "text") == upstream.text
    assert joined(message.content, "thinking") == upstream.thinking
    inputs = [block.input for block in message.content if block.type == "tool_use"]
    assert inputs[: -1 if upstream.cut else None] == upstream.inputs[: -1 if upstream.cut else None]
    assert len(inputs) == len(upstream.inputs)
    assert message.stop_reason == upstream.stop_reason()

    response = UpstreamResponse(200, {"content-type": "text/event-stream"}, data)
    whole = message_response(BODY, parse_completion(response, CHAT, "m", "hello"))
    complete = Message.model_validate(whole, strict=True)
    assert joined(complete.content, "text").replace("I cannot.", "") == upstream.text.replace("I cannot.", "")
    assert joined(complete.content, "thinking") == upstream.thinking
    assert (complete.stop_reason, complete.usage.output_tokens) == (message.stop_reason, message.usage.output_tokens)
    found = [block.input for block in complete.content if block.type == "tool_use"]
    assert [value for value in found if "raw_arguments" not in value] == [one for one in upstream.inputs if one]


@pytest.mark.parametrize("seed", range(50))
def test_broken_streams_end_with_an_error_and_never_with_message_stop(seed):
    upstream = Upstream(seed)
    decoder = ChunkDecoder(CHAT, "m", "hello", {})
    events = formatter(decoder)
    out = b"".join(
        events.format([decoder.decode_event(json.dumps(chunk(delta)).encode())]) for delta in upstream.deltas
    )
    *_, last = found = parsed(out + events.error(UpstreamInvalidResponse()))
    assert "message_stop" not in [event["type"] for event in found]
    assert (last["type"], last["error"]["type"], last["request_id"]) == ("error", "api_error", "a-request")
    assert last["error"]["details"]["error_code"] == "upstream_invalid_response"


def stream(*events):
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode() + b"data: [DONE]\n\n"


def message_of(*deltas, body=None, reason="stop", **extra):
    return accumulated(parsed(sent(stream(*map(chunk, deltas), chunk({}, reason, **extra)), body)))


def test_a_tool_call_is_sent_as_it_arrives():
    decoder = ChunkDecoder(CHAT, "m", "hello", {})
    events = formatter(decoder)
    parts = []
    for delta in call(0, '{"city":', ' "Paris"}'):
        parts.append(events.format([decoder.decode_event(json.dumps(chunk(delta)).encode())]))
    assert b'"partial_json":"{\\"city\\":"' in parts[1]
    assert b'"partial_json":" \\"Paris\\"}"' in parts[2]


def test_what_arrives_within_an_unfinished_call_becomes_blocks_after_it():
    first, second = list(call(0, '{"a":', " 1}")), list(call(1, '{"b":', " 2}"))
    said = [{"content": "one "}, {"content": "two"}]
    order = [first[0], first[1], said[0], second[0], second[1], first[2], said[1], second[2]]
    content = message_of(*order, reason="tool_calls").content
    assert [block.type for block in content] == ["tool_use", "text", "tool_use"]
    assert [content[0].input, content[1].text, content[2].input] == [{"a": 1}, "one two", {"b": 2}]


def test_calls_that_are_announced_together_keep_their_arguments():
    first, second = list(call(0, '{"a": 1}')), list(call(1, '{"b": 2}'))
    content = message_of(first[0], second[0], first[1], second[1], reason="tool_calls").content
    assert [block.input for block in content] == [{"a": 1}, {"b": 2}]


def test_a_piece_for_a_call_that_has_ended_is_ignored():
    first = [*call(0, '{"a": 1}'), {"content": "Now."}, {"tool_calls": [{"index": 0, "function": {"arguments": " "}}]}]
    content = message_of(*first).content
    assert [content[0].input, content[1].text] == [{"a": 1}, "Now."]


def test_a_name_that_comes_later_is_the_name_of_its_call():
    nameless = {"index": 0, "id": "call_0", "type": "function", "function": {"arguments": ""}}
    named = {"index": 0, "function": {"name": "look", "arguments": '{"a": 1}'}}
    [block] = message_of({"tool_calls": [nameless]}, {"tool_calls": [named]}).content
    assert (block.name, block.input) == ("look", {"a": 1})


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", {}),
        ("null", {}),
        ('"{\\"a\\": 1}"', {"a": 1}),
        ("[1]", {"raw_arguments": "[1]"}),
        ("Paris", {"raw_arguments": "Paris"}),
        (' {"a": 1}', {"a": 1}),
    ],
)
def test_arguments_in_another_form_are_an_object_for_clients(arguments, expected):
    [block] = message_of(*call(0, *arguments)).content
    assert block.input == expected


def test_blanks_before_arguments_cost_the_same_for_each_piece():
    decoder = ChunkDecoder(CHAT, "m", "hello", {})
    events = formatter(decoder)
    chunks = [decoder.decode_event(json.dumps(chunk(delta)).encode()) for delta in call(0, *[" " * 50] * 20_000, "{}")]
    begin = time.process_time()
    data = events.format(chunks)
    assert time.process_time() - begin < 2  # seconds; joining all pieces at each takes many times that
    assert b'"partial_json":"{}"' in data


def test_a_call_that_is_no_function_is_left_out():
    custom = {"index": 0, "id": "call_0", "type": "custom", "custom": {"name": "look", "input": "x"}}
    message = message_of({"content": "Hi."}, {"tool_calls": [custom]})
    assert [block.type for block in message.content] == ["text"]


def test_thinking_is_shown_to_clients_that_ask_for_it_only():
    deltas = [{"reasoning_content": "Hm."}, {"content": "Hi."}]
    shown = {kind: message_of(*deltas, body={"thinking": {"type": kind}}).content for kind in ("enabled", "disabled")}
    assert [block.type for block in shown["enabled"]] == ["thinking", "text"]
    assert shown["enabled"][0].signature
    omitted = message_of(*deltas, body={"thinking": {"type": "enabled", "display": "omitted"}}).content
    for content in (shown["disabled"], omitted, message_of(*deltas, body={}).content):
        assert [block.type for block in content] == ["text"]


@pytest.mark.parametrize("field", ["stop_reason", "matched_stop"])
def test_a_stop_sequence_is_named_if_the_upstream_names_it(field):
    message = message_of({"content": "Hi."}, **{field: "END"})
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "END")
    message = message_of({"content": "Hi."}, **{field: 2})
    assert (message.stop_reason, message.stop_sequence) == ("end_turn", None)


def test_other_choices_are_left_out():
    other = {**chunk({"content": "Two."}, "stop"), "choices": [{"index": 1, "delta": {"content": "Two."}}]}
    events = parsed(sent(stream(chunk({"content": "One."}), other, chunk({}, "stop"))))
    assert joined(accumulated(events).content, "text") == "One."


def test_the_usage_at_the_end_replaces_the_estimate_at_the_beginning():
    usage = {
        **USAGE,
        "prompt_tokens_details": {"cached_tokens": 20},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }
    data = stream(chunk({"content": "Hi."}), {**chunk({}, "stop"), "usage": usage})
    events = parsed(sent(data, cuts=[data.index(b"\n\n") + 2]))
    assert events[0]["message"]["usage"]["input_tokens"] == 1
    found = accumulated(events).usage
    assert (found.input_tokens, found.cache_read_input_tokens, found.output_tokens) == (10, 20, 9)
    assert found.output_tokens_details.thinking_tokens == 4


def test_the_counts_of_an_upstream_with_anthropics_names_are_kept():
    usage = {"input_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2, "output_tokens": 9}
    found = accumulated(parsed(sent(stream(chunk({"content": "Hi."}), {**chunk({}, "stop"), "usage": usage})))).usage
    assert (found.input_tokens, found.cache_read_input_tokens, found.cache_creation_input_tokens) == (5, 3, 2)
