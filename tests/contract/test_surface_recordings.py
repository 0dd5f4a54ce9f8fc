"""Recorded responses on every surface: the text of chat, or the API's own error where a stream breaks at any byte."""

import json
import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.chaos import ChaosUpstream, Exchange, says
from support.fake_upstream import closed_sessions
from support.surfaces.table import CONVERSATIONS, SETTINGS

from app import create_app

FOLDER = Path(__file__).parent / "recordings"
INDEX = json.loads((FOLDER / "index.json").read_text())
RECORDINGS = {entry["file"]: entry for entry in INDEX if entry["status"] == 200}
TEXTS = [
    file
    for file, entry in RECORDINGS.items()
    if entry["task"] in ("chat_completion", "text_generation", "conversational") and "json" in entry["content_type"]
]
STREAMS = [file for file, entry in RECORDINGS.items() if "event-stream" in (entry["content_type"] or "")]
BODIES = {file: json.loads((FOLDER / file).read_text())["response"]["body"].encode() for file in RECORDINGS}
BROKEN_STREAMS = 500
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
KINDS = {None, "upstream_invalid_response", "upstream_unavailable", "upstream_rate_limited"}
CHAT, NATIVE = CONVERSATIONS[:2]
OTHERS = CONVERSATIONS[1:]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


ENDS: dict[str, Callable[[Exchange], None]] = {
    "cut": lambda exchange: exchange.send(b"0\r\n\r\n"),
    "closed": lambda exchange: exchange.finish(),
    "reset": lambda exchange: exchange.reset(),
    "error event": lambda exchange: exchange.send(
        chunk(b'\n\ndata: {"error": {"message": "no", "code": 429}}\n\n') + b"0\r\n\r\n"
    ),
    "rubbish": lambda exchange: exchange.send(chunk(b"\n\ndata: {]\n\n") + b"0\r\n\r\n"),
    "HTML": lambda exchange: exchange.send(chunk(b"\n\n<html>Bad gateway</html>\n\n") + b"0\r\n\r\n"),
    "malformed chunk": lambda exchange: (exchange.send(b"zz\r\n"), exchange.finish()),
}


def broken(number: int) -> tuple[str, int, str]:
    """Return a recording, the byte at which it breaks, and the way in which it ends."""
    choice = random.Random(number)
    file = choice.choice(STREAMS)
    return file, choice.randint(0, len(BODIES[file])), choice.choice(list(ENDS))


@pytest.fixture(autouse=True)
def upstream() -> None:
    """Nothing is mocked: the upstream of these tests sends bytes of its own."""


class ChatOnly(ChaosUpstream):
    """An upstream without a completions route, so that every surface reads the same events."""

    def next_act(self, head):
        is_chat = b" /v1/chat/completions " in head
        return super().next_act(head) if is_chat else says(b"{}", "404 Not Found")


@pytest.fixture(scope="module")
def chaos():
    with closing(ChatOnly()) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def client(chaos):
    settings = {
        "OPENAI_BASE_URL": f"{chaos.url}/v1",
        "OPENAI_DEFAULT_MODEL": "org/model",
        "RATE_LIMIT": "1000000/minute",
    }
    steady = {"HUGGINGFACE_RETRY_ATTEMPTS": "0", "BREAKER_FAILURES": "1000", "BREAKER_FAILURE_RATE": "1"}
    with closed_sessions():
        yield create_app({**SETTINGS, **settings, **steady, "LOG_LEVEL": "critical"}).test_client()


@pytest.fixture(scope="module")
def read(chaos, client):
    """Return a function that reads a stream on a surface: the status, text, whether it is complete, and the error."""

    def play(surface, body: bytes, end: str) -> tuple[int, str, bool, str | None]:
        chaos.play([])
        assert client.post(CHAT.route, json=CHAT.body).status_code == 200  # else the breaker would open
        chaos.play([lambda exchange: (exchange.send(HEAD + chunk(body)), ENDS[end](exchange))])
        route, request = surface.request(streamed=True)
        with client.post(route, json=request) as response:
            if response.status_code != 200:
                return response.status_code, "", False, surface.dialect.error(json.loads(response.data))
            answer = surface.dialect.stream(response.data)
        assert answer.ended, response.data
        return 200, answer.text, answer.complete, answer.error

    return play


@pytest.fixture(scope="module")
def check(read) -> Callable[[Any, str, int, str], tuple[int, bool, str | None]]:
    """Return a function that compares a broken stream on a surface with chat's, and returns how it ended on chat."""
    known: dict[Any, Any] = {}

    def compare(surface, file: str, cut: int, end: str) -> tuple[int, bool, str | None]:
        if (file, cut, end) not in known:
            known[file, cut, end] = [read(one, BODIES[file][:cut], end) for one in (CHAT, NATIVE)]
        chat, native = known[file, cut, end]
        status, text, complete, error = read(surface, BODIES[file][:cut], end)
        assert (text, complete) == chat[1:3], (file, cut, end)
        # errors that the request caused may keep the upstream's status and code
        assert status in (chat[0], native[0]), (file, cut, end)
        assert error in {one[3] and surface.dialect.word(one[3]) for one in (chat, native)}, (file, cut, end)
        return status, complete, native[3]

    return compare


@pytest.mark.parametrize("surface", OTHERS, ids=str)
def test_a_stream_that_breaks_ends_as_on_chat_in_the_words_of_the_api(check, surface):
    ends = {check(surface, *broken(number)) for number in range(BROKEN_STREAMS)}
    assert {kind for _, _, kind in ends} >= KINDS
    assert {complete for _, complete, _ in ends} == {True, False}


@pytest.mark.parametrize("surface", OTHERS, ids=str)
def test_each_recorded_stream_has_the_text_of_chat(check, surface):
    assert [check(surface, file, len(BODIES[file]), "cut")[1] for file in STREAMS].count(True) > 50


@pytest.mark.parametrize("surface", OTHERS, ids=str)
def test_each_recorded_response_has_the_text_of_chat(chaos, client, surface):
    for file in TEXTS:
        texts = []
        for one in (CHAT, surface):
            chaos.play([says(BODIES[file])])
            response = client.post(one.route, json=one.body, headers={"Cache-Control": "no-store"})
            assert response.status_code == 200, (file, response.text)
            if one is surface:
                one.dialect.check(response.get_json())
            texts.append(one.dialect.text(response.get_json()))
        assert texts[0] == texts[1], file
