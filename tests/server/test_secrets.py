"""No secret appears in logs, responses, metrics, pages, command lines or settings, also when calls fail."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pprint import pformat
from traceback import TracebackException

import pytest
import requests
from redis import Redis
from support.calls import raw
from support.canaries import (
    KEY,
    LINE,
    PASSWORD,
    PROMPT,
    SECRETS,
    SECRETS_AND_PROMPT,
    UPSTREAM_KEYS,
    WRONG_KEY,
    WRONG_LINE,
    dump,
    leaked,
)
from support.chaos import tls_of_another_host
from support.echoes import ACTS, EchoingUpstream
from support.faults import BUDGET_SECONDS, FAULTS, UNREACHABLE
from support.redis import RedisServer
from support.servers import Service, free_port, until

from app.config import Config, ConfigError

SETTINGS = {
    **UPSTREAM_KEYS,
    "API_KEYS": LINE,
    "LOG_LEVEL": "debug",
    "OPENAI_DEFAULT_MODEL": "org/small",
    "HUGGINGFACE_TIMEOUT": f"{BUDGET_SECONDS}s",
    "HUGGINGFACE_RETRY_ATTEMPTS": "1",
    "BREAKER_FAILURES": "1000",
    "UPSTREAM_MAX_CONCURRENCY": "1000",
}
GOOD_CALLS = 3  # before each failing call; they keep the breakers closed
FORMATS = {"json": {"MODEL_ALIASES": "tiny=embedded"}, "plain": {}}
PROCESSES = {"json": 5, "plain": 2}  # with the engine, its encoder and their supervisor


@dataclass
class Run:
    """Everything that a service has shown."""

    responses: list[requests.Response] = field(default_factory=list)
    pages: dict[str, str] = field(default_factory=dict)
    rejected: bytes = b""
    commands: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    played: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)

    def types(self) -> set[str]:
        """Return the error types in the responses."""
        return {name for response in self.responses for name in re.findall(r'"type": ?"(\w+)"', response.text)}


def post(service: Service, route: str = "/v1/text/generate", key: str = KEY, **options) -> requests.Response:
    headers = {"Authorization": f"Bearer {key}", **options.pop("headers", {})}
    json = {"prompt": PROMPT, **options.pop("body", {})}
    return requests.post(service.url + route, **{"json": json, "headers": headers, "timeout": 30, **options})


def run_faults(service: Service, run: Run) -> None:
    """Run each fault; the backends alternate."""

    def play(number: int, name: str) -> list[requests.Response]:
        backend = ("openai", "huggingface")[(number + (service.log_format == "plain")) % 2]
        body = {"model": f"{backend}:org/small", "stream": name.startswith("stream")}
        ids = [*(f"good-{name}-{call}" for call in range(GOOD_CALLS)), name]
        return [post(service, body=body, headers={"X-Request-ID": name_of_call}) for name_of_call in ids]

    with ThreadPoolExecutor(12) as pool:
        run.responses += chain.from_iterable(pool.map(play, range(len(ACTS)), ACTS))


def run_clients(service: Service, run: Run) -> None:
    """Send keys in every place, and invalid requests."""
    for key in (KEY, WRONG_KEY):
        run.responses += [
            post(service, key=key),
            post(service, headers={"Authorization": "", "X-API-Key": key}),
            post(service, f"/v1/text/generate?api_key={key}", headers={"Authorization": ""}),
            post(service, f"/v1/{key}?api_key={key}", key),
            post(service, headers={"Authorization": key}),
            post(service, f"/health?{key * 300}", key),
        ]
        head = f"POST /v1/text/generate?{key} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        for rest in (f"X-API-Key: {key}\x01\r\n\r\n", f"Bearer {key}\r\n\r\n", f"Content-Length: {key}\r\n\r\n"):
            run.rejected += raw(service.port, head + rest)
        run.rejected += raw(service.port, f"{head}Transfer-Encoding: chunked\r\n\r\n{PROMPT}\r\n")
        run.rejected += raw(service.port, f"{key} / HTTP/{key}\r\n\r\n")
    bodies = ({"prompt": [PROMPT]}, {"max_tokens": PROMPT}, {PROMPT: PROMPT}, {"prompt": PROMPT * 5000})
    run.responses += [post(service, body=body) for body in bodies]
    run.responses += [post(service, json=None, data=f'{{"prompt": "{PROMPT}')]


def record_pages(service: Service, run: Run) -> None:
    """Record command lines and pages."""
    until(lambda: len(service.processes()) >= PROCESSES[service.log_format])
    run.commands += [" ".join(process.cmdline()) for process in service.processes()]
    for route in ("/metrics", "/openapi.json", "/docs", "/health/deep"):
        run.pages[route] = get_page(service, route)


def get_page(service: Service, route: str) -> str:
    response = service.get(route, headers={"Authorization": f"Bearer {KEY}"})
    return f"{response.headers}\n{response.text}"


@contextmanager
def started(log_format: str, **variables: str) -> Iterator[Service]:
    service = Service(**{**SETTINGS, **FORMATS[log_format], "LOG_FORMAT": log_format, **variables})
    service.log_format = log_format
    try:
        service.wait_for_line("Ready on")
        yield service
    finally:
        service.stop()


def fail_redis(service: Service, redis: RedisServer, run: Run) -> None:
    """Change the password, so that the service cannot log in."""
    with Redis.from_url(f"redis://:{PASSWORD}@127.0.0.1:{redis.port}") as client:
        client.config_set("requirepass", "another")
        client.client_kill_filter(_type="normal", skipme=True)
        run.responses += [post(service) for _ in range(5)]
        service.wait_for_line("Redis failed")
        client.config_set("requirepass", PASSWORD)


def run_unreachable(log_format: str, run: Run) -> None:
    """Call unreachable upstreams at each of the three URLs of the settings."""
    with tls_of_another_host() as upstream:
        urls = {
            "OPENAI_BASE_URL": f"http://127.0.0.1:{free_port()}/v1",
            "HUGGINGFACE_BASE_URL": "http://does-not-resolve.invalid",
            "HUGGINGFACE_HUB_URL": f"https://127.0.0.1:{upstream.port}",
        }
        with started(log_format, **urls, MODEL_ALIASES="gpt2=default") as service:
            run.responses += [post(service, body={"model": f"{name}:org/small"}) for name in ("openai", "huggingface")]
            checked = get_page(service, "/v1/models/validate?model=huggingface:org/small")
        run.pages["/v1/models/validate"] = checked
        run.lines += service.lines


def run_all(log_format: str) -> Run:
    """Run all steps with logs of this format."""
    run, redis = Run(), RedisServer()
    with Redis.from_url(redis.url) as client:
        client.config_set("requirepass", PASSWORD)
    with closing(EchoingUpstream()) as upstream:
        urls = {
            "OPENAI_BASE_URL": f"{upstream.url}/v1",
            "HUGGINGFACE_BASE_URL": upstream.url,
            "REDIS_URL": redis.url.replace("//", f"//:{PASSWORD}@"),
        }
        with started(log_format, **urls) as service:
            for step in (run_faults, run_clients):
                step(service, run)
            fail_redis(service, redis, run)
            record_pages(service, run)
        redis.stop()
        run.lines, run.played, run.keys = list(service.lines), set(upstream.played), upstream.keys
    run_unreachable(log_format, run)
    return run


@pytest.fixture(scope="module")
def runs() -> dict[str, Run]:
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(FORMATS, pool.map(run_all, FORMATS), strict=True))


@pytest.fixture(params=FORMATS)
def run(request, runs) -> Run:
    return runs[request.param]


def test_the_search_finds_each_secret():
    texts = {**UPSTREAM_KEYS, "REDIS_URL": PASSWORD, "the client's key": KEY, "its hash": LINE}
    texts |= {"a wrong key": WRONG_KEY, "the hash of a wrong key": WRONG_LINE, "a prompt": PROMPT}
    assert {name: leaked(f"<{text}>", SECRETS_AND_PROMPT) for name, text in texts.items()} == {
        name: [name] for name in texts
    }


def test_every_fault_ran_with_both_keys_and_every_error_was_returned(run):
    assert run.played >= set(ACTS)
    assert run.keys == {f"Bearer {key}" for key in UPSTREAM_KEYS.values()}
    expected = {fault.type for fault in (*FAULTS, *UNREACHABLE) if fault.type}
    assert run.types() >= expected | {"authentication_error", "validation_error", "not_found"}
    assert len([response for response in run.responses if "[removed]" in response.text]) >= 5


def test_logs_have_no_secret(run):
    assert len(run.lines) > len(run.responses) > GOOD_CALLS * len(ACTS)
    assert any("Redis failed" in line for line in run.lines)
    assert not [line for line in run.lines if leaked(line, SECRETS_AND_PROMPT)]


def test_responses_have_no_secret(run):
    assert run.rejected.count(b"HTTP/1.1 4") == 10
    assert not leaked(run.rejected.decode(), SECRETS)
    assert not [response.text for response in run.responses if leaked(f"{response.headers}\n{response.text}", SECRETS)]


def test_metrics_and_pages_have_no_secret(run):
    assert 'client="team"' in run.pages["/metrics"]
    assert "openapi" in run.pages["/openapi.json"]
    assert "upstream_unavailable" in run.pages["/v1/models/validate"]
    assert not [route for route, page in run.pages.items() if leaked(page, SECRETS_AND_PROMPT)]


def test_command_lines_have_no_secret(runs):
    assert {name: len(run.commands) for name, run in runs.items()} == PROCESSES
    assert not [line for run in runs.values() for line in run.commands if leaked(line, SECRETS_AND_PROMPT)]


def test_no_dump_of_the_settings_has_a_secret():
    config = Config.from_env({**SETTINGS, "OPENAI_BASE_URL": "http://x/v1", "REDIS_URL": f"redis://:{PASSWORD}@x"})
    [client] = config.api_keys.clients
    shown = [config, config.api_keys, client, config.openai_api_key, config.redis_url]
    dumps = [f"{value!r} {value!s} {value}{pformat(value)}" for value in shown] + [str(dump(value)) for value in shown]
    try:
        raise RuntimeError(shown)
    except RuntimeError as error:
        dumps += TracebackException.from_exception(error, capture_locals=True).format()
    assert "".join(dumps).count("***") > 20
    assert not leaked("".join(dumps), SECRETS)


# the ids must not hold the secrets: they are new in each process, and parallel runs compare the ids
@pytest.mark.parametrize(
    "secret",
    [*UPSTREAM_KEYS.values(), f"redis://:{PASSWORD}@x", KEY, LINE, f"{LINE} x=y"],
    ids=["Hugging Face key", "OpenAI key", "Redis password", "client key", "key line", "key line with an attribute"],
)
def test_a_secret_in_the_wrong_variable_is_not_shown(secret):
    with pytest.raises(ConfigError) as caught:
        Config.from_env(dict.fromkeys(Config.variables(), secret))
    assert len(caught.value.errors) > 20
    assert not leaked(str(caught.value), SECRETS)
