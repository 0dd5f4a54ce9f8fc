"""The export of spans: its settings, secrets, and collectors that fail."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from support.canaries import KEY, LINE, PROMPT, SECRETS_AND_PROMPT, UPSTREAM_KEYS, leaked
from support.collector import SERVER, respond
from support.servers import LONG_SECONDS, ROOT, chat_response, free_port, reply
from support.tracing import GENERATE, disconnect, in_a_trace, stream


def test_standard_variables_set_service_name_and_sampler(start_traced):
    traced = start_traced(OTEL_SERVICE_NAME="mine", OTEL_TRACES_SAMPLER="traceidratio", OTEL_TRACES_SAMPLER_ARG="0.5")
    while len(traced.ids) < 200:
        traced.request("/v1/text/generate", {"prompt": 5})
    assert traced.service.stop() == 0
    assert 50 < len(traced.collector.spans) < 150
    assert {span.resource["service.name"] for span in traced.collector.spans} == {"mine"}


def test_a_disabled_sdk_exports_nothing(start_traced):
    traced = start_traced(OTEL_SDK_DISABLED="true")
    assert traced.request(*GENERATE, headers={"traceparent": ""}).status_code == 200
    assert traced.service.stop() == 0
    assert not traced.collector.spans
    assert not [line for line in traced.service.logged() if "trace_id" in line]


def test_remaining_spans_are_exported_at_shutdown(start_traced):
    traced = start_traced(OTEL_BSP_SCHEDULE_DELAY="3600000")
    traced.request(*GENERATE)
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
        "success": lambda handler: reply(handler, chat_response(PROMPT)),
        "stream": stream(PROMPT),
        "error": lambda handler: reply(handler, {"error": f"{PROMPT}: {handler.headers['Authorization']}"}, 400),
    }
    key = {"Authorization": f"Bearer {KEY}"}
    requests_sent = 0
    for act in acts.values():
        for route, body in bodies.items():
            traced.respond_with(*[act] * 9)
            streamed = {"stream": True} if act is acts["stream"] and "prompt" in body else {}
            for model in ("org/small", "huggingface:org/small"):
                traced.request(f"{route}?secret={KEY}", {**body, **streamed, "model": model}, headers=key)
                requests_sent += 1
    assert traced.request("/v1/text/generate", {"prompt": 5, PROMPT: PROMPT}, headers=key).status_code == 400
    assert traced.service.stop() == 0
    assert sum(span.kind == SERVER for span in traced.collector.spans) == requests_sent + 1
    assert not leaked(traced.collector.bytes.decode(errors="replace"), SECRETS_AND_PROMPT)


COLLECTOR_SECRET = "collector-canary-42"
SECRET_HEADERS = {
    "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{COLLECTOR_SECRET},malformed {COLLECTOR_SECRET}"
}


@pytest.mark.parametrize(
    ("act", "outcome"),
    [
        (lambda handler: respond(handler, 401), "status 401"),
        (disconnect, "ConnectionError"),
        (None, "ConnectionError"),
    ],
    ids=["401", "disconnect", "down"],
)
def test_lost_spans_are_logged_once_without_secrets(start_traced, act, outcome):
    traced = start_traced(**SECRET_HEADERS, LOG_LEVEL="debug", OTEL_EXPORTER_OTLP_TIMEOUT="1")
    if act:
        traced.collector.act = act
    else:
        traced.collector.close()
    for _ in range(5):
        assert traced.request(*GENERATE).status_code == 200
    traced.service.wait_for_line("the collector did not accept")
    assert traced.request(*GENERATE).status_code == 200
    assert traced.service.stop() == 0
    [line] = [line for line in traced.service.logged() if "collector" in line["message"]]
    assert outcome in line["message"]
    assert COLLECTOR_SECRET not in "\n".join(traced.service.lines)
    assert not [line for line in traced.service.logged() if line["logger"].startswith("opentelemetry")]


def test_a_collector_that_hangs_delays_neither_requests_nor_shutdown(start_traced):
    traced = start_traced(OTEL_BSP_MAX_QUEUE_SIZE="200", SHUTDOWN_GRACE="5s")
    hang = threading.Event()
    traced.collector.act = lambda handler: hang.wait(LONG_SECONDS)
    traced.request(*GENERATE)
    assert traced.collector.exports.acquire(timeout=LONG_SECONDS)

    def measure(_number):
        began = time.monotonic()
        assert traced.request(*GENERATE).status_code == 200
        return time.monotonic() - began

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(measure, range(200))) < 2  # an export may take 10 s; the queue holds 200 of the 603 spans
    began = time.monotonic()
    assert traced.service.stop() == 0
    assert time.monotonic() - began < 5
    hang.set()
    full = [line for line in traced.service.logged() if "Queue full" in line["message"]]
    assert len(full) <= 2


def run(code: str) -> str:
    """Run code in a process of its own; return the last line of its output."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


SERVE = (
    "from app import create_app;"
    "client = create_app({'OPENAI_BASE_URL': 'http://127.0.0.1:9/v1'}).test_client();"
    "print(client.post('/v1/text/generate', json={'prompt': 'x'}).status_code);"
)


def test_without_a_collector_no_tracing_package_is_needed():
    assert run(f"import sys; sys.modules['opentelemetry'] = None; {SERVE}") == "502"


def test_without_a_collector_no_tracing_package_is_imported():
    # the Redis client imports the part for metrics by itself if it is installed
    tracing_modules = (
        "opentelemetry.sdk.trace",
        "opentelemetry.exporter",
        "opentelemetry.proto",
        "google",
        "app.observability.tracing.spans",
    )
    assert (
        run(f"import sys; {SERVE} print([name for name in sys.modules if name.startswith({tracing_modules})])") == "[]"
    )


def test_without_a_collector_no_traceparent_is_sent(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1")
    headers = in_a_trace()
    assert requests.post(f"{service.url}/v1/text/generate", json={"prompt": "x"}, headers=headers).status_code == 200
    assert "traceparent" not in remote.requests[0]["headers"]
    assert not [line for line in service.logged() if "trace_id" in line]
