"""Every recorded stream, as callers see it: whole, cut at any byte, split at any bytes."""

import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.streams import given as given_on
from support.streams import stream_of, told
from support.upstreams import HUGGINGFACE, ROUTER_CHAT

from app.errors import ServiceError

FOLDER = Path(__file__).parent / "recordings"
INDEX = json.loads((FOLDER / "index.json").read_text())
EXPECTED = json.loads((Path(__file__).parent / "expected.json").read_text())
FILES = [entry["file"] for entry in INDEX if entry["status"] == 200 and "event-stream" in (entry["content_type"] or "")]
BODIES = {file: json.loads((FOLDER / file).read_text())["response"]["body"].encode() for file in FILES}
# longer ones are cut at so many bytes of chance, in different places for each file
EACH_BYTE = 1000
CUTS = 200

OURS_FOR = {"eos_token": "stop", "MAX_TOKENS": "length"}


class Recorded:
    """What a recording says, event by event: where its data ends, its text, and whether it ends the answer."""

    def __init__(self, body):
        self.events = [
            (match.end(), *self._read(match[1])) for match in re.finditer(rb"^data: ?(.*?)(?=\r?$)", body, re.MULTILINE)
        ]

    def until(self, cut):
        """The text, whether the answer has come to its end, and whether it has failed, in the first `cut` bytes."""
        text, ended, failed = "", False, False
        for end, said, ends, fails in self.events:
            if end > cut or failed:
                break
            text, ended, failed = text + said, ended or ends, fails
            if said is None:
                break
        return text, ended and not failed, failed

    def _read(self, data):
        if data == b"[DONE]":
            return "", True, False
        event = json.loads(data)
        if "error" in event:
            return "", False, True
        if "generated_text" in event:
            return event["token"]["text"], event["generated_text"] is not None, False
        if "choices" not in event:
            delta = event.get("delta", {})
            content = delta.get("message", {}).get("content") or {}
            return content.get("text", "") if isinstance(content, dict) else "", "finish_reason" in delta, False
        reasons = [choice.get("finish_reason") for choice in event["choices"]]
        texts = [choice["delta"].get("content") or "" for choice in event["choices"]]
        return "".join(texts), any(reasons), "error" in reasons


RECORDED = {file: Recorded(body) for file, body in BODIES.items()}


def begun(*pieces):
    stream = stream_of(*pieces)
    stream.wait_first_event()
    return stream


def cuts_of(file):
    length = len(BODIES[file])
    return range(length + 1) if length <= EACH_BYTE else sorted(random.Random(file).sample(range(length + 1), CUTS))


@pytest.mark.parametrize("file", FILES)
def test_a_stream_cut_anywhere_says_all_that_came_and_that_it_is_not_whole(file):
    for cut in cuts_of(file):
        text, whole, _ = RECORDED[file].until(cut)
        try:
            answer = told(given_on(begun(BODIES[file][:cut])))
        except ServiceError:  # nothing was said, so the caller is given a status in place of a stream
            assert (text, whole) == ("", False)
            continue
        assert answer.text == text, cut
        assert answer.done == whole, cut
        assert len(answer.errors) == (not whole), cut
        assert bool(answer.usages) == whole, cut


@settings(max_examples=200)
@given(st.data())
def test_a_stream_split_anywhere_says_the_same(data):
    file = data.draw(st.sampled_from([file for file in FILES if "error" not in EXPECTED.get(file, {})]))
    body = BODIES[file]
    places = data.draw(st.lists(st.integers(1, len(body) - 1), max_size=40, unique=True).map(sorted))
    pieces = [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]
    split, whole = told(given_on(begun(*pieces))), told(given_on(begun(body)))
    assert (split.text, split.finish_reasons, split.done) == (whole.text, whole.finish_reasons, True)
    assert [usage["total_tokens"] for usage in split.usages] == [usage["total_tokens"] for usage in whole.usages]


@pytest.mark.parametrize("route", ["/v1/chat/completions", "/v1/completions", "/v1/text/generate", "/v1/text/complete"])
@pytest.mark.parametrize("file", FILES)
def test_a_recorded_stream_is_given_on_by_every_route(make_client, upstream, file, route):
    upstream.assert_all_requests_are_fired = False
    upstream.get("https://huggingface.co/api/models/org/model", json={"id": "org/model"})
    upstream.post(ROUTER_CHAT, body=BODIES[file], content_type="text/event-stream; charset=utf-8")
    asked = {"messages": [{"role": "user", "content": "Hi."}]} if "chat" in route else {"prompt": "Hi."}
    options = {"stream_options": {"include_usage": True}} if "text" not in route else {}
    answer = make_client(HUGGINGFACE).post(route, json={"model": "org/model", "stream": True, **asked, **options})
    text, whole, failed = RECORDED[file].until(len(BODIES[file]))
    if answer.status_code != 200:
        assert (failed, text) == (True, "")
        return
    stream = told(answer.data)
    assert (stream.text, stream.done, bool(stream.errors)) == (text, whole, failed)
    if whole:
        expected = EXPECTED[file]
        assert set(stream.finish_reasons) == {expected["finish_reason"]}
        [usage] = stream.usages
        counts = [usage["prompt_tokens"], usage["completion_tokens"]]
        assert (counts == expected["usage"][:2]) or usage.get("estimated")
        assert usage.get("estimated", False) == expected["usage"][2]
    assert all(event["model"] == "org/model" and event["id"] for event in stream.events if "choices" in event)
