"""Nothing that one client does reaches another: stateful cases against the running service.

A first client does what it likes on a busy service. After each step a second client sends a probe there, and its twin
sends the same one to a quiet service. Both must get the same. `make fuzz` runs more cases.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import cycle

import pytest
import requests
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from support.isolation import FAILURES, MAX_DELAY_SECONDS, Client, DeterministicUpstream, Seen, World, addresses, timed
from support.keys import made
from support.redis import RedisServer
from support.servers import Service
from support.surfaces.table import SURFACES

EXAMPLES = int(os.environ.get("ISOLATION_EXAMPLES", "1"))
MAX_CALLS = 4
LIMITS = {
    "RATE_LIMIT": "100000/day",
    "TOKENS_PER_DAY": "1000000",
    "HUGGINGFACE_RETRY_ATTEMPTS": "0",
    "UPSTREAM_MAX_CONCURRENCY": str(MAX_CALLS),
    "CACHE_MAX_BYTES": "1MiB",
}
CHAT, GENERATE, SENTIMENT = "/v1/chat/completions", "/v1/text/generate", "/v1/text/sentiment"


def _body(route, text, *, stream=False):
    if route == CHAT:
        body = {"messages": [{"role": "user", "content": text}], "temperature": 0}
    else:
        body = {"text": text} if route == SENTIMENT else {"prompt": text, "temperature": 0}
    return {**body, "stream": True} if stream else body


# both clients send these few, so that whatever is shared shows soon
KEY = {"Idempotency-Key": "key-CASE"}
REQUESTS = [
    (SENTIMENT, _body(SENTIMENT, "CASE one"), {}),
    (CHAT, _body(CHAT, "CASE one"), {}),
    (GENERATE, _body(GENERATE, "CASE one"), {}),
    (GENERATE, _body(GENERATE, "CASE one"), {"Cache-Control": "no-cache"}),
    (GENERATE, _body(GENERATE, "CASE one"), KEY),
    (GENERATE, _body(GENERATE, "CASE two"), KEY),
]
# the second client sends these, one after each step of the first
PROBES = [
    ("POST", SENTIMENT, _body(SENTIMENT, "CASE one"), {}),
    ("POST", CHAT, _body(CHAT, "CASE one", stream=True), {}),
    ("POST", GENERATE, _body(GENERATE, "CASE one"), KEY),
    ("GET", "/v1/models", None, {}),
    ("POST", GENERATE, _body(GENERATE, "CASE two"), KEY),
    ("POST", CHAT, _body(CHAT, "CASE one"), {}),
    ("POST", GENERATE, {"prompt": "status429"}, {}),
    ("GET", "/v1/models/validate?model=org/other", None, {}),
    ("POST", GENERATE, _body(GENERATE, "CASE one"), {"Cache-Control": "no-cache"}),
    ("POST", CHAT, {"messages": []}, {}),
    ("POST", GENERATE, _body(GENERATE, "CASE one"), {}),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ODD_FIELDS = st.dictionaries(
    st.sampled_from(["prompt", "messages", "text", "model", "max_tokens", "stream", "stop", "seed", "tools", "n"]),
    JSON | st.sampled_from(["openai:none", -1, 10**30, [{"role": "user", "content": "x"}]]),
    max_size=4,
)


# one rule for all of them: hypothesis would leave out many of several rules in each case
ACTIONS = st.one_of(
    st.tuples(st.just("send"), st.sampled_from(REQUESTS)),
    st.tuples(st.just("send"), st.sampled_from(REQUESTS)),
    st.tuples(st.just("send_odd"), st.sampled_from([surface.route for surface in SURFACES]), ODD_FIELDS | JSON),
    st.tuples(st.just("send_rubbish"), st.binary(max_size=40), st.sampled_from(["X-Request-Timeout", "Accept"])),
    st.tuples(
        st.just("fail"), st.sampled_from(sorted(FAILURES)), st.sampled_from([CHAT, SENTIMENT]), st.integers(1, 8)
    ),
    st.tuples(st.just("hold_streams"), st.integers(1, MAX_CALLS + 1)),
    st.tuples(st.just("leave_streams")),
    st.tuples(st.just("disconnect"), st.sampled_from([CHAT, GENERATE])),
    st.tuples(st.just("send_many")),
    st.tuples(st.just("fill_cache")),
    st.tuples(st.just("try_a_key")),
)


# each of these is followed by every probe before hypothesis chooses
FIXED_ACTIONS = [
    *(("send", sent) for sent in REQUESTS),
    *(("fail", word, CHAT, 7) for word in FAILURES),
    ("hold_streams", MAX_CALLS + 1),
    ("send_many",),
    ("try_a_key",),
]


class Isolation(RuleBasedStateMachine):
    """The rule is any behaviour of one client; the invariant compares the second client with its twin."""

    world: World

    @initialize(at=st.integers(0, len(PROBES) - 1))
    def arrive(self, at):
        self.first_client, self.second, self.twin = self.world.clients()
        self.probes = cycle([*PROBES[at:], *PROBES[:at]])

    @rule(action=ACTIONS)
    def first(self, action):
        self.act(*action)

    def act(self, name, *arguments):
        getattr(self, f"_{name}")(*arguments)

    def _send(self, sent):
        route, body, headers = sent
        self.first_client.post(route, body, headers)

    def _send_odd(self, route, body):
        self.first_client.post(route, body)

    def _send_rubbish(self, content, name):
        self.first_client.send("POST", GENERATE, {name: "x" * 300}, data=content)

    def _fail(self, word, route, times):
        for _ in range(times):
            self.first_client.post(route, _body(route, word))

    def _hold_streams(self, number):
        for _ in range(number):
            self.first_client.hold_stream()

    def _leave_streams(self):
        self.first_client.leave()

    def _disconnect(self, route):
        with suppress(requests.RequestException):
            self.first_client.post(route, _body(route, "held CASE one"), timeout=0.05)

    def _send_many(self):
        with ThreadPoolExecutor(3 * MAX_CALLS) as pool:
            list(
                pool.map(lambda number: self.first_client.post(GENERATE, {"prompt": f"{number}"}), range(3 * MAX_CALLS))
            )

    def _fill_cache(self):
        for number in range(8):
            self.first_client.post(CHAT, _body(CHAT, f"{number} flood"))

    def _try_a_key(self):
        self.first_client.post(GENERATE, {"prompt": "x"}, {"X-API-Key": "wrong"})

    @invariant()
    def second_gets_what_its_twin_gets(self):
        self.compare(*next(self.probes))

    def compare(self, method, route, body, headers):
        with timed() as alone:
            expected = _seen(self.twin, method, route, body, headers)
        with timed() as beside:
            found = _seen(self.second, method, route, body, headers)
        assert found == expected
        assert beside[0] < alone[0] + MAX_DELAY_SECONDS

    def teardown(self):
        if hasattr(self, "first_client"):
            self.first_client.leave()
        self.world.release()


def run_floods(machine):
    with started(machine) as state:
        for probe in PROBES:
            state.compare(*probe)
            state.act("fill_cache")


def run_fixed_actions(machine):
    for action in FIXED_ACTIONS:
        with started(machine) as state:
            state.act(*action)
            for probe in PROBES:
                state.compare(*probe)


@contextmanager
def started(machine):
    state = machine()
    state.first_client, state.second, state.twin = state.world.clients()
    try:
        yield state
    finally:
        state.teardown()


def _seen(client: Client, method, route, body, headers):
    return Seen.of(client.send(method, route, headers) if body is None else client.post(route, body, headers))


@pytest.fixture
def run_cases(tmp_path):
    """Return a function that runs the cases on services with these settings."""

    def run(identities, **variables):
        with ExitStack() as stack:
            upstreams = tuple(stack.enter_context(closing(DeterministicUpstream())) for _ in range(2))
            redis = [RedisServer() for _ in range(2)] if variables.pop("redis", False) else []
            for one in redis:
                stack.callback(one.stop)
            services = []
            for number, upstream in enumerate(upstreams):
                shared = {"REDIS_URL": redis[number].url} if redis else {}
                service = Service(
                    **LIMITS,
                    **variables,
                    **shared,
                    OPENAI_BASE_URL=f"{upstream.url}/v1",
                    OPENAI_DEFAULT_MODEL="org/small",
                )
                stack.callback(service.stop)
                service.wait_for_line("Ready on")
                services.append(service)
            world = World(*services, upstreams, identities)
            machine = type("IsolationOf", (Isolation,), {"world": world})
            if not redis:  # Redis would hide what the cache of a process has evicted
                run_floods(machine)  # first, because failures open the first client's breaker
            run_fixed_actions(machine)
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=15,
                    deadline=None,
                    derandomize="ISOLATION_EXAMPLES" not in os.environ,
                    database=None,
                    phases=[Phase.explicit, Phase.generate],  # shrinking takes minutes
                    print_blob=True,
                    suppress_health_check=list(HealthCheck),
                ),
            )
            assert not [line for service in services for line in service.lines if "Traceback" in line]

    return run


def test_addresses_without_keys_are_isolated(run_cases):
    run_cases(addresses(), TRUSTED_PROXIES="1")


def test_keys_are_isolated_in_redis_too(run_cases, tmp_path):
    keys = [made(f"client-{number}") for number in range(3 * 20 * (EXAMPLES + 2))]
    path = tmp_path / "keys"
    path.write_text("\n".join(line for _, line in keys))
    run_cases(iter([{"Authorization": f"Bearer {key}"} for key, _ in keys]), API_KEYS_FILE=str(path), redis=True)
