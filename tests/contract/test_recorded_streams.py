"""Every recorded stream, as clients receive it: complete, cut off at any byte, split at any bytes."""

import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.streams import parse_stream, run_stream
from support.upstreams import HUGGINGFACE, ROUTER_CHAT

from app.errors import ServiceError

FOLDER = Path(__file__).parent / "recordings"
INDEX = json.loads((FOLDER / "index.json").read_text())
EXPECTED = json.loads((Path(__file__).parent / "expected.json").read_text())
FILES = [entry["file"] for entry in INDEX if entry["status"] == 200 and "event-stream" in (entry["content_type"] or "")]
BODIES = {file: json.loads((FOLDER / file).read_text())["response"]["body"].encode() for file in FILES}
# longer recordings are cut at CUTS random bytes only
CUT_EVERYWHERE_BYTES = 1000
CUTS = 200


class Recorded:
    """The events of a recording: where each ends, its text, and whether it completes or fails the response."""

    def __init__(self, body):
        self.events = [
            (match.end(), *self._read(match[1])) for match in re.finditer(rb"^data: ?(.*?)(?=\r?$)", body, re.MULTILINE)
        ]

    def until(self, cut):
        """Return the text of the first `cut` bytes, and whether the response is complete and whether it has failed."""
        text, ended, failed = "", False, False
        for end, added, ends, fails in self.events:
            if end > cut or failed:
                break
            text, ended, failed = text + added, ended or ends, fails
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


def cuts_of(file):
    length = len(BODIES[file])
    return (
        range(length + 1)
        if length <= CUT_EVERYWHERE_BYTES
        else sorted(random.Random(file).sample(range(length + 1), CUTS))
    )


@pytest.mark.parametrize("file", FILES)
def test_a_stream_cut_off_at_any_byte_forwards_all_events_and_reports_that_it_is_incomplete(file):
    for cut in cuts_of(file):
        text, complete, _ = RECORDED[file].until(cut)
        try:
            response = run_stream(BODIES[file][:cut])
        except ServiceError:  # without a first event the client gets an error status in place of a stream
            assert (text, complete) == ("", False)
            continue
        assert response.text == text, cut
        assert response.done == complete, cut
        assert len(response.errors) == (not complete), cut
        assert bool(response.usages) == complete, cut


@settings(max_examples=200)
@given(st.data())
def test_a_stream_split_at_any_bytes_gives_the_same_result(data):
    file = data.draw(st.sampled_from([file for file in FILES if "error" not in EXPECTED.get(file, {})]))
    body = BODIES[file]
    cuts = data.draw(st.lists(st.integers(1, len(body) - 1), max_size=40, unique=True).map(sorted))
    chunks = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    split, unsplit = run_stream(*chunks), run_stream(body)
    assert (split.text, split.finish_reasons, split.done) == (unsplit.text, unsplit.finish_reasons, True)
    assert [usage["total_tokens"] for usage in split.usages] == [usage["total_tokens"] for usage in unsplit.usages]


@pytest.mark.parametrize("route", ["/v1/chat/completions", "/v1/completions", "/v1/text/generate", "/v1/text/complete"])
@pytest.mark.parametrize("file", FILES)
def test_every_route_forwards_a_recorded_stream(make_client, upstream, file, route):
    upstream.assert_all_requests_are_fired = False
    upstream.get("https://huggingface.co/api/models/org/model", json={"id": "org/model"})
    upstream.post(ROUTER_CHAT, body=BODIES[file], content_type="text/event-stream; charset=utf-8")
    body = {"messages": [{"role": "user", "content": "Hi."}]} if "chat" in route else {"prompt": "Hi."}
    options = {"stream_options": {"include_usage": True}} if "text" not in route else {}
    response = make_client(HUGGINGFACE).post(route, json={"model": "org/model", "stream": True, **body, **options})
    text, complete, failed = RECORDED[file].until(len(BODIES[file]))
    if response.status_code != 200:
        assert (failed, text) == (True, "")
        return
    stream = parse_stream(response.data)
    assert (stream.text, stream.done, bool(stream.errors)) == (text, complete, failed)
    if complete:
        expected = EXPECTED[file]
        assert set(stream.finish_reasons) == {expected["finish_reason"]}
        [usage] = stream.usages
        counts = [usage["prompt_tokens"], usage["completion_tokens"]]
        assert (counts == expected["usage"][:2]) or usage.get("estimated")
        assert usage.get("estimated", False) == expected["usage"][2]
    assert all(event["model"] == "org/model" and event["id"] for event in stream.events if "choices" in event)
