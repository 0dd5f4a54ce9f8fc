"""The way of spans to the collector: its settings, what it may not hold, and collectors that fail."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from support.canaries import KEY, LINE, PROMPT, SECRETS, UPSTREAM_KEYS, told_in
from support.collector import SERVER, refuse
from support.servers import LONG_SECONDS, ROOT, chat_answer, free_port, reply
from support.tracing import PROMPTS, hangs_up, in_a_trace, streams


def test_the_standard_variables_name_the_service_and_sample(start_traced):
    traced = start_traced(OTEL_SERVICE_NAME="mine", OTEL_TRACES_SAMPLER="traceidratio", OTEL_TRACES_SAMPLER_ARG="0.5")
    while len(traced.ids) < 200:
        traced.ask("/v1/text/generate", {"prompt": 5})
    assert traced.service.stop() == 0
    assert 50 < len(traced.collector.spans) < 150
    assert {span.resource["service.name"] for span in traced.collector.spans} == {"mine"}


def test_a_disabled_sdk_traces_nothing(start_traced):
    traced = start_traced(OTEL_SDK_DISABLED="true")
    assert traced.ask(*PROMPTS, headers={"traceparent": ""}).status_code == 200
    assert traced.service.stop() == 0
    assert not traced.collector.spans
    assert not [line for line in traced.service.logged() if "trace_id" in line]


def test_spans_of_the_last_moment_are_exported_before_the_end(start_traced):
    traced = start_traced(OTEL_BSP_SCHEDULE_DELAY="3600000")
    traced.ask(*PROMPTS)
    assert not traced.collector.spans
    assert traced.service.stop() == 0
    assert len(traced.trace().spans) == 3


def test_no_text_and_no_secret_is_exported(start_traced):
    traced = start_traced(**UPSTREAM_KEYS, API_KEYS=LINE, HUGGINGFACE_BASE_URL=f"http://127.0.0.1:{free_port()}")
    messages = [{"role": "user", "content": PROMPT}]
    bodies = {
        "/v1/text/generate": {"prompt": PROMPT, "stop": [PROMPT]},
        "/v1/text/complete": {"prompt": PROMPT},
        "/v1/text/sentiment": {"text": PROMPT},
        "/v1/text/summarize": {"text": PROMPT},
        "/v1/chat/completions": {"messages": messages, "user": PROMPT, "tools": [], "anything": PROMPT},
        "/v1/completions": {"prompt": PROMPT},
        "/v1/embeddings": {"input": PROMPT},
    }
    acts = {
        "well": lambda handler: reply(handler, chat_answer(PROMPT)),
        "in a stream": streams(PROMPT),
        "badly": lambda handler: reply(handler, {"error": f"{PROMPT}: {handler.headers['Authorization']}"}, 400),
    }
    key = {"Authorization": f"Bearer {KEY}"}
    asked = 0
    for act in acts.values():
        for route, body in bodies.items():
            traced.answers(*[act] * 9)
            stream = {"stream": True} if act is acts["in a stream"] and "prompt" in body else {}
            for model in ("org/small", "huggingface:org/small"):
                traced.ask(f"{route}?secret={KEY}", {**body, **stream, "model": model}, headers=key)
                asked += 1
    assert traced.ask("/v1/text/generate", {"prompt": 5, PROMPT: PROMPT}, headers=key).status_code == 400
    assert traced.service.stop() == 0
    assert sum(span.kind == SERVER for span in traced.collector.spans) == asked + 1
    assert not told_in(traced.collector.bytes.decode(errors="replace"), {**SECRETS, "a prompt": PROMPT})


COLLECTOR_SECRET = "collector-canary-42"
SECRET_HEADERS = {
    "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{COLLECTOR_SECRET},malformed {COLLECTOR_SECRET}"
}


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda handler: refuse(handler, 401), "status 401"),
        (hangs_up, "ConnectionError"),
        (None, "ConnectionError"),
    ],
    ids=["refuses", "hangs up", "is down"],
)
def test_a_collector_that_takes_no_spans_is_told_of_once_and_without_secrets(start_traced, act, told):
    traced = start_traced(**SECRET_HEADERS, LOG_LEVEL="debug", OTEL_EXPORTER_OTLP_TIMEOUT="1")
    if act:
        traced.collector.act = act
    else:
        traced.collector.close()
    for _ in range(5):
        assert traced.ask(*PROMPTS).status_code == 200
    traced.service.wait_for_line("the collector did not take")
    assert traced.ask(*PROMPTS).status_code == 200
    assert traced.service.stop() == 0
    [line] = [line for line in traced.service.logged() if "collector" in line["message"]]
    assert told in line["message"]
    assert COLLECTOR_SECRET not in "\n".join(traced.service.lines)
    assert not [one for one in traced.service.logged() if one["logger"].startswith("opentelemetry")]


def test_a_collector_that_hangs_delays_neither_requests_nor_the_end(start_traced):
    traced = start_traced(OTEL_BSP_MAX_QUEUE_SIZE="200", SHUTDOWN_GRACE="5s")
    hang = threading.Event()
    traced.collector.act = lambda handler: hang.wait(LONG_SECONDS)
    traced.ask(*PROMPTS)
    assert traced.collector.exports.acquire(timeout=LONG_SECONDS)

    def timed(_number):
        began = time.monotonic()
        assert traced.ask(*PROMPTS).status_code == 200
        return time.monotonic() - began

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(timed, range(200))) < 2  # the collector is given 10 s; 603 spans came, 200 are kept
    began = time.monotonic()
    assert traced.service.stop() == 0
    assert time.monotonic() - began < 5
    hang.set()
    full = [line for line in traced.service.logged() if "Queue full" in line["message"]]
    assert len(full) <= 2


def run(code: str) -> str:
    """Run code in a process of its own; return the last line that it printed."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


SERVED = (
    "from app import create_app;"
    "client = create_app({'OPENAI_BASE_URL': 'http://127.0.0.1:9/v1'}).test_client();"
    "print(client.post('/v1/text/generate', json={'prompt': 'x'}).status_code);"
)


def test_without_a_collector_nothing_of_the_packages_is_needed():
    assert run(f"import sys; sys.modules['opentelemetry'] = None; {SERVED}") == "502"


def test_without_a_collector_nothing_of_the_packages_is_imported():
    # the client of Redis imports those for metrics by itself, where they are installed
    ours = (
        "opentelemetry.sdk.trace",
        "opentelemetry.exporter",
        "opentelemetry.proto",
        "google",
        "app.observability.tracing.spans",
    )
    assert run(f"import sys; {SERVED} print([name for name in sys.modules if name.startswith({ours})])") == "[]"


def test_without_a_collector_a_callers_trace_ends_here(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1")
    headers = in_a_trace()
    assert requests.post(f"{service.url}/v1/text/generate", json={"prompt": "x"}, headers=headers).status_code == 200
    assert "traceparent" not in remote.requests[0]["headers"]
    assert not [line for line in service.logged() if "trace_id" in line]
