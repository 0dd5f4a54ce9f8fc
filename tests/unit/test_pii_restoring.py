"""Placeholders: how they are numbered, and how their values come back, in whole texts and in fragments."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pii.placeholders import Placeholders, mask
from app.pii.restoring import Restorer, StreamRestorer
from app.pii.streams import ChunkRestorer, EventRestorer, restored_value

MAPPING = {"[EMAIL_1]": "alice@example.com", "[NATIONAL_ID_2]": '1\n"2', "[PHONE_12]": "+49 151"}
RESTORER = Restorer(MAPPING)


def fed(restorer, text, sizes, **options):
    stream, parts, position = StreamRestorer(restorer, **options), [], 0
    for size in sizes:
        parts.append(stream.feed(text[position : position + size]))
        position += size
    return "".join([*parts, stream.feed(text[position:]), stream.finish()])


def test_equal_values_of_a_kind_have_one_placeholder():
    placeholders = Placeholders()
    values = [("email", "a@b.c"), ("email", "x@b.c"), ("email", "a@b.c"), ("phone", "a@b.c")]
    assert [placeholders.replace(*value) for value in values] == ["[EMAIL_1]", "[EMAIL_2]", "[EMAIL_1]", "[PHONE_1]"]
    assert placeholders.mapping == {"[EMAIL_1]": "a@b.c", "[EMAIL_2]": "x@b.c", "[PHONE_1]": "a@b.c"}


@pytest.mark.parametrize("text", ["[EMAIL_1]", "email_1", "Email 1", "EMAIL-1", r"\[EMAIL\_1\]"])
def test_a_placeholder_equals_no_text_that_is_there_already(text):
    assert Placeholders([text]).replace("email", "a@b.c") == "[EMAIL_2]"


def test_a_mask_has_an_asterisk_for_each_character_and_keeps_white_space():
    assert mask("phone", "+49 151\n2") == "*** ***\n*"


@pytest.mark.parametrize(
    ("text", "restored"),
    [
        ("To [EMAIL_1].", "To alice@example.com."),
        ("[email_1] [Email 1] [EMAIL-1] [ EMAIL_1 ]", " ".join(["alice@example.com"] * 4)),
        (r"\[EMAIL\_1\] ［EMAIL_1］ **[EMAIL_1]**", "alice@example.com alice@example.com **alice@example.com**"),
        ("EMAIL_1, (EMAIL_1) <EMAIL_1>", "alice@example.com, (alice@example.com) <alice@example.com>"),
        ("[NATIONAL_ID_2] [national id 2] [NationalID 2]", '1\n"2 1\n"2 1\n"2'),
        ("email_1 xEMAIL_1 EMAIL_12 EMAIL_1x", "email_1 xEMAIL_1 EMAIL_12 EMAIL_1x"),
        ("[EMAIL_2] [PHONE_1] [PHONE_12]", "[EMAIL_2] [PHONE_1] +49 151"),
        ("[EMAIL_1](mailto:[EMAIL_1])", "[EMAIL_1](mailto:[EMAIL_1])".replace("[EMAIL_1]", "alice@example.com")),
    ],
)
def test_placeholders_are_restored_as_models_write_them(text, restored):
    assert RESTORER.text(text) == restored
    assert fed(RESTORER, text, [1] * len(text)) == restored


def test_other_placeholders_of_a_mapping_are_restored_as_they_are():
    assert Restorer({"<<A>>": "b"}).text("x <<A>> [A_1]") == "x b [A_1]"
    assert Restorer({}).text("[EMAIL_1]") == "[EMAIL_1]"


PIECES = st.lists(
    st.sampled_from(
        ["[", "]", "EMAIL", "_", "1", "2", "[EMAIL_1]", "EMAIL_1", " ", "x", "\\", "N", "[NATIONAL_ID_2", "é", "{"]
    )
)


@given(PIECES, st.lists(st.integers(1, 5)))
def test_a_text_in_fragments_is_restored_like_a_whole_one(pieces, sizes):
    text = "".join(pieces)
    is_json = text.lstrip().startswith("{")
    assert fed(RESTORER, text, sizes) == RESTORER.text(text, is_json=is_json)


def test_only_the_possible_beginning_of_a_placeholder_is_held_back():
    stream = StreamRestorer(RESTORER)
    fragments = ["Hello [EM", "AIL_1] and [x", "] E", "asy ", "PHONE", "S."]
    assert [stream.feed(part) for part in fragments] == [
        "Hello ",
        "alice@example.com and [x",
        "] ",
        "Easy ",
        "",
        "PHONES.",
    ]


def test_json_stays_valid():
    document = '{"a":"[NATIONAL_ID_2]","arguments":"{\\"b\\": \\"[NATIONAL_ID_2]\\"}","n":1e400,"c":"x"}'
    restored = json.loads(RESTORER.json_document(document))
    assert restored["a"] == '1\n"2'
    assert json.loads(restored["arguments"]) == {"b": '1\n"2'}
    assert RESTORER.json_document(r'{"a":"\ud800 EMAIL_1"}') == r'{"a":"\ud800 EMAIL_1"}'  # no valid JSON
    text = '{"id": "[NATIONAL_ID_2]"}'
    assert json.loads(fed(RESTORER, text, [3] * 9)) == {"id": '1\n"2'}
    assert json.loads(fed(RESTORER, text[7:-1], [3] * 9, is_json=True)) == '1\n"2'


def test_chunks_of_choices_are_restored_apart():
    chunks = ChunkRestorer(RESTORER)
    first, second = {"content": "[EMAIL", "role": "assistant"}, {"content": "_1]"}
    assert chunks.restore(0, first, is_finished=False)
    assert first == {"content": "", "role": "assistant"}
    assert not chunks.restore(1, dict(second), is_finished=False)
    assert chunks.restore(0, second, is_finished=True)
    assert second == {"content": "alice@example.com"}


def test_what_was_held_back_comes_with_the_end_of_a_choice():
    chunks = ChunkRestorer(RESTORER)
    call = {"index": 1, "function": {"name": "f", "arguments": '{"a": "[EMAIL_1]", "b": "EMAIL'}}
    part = {"tool_calls": [call], "content": "a [", "reasoning": None}
    chunks.restore(0, part, is_finished=False)
    assert part["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a": "alice@example.com", "b": "'}
    last = {"content": None, "tool_calls": [{"index": 0}]}
    chunks.restore(0, last, is_finished=True)
    rest = {"index": 1, "function": {"arguments": "EMAIL"}}
    assert last == {"content": "[", "tool_calls": [{"index": 0}, rest]}


def test_log_probabilities_are_left_out():
    part = {"content": "x", "logprobs": {"content": [1]}}
    ChunkRestorer(RESTORER).restore(0, part, is_finished=True)
    assert part == {"content": "x", "logprobs": None}
    value = {"logprobs": [1], "choices": [{"logprobs": {"a": 1}, "text": "[EMAIL_1]"}], "n": 1}
    assert restored_value(value, RESTORER) == {
        "logprobs": [],
        "choices": [{"logprobs": None, "text": "alice@example.com"}],
        "n": 1,
    }


def test_events_of_responses_have_what_was_held_back_before_their_text_is_complete():
    events = EventRestorer(RESTORER)
    place = {"item_id": "m", "output_index": 0, "content_index": 0}
    kind = "response.output_text"
    given_events = [
        {"type": "response.created", "response": {"instructions": "[EMAIL_1]"}},
        {"type": f"{kind}.delta", **place, "delta": "To [EMA", "logprobs": [1]},
        {"type": f"{kind}.delta", **place, "delta": "IL_1] or EMAIL"},
        {"type": f"{kind}.done", **place, "text": "To [EMAIL_1] or EMAIL"},
        {"type": "response.function_call_arguments.delta", "item_id": "f", "delta": '"[NATIONAL_ID_2]"'},
        {"type": "response.function_call_arguments.done", "item_id": "f", "arguments": '"[NATIONAL_ID_2]"'},
    ]
    restored = [one for event in given_events for one in events.restore(event)]
    assert restored == [
        {"type": "response.created", "response": {"instructions": "alice@example.com"}},
        {"type": f"{kind}.delta", **place, "delta": "To ", "logprobs": []},
        {"type": f"{kind}.delta", **place, "delta": "alice@example.com or "},
        {"type": f"{kind}.delta", **place, "delta": "EMAIL", "logprobs": []},
        {"type": f"{kind}.done", **place, "text": "To alice@example.com or EMAIL"},
        {"type": "response.function_call_arguments.delta", "item_id": "f", "delta": '"1\\n\\"2"'},
        {"type": "response.function_call_arguments.done", "item_id": "f", "arguments": '"1\\n\\"2"'},
    ]


def test_an_event_whose_text_came_without_fragments_is_restored():
    event = {"type": "response.output_text.done", "item_id": "m", "text": "[EMAIL_1]"}
    assert EventRestorer(RESTORER).restore(event) == [{**event, "text": "alice@example.com"}]


def test_a_rest_finds_its_place_in_lists_of_objects_and_of_texts():
    chunks = ChunkRestorer(RESTORER)
    part = {"audio": {"transcript": "a ["}, "details": [{"index": 0, "text": "b ["}], "texts": ["[EMAIL_1] ["]}
    chunks.restore(0, part, is_finished=False)
    assert part["texts"] == ["alice@example.com ["]
    last = {"audio": None, "details": [{"index": 0, "text": None}]}
    chunks.restore(0, last, is_finished=True)
    assert last == {"audio": {"transcript": "["}, "details": [{"index": 0, "text": "["}]}
