"""The client that redacts calls and restores responses, and the offsets that it converts."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.backends.plan import UpstreamRequest
from app.backends.types import Classification, Generation, Usage
from app.backends.upstream_response import UpstreamResponse
from app.context.call_context import CallContext
from app.context.deadline import Deadline
from app.context.request_info import RequestInfo
from app.errors import ValidationError
from app.inference.redaction.body import BodyRedactor
from app.inference.redaction.client import RedactingClient
from app.inference.redaction.offsets import Spans, with_original_offsets
from app.pii.detector import find_personal_data
from app.pii.placeholders import Placeholders
from app.pii.restoring import Restorer

TEXT = "Ask ada@example.com in Oslo or bob@example.org now"


class Answering:
    """A client whose upstream gives one response to each call."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        self.calls = []
        self._response = UpstreamResponse(status, {}, body)

    def send(self, call, _backend, _context):
        self.calls.append(call)
        return call.parse(self._response)


def context_of(redact=frozenset({"email"}), source=None):
    context = CallContext(RequestInfo("r", redact=redact), Deadline(5), "chat")
    context.source = source
    return context


def ask(client, parse, body, context=None):
    context = context or context_of()
    counted = []
    redacting = RedactingClient(client, lambda kind, count: counted.append((kind, count)))
    result = redacting.send(UpstreamRequest("b", "r", "http://u", parse, body), None, context)
    return result, counted


def test_a_call_without_a_body_or_findings_is_sent_as_it_is():
    client = Answering(b"{}")
    for body in (None, {"a": "b"}):
        _, counted = ask(client, lambda response: response.body, body)
        assert client.calls[-1].body is body
        assert not client.calls[-1].restores
        assert counted == []


def test_each_value_of_a_call_counts_once():
    client = Answering(b'["EMAIL_1"]')
    result, counted = ask(client, lambda response: response.body, {"a": TEXT, "b": TEXT})
    assert result == b'["ada@example.com"]'
    assert counted == [("email", 2)]
    assert client.calls[-1].restores


def test_an_error_keeps_placeholders():
    result, _ = ask(Answering(b'["[EMAIL_1]"]', 400), lambda response: response.body, {"a": TEXT})
    assert result == b'["[EMAIL_1]"]'


@pytest.mark.parametrize("inputs", [TEXT, [TEXT]])
def test_invalid_json_is_left_to_the_parser(inputs):
    result, _ = ask(Answering(b'[{"a": ["[EMAIL_1]", '), lambda response: response.body, {"inputs": inputs})
    assert result == b'[{"a": ["ada@example.com", '


def test_results_of_responses_that_are_no_json_are_restored():
    usage = Usage(1, 1)
    generation = Generation("[EMAIL_2]", "stop", usage=usage, model="m")
    result, _ = ask(Answering(b"data: x"), lambda _: generation, {"a": TEXT})
    assert result.text == "bob@example.org"
    labels = Classification([("a", 1.0)], usage=usage, model="m")
    result, _ = ask(Answering(b"data: x"), lambda _: labels, {"a": TEXT})
    assert result is labels


@pytest.mark.parametrize(
    ("item", "thing"),
    [
        ({"type": "item_reference", "id": "m"}, "an item that the server holds"),
        ({"type": "input_file", "file_data": "AAAA"}, "a file"),
        ({"type": "input_audio", "input_audio": {"data": "AAAA"}}, "audio"),
    ],
)
def test_an_item_that_cannot_be_searched_is_named(item, thing):
    with pytest.raises(ValidationError, match=rf"{thing} cannot be searched.*input\[1\]"):
        BodyRedactor({"email"}, lambda: None).redact({"input": ["a", item]}, {})


def test_names_of_a_schema_are_no_files():
    tools = [{"parameters": {"properties": {"image": {"type": "string"}, "file": {"default": "a@b.com"}}}}]
    redacted = BodyRedactor({"email"}, lambda: None).redact({"tools": tools}, {})
    assert redacted.body["tools"][0]["parameters"]["properties"]["file"] == {"default": "[EMAIL_1]"}


def test_a_value_that_is_split_over_parts_is_replaced_in_each():
    parts = [{"text": "call +49 15"}, {"text": "1 234"}, {"text": "56789 or a@b.com"}, {"type": "x"}]
    redacted = BodyRedactor({"email", "phone"}, lambda: None).redact({"messages": [{"content": parts}]}, {})
    texts = [part.get("text") for part in redacted.body["messages"][0]["content"]]
    assert texts == ["call [PHONE_1]", "[PHONE_2]", "[PHONE_3] or [EMAIL_1]", None]
    assert "".join(redacted.mapping[f"[PHONE_{number}]"] for number in (1, 2, 3)) == "+49 151 23456789"


def spans():
    findings = find_personal_data(TEXT, {"email"})
    placeholders = Placeholders()
    for finding in findings:
        placeholders.replace(finding.kind, TEXT[finding.start : finding.end])
    return {TEXT: Spans(TEXT, findings, placeholders)}


REDACTED = "Ask [EMAIL_1] in Oslo or [EMAIL_2] now"


@pytest.mark.parametrize(
    ("word", "original"),
    [
        ("Ask", "Ask"),
        ("[EMAIL_1]", "ada@example.com"),
        ("MAIL_1", "ada@example.com"),
        ("in Oslo", "in Oslo"),
        ("Oslo or [EMAIL_2]", "Oslo or bob@example.org"),
        ("now", "now"),
    ],
)
@pytest.mark.parametrize("form", ["object", "list", "span", "phrase"])
def test_offsets_become_those_of_the_text(word, original, form):
    start = REDACTED.index(word)
    end = start + len(word)
    payloads = {
        "object": {"start": start, "end": end},
        "list": ["x", start, end, 0.5],
        "span": {"span": [start, end]},
        "phrase": [start, end, 0.5],
    }
    found = with_original_offsets([payloads[form]], TEXT, spans())[0]
    places = {
        "object": lambda: found.values(),
        "list": lambda: found[1:3],
        "span": lambda: found["span"],
        "phrase": lambda: found[:2],
    }
    first, last = places[form]()
    assert TEXT[first:last] == original


@pytest.mark.parametrize(
    ("payload", "inputs"),
    [
        ({"start": 4, "end": 5}, None),
        ({"start": 4, "end": 5}, "another text"),
        ({"start": 4, "end": 5}, ["several", TEXT]),
        ({"start": 4, "end": True}, TEXT),
        ({"span": None}, TEXT),
        ([[0.5, 0.25], [1, 2, 3]], [TEXT, TEXT]),
    ],
)
def test_other_values_stay(payload, inputs):
    assert with_original_offsets(payload, inputs, spans()) == payload


def test_each_of_several_inputs_has_its_own_offsets():
    place = {"start": 17, "end": 21}
    there = {"start": 23, "end": 27}
    assert with_original_offsets([[place], [place]], ["x", TEXT], spans()) == [[place], [there]]
    assert with_original_offsets([place], [TEXT], spans()) == [there]
    assert with_original_offsets({"outputs": [[place]], "tokens": [1]}, [TEXT], spans()) == {
        "outputs": [[there]],
        "tokens": [1],
    }
    assert with_original_offsets(place, {"question": "?", "context": TEXT}, spans()) == there


def test_a_body_without_findings_keeps_its_bytes():
    body = {"a": [1, "b", None, 2.5, True, 10**9]}
    redacted = BodyRedactor({"email", "card"}, lambda: None).redact(body, {"x": None})
    assert redacted.body is body
    body = {"a": ["a@b.com", 10**9, 4111111111111111.0, 1e300, 0.5], "n": 4111111111111111}
    redacted = BodyRedactor({"email", "card"}, lambda: None).redact(body, {})
    assert orjson.loads(orjson.dumps(redacted.body)) == {
        "a": ["[EMAIL_1]", 10**9, "[CARD_1]", 1e300, 0.5],
        "n": 4111111111111111,
    }


def test_a_part_of_a_text_has_no_value_that_only_the_complete_text_tells():
    client = Answering(b"[]")
    source = "My BSN is the following: 111222333. And 111222333 again."
    context = context_of(frozenset({"national_id"}), source)
    for part in ("111222333.", "And 111222333 or 111222333.", "Nothing"):
        ask(client, lambda response: response.body, {"text": part}, context=context)
    assert [call.body["text"] for call in client.calls] == [
        "[NATIONAL_ID_1].",
        "And [NATIONAL_ID_1] or [NATIONAL_ID_1].",
        "Nothing",
    ]


VALUES = ("ada@example.com", "+44 20 7946 0958", "4111 1111 1111 1111", "DE89370400440532013000", "123-45-6789")
TEXTS = st.lists(st.sampled_from([*VALUES, "[EMAIL_1]", "card_1", "ü", '"', "\\", "x, ", ": "]), max_size=6).map(
    " ".join
)
BODIES = st.dictionaries(
    TEXTS,
    st.recursive(
        TEXTS | st.integers(-5, 5) | st.none() | st.booleans(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(BODIES)
def test_any_body_loses_its_values_and_gets_them_back(body):
    redacted = BodyRedactor({"email", "phone", "card", "iban", "national_id"}, lambda: None).redact(body, {})
    sent = orjson.dumps(redacted.body).decode()
    assert not [value for value in VALUES if value in sent]
    assert orjson.loads(Restorer(redacted.mapping).json_document(sent)) == body
