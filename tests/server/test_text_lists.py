"""Several texts in a request, over real sockets."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from support.servers import chat_response, reply, until

TEXTS = [f"Text {number}." for number in range(12)]


class HeldUpstream:
    """Answers a chat once its text is released; counts the calls in flight."""

    def __init__(self):
        self.lock = threading.Condition()
        self.released = set()
        self.running, self.most, self.closed = [], 0, 0

    def __call__(self, handler):
        text = handler.asked["messages"][-1]["content"]
        with self.lock:
            self.running.append(text)
            self.most = max(self.most, len(self.running))
            self.lock.notify_all()
            self.lock.wait_for(lambda: text in self.released or "all" in self.released, 10)
            self.running.remove(text)
        reply(handler, chat_response("positive"))

    def release(self, *texts):
        with self.lock:
            self.released.update(texts)
            self.lock.notify_all()


@pytest.fixture
def held(remote):
    remote.respond = held = HeldUpstream()
    yield held
    held.release("all")


def start_service(start, remote, **variables):
    return start(
        **{
            "OPENAI_BASE_URL": f"{remote.url}/v1",
            "OPENAI_DEFAULT_MODEL": "org/small",
            "TEXTS_CONCURRENCY": "2",
            "UPSTREAM_MAX_CONCURRENCY": "4",
            "HUGGINGFACE_RETRY_ATTEMPTS": "0",
            **variables,
        }
    )


def test_lists_leave_room_for_single_calls(start, remote, held):
    service = start_service(start, remote)
    with ThreadPoolExecutor(3) as pool:
        lists = [pool.submit(service.post, "/v1/text/sentiment", texts=TEXTS) for _ in range(2)]
        until(lambda: len(held.running) == 2)
        held.release("Single.")
        assert service.post("/v1/text/sentiment", text="Single.").json()["sentiment"] == "positive"
        held.release("all")
        assert [len(one.result().json()["results"]) for one in lists] == [12, 12]
    assert held.most == 3


def test_a_line_is_sent_when_its_text_is_ready(start, remote, held):
    service = start_service(start, remote)
    body = {"texts": TEXTS[:2], "stream": True}
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(requests.post, f"{service.url}/v1/text/sentiment", json=body, stream=True, timeout=20)
        until(lambda: len(held.running) == 2)
        held.release(TEXTS[1])
        with asked.result() as response:
            lines = response.iter_lines(chunk_size=1)
            assert json.loads(next(lines))["index"] == 1
            held.release(TEXTS[0])
            assert [json.loads(line).get("index") for line in lines] == [0, None]


@pytest.mark.parametrize("stream", [False, True])
def test_after_a_disconnect_no_further_text_is_sent_upstream(start, remote, held, stream):
    service = start_service(start, remote)
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{service.url}/v1/text/sentiment", json={"texts": TEXTS, "stream": stream}, timeout=1)
    until(lambda: [line for line in service.logged() if line.get("operation") == "sentiment"])
    held.release("all")
    until(lambda: not held.running)
    assert service.post("/v1/text/sentiment", text="Later.").status_code == 200
    assert len(remote.requests) == 3


def test_a_list_that_passes_its_deadline_opens_no_breaker(start, remote, held):
    service = start_service(start, remote, HUGGINGFACE_TIMEOUT="1s", BREAKER_FAILURES="3")
    held.release(*TEXTS[:2])
    began = time.monotonic()
    answer = service.post("/v1/text/sentiment", texts=TEXTS).json()
    assert time.monotonic() - began < 3
    assert [entry["index"] for entry in answer["results"]] == [0, 1]
    assert len(answer["errors"]) == 10
    held.release("all")
    assert service.post("/v1/text/sentiment", text="Later.").status_code == 200


def test_the_attempts_of_texts_are_spans_of_their_request(start_traced):
    traced = start_traced()
    traced.upstream.respond = lambda handler: reply(handler, chat_response("positive"))
    traced.request("/v1/text/sentiment", {"texts": TEXTS[:3]})
    trace = traced.trace(spans=4)
    assert [span.parent_id for span in trace.attempts] == [trace.server.span_id] * 3


def test_a_stream_has_a_sign_of_life_while_a_text_takes_long(start, remote, held):
    service = start_service(start, remote, STREAM_HEARTBEAT="100ms")
    body = {"texts": TEXTS[:1], "stream": True}
    with requests.post(f"{service.url}/v1/text/sentiment", json=body, stream=True, timeout=20) as response:
        content = response.iter_content(chunk_size=None)
        assert next(content) == b" "
        held.release("all")
        lines = b"".join(content).splitlines()
    assert [json.loads(line).get("index") for line in lines] == [0, None]
