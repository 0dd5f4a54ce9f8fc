"""The files of monitoring/ with their tools: promtool, and a Prometheus that scrapes the service."""

import math
import re
import subprocess
import time
from pathlib import Path

import pytest
from support.keys import made
from support.load import Load, PromptDrivenUpstream
from support.monitoring import MONITORING, RULES, dashboard_queries, runbook_queries
from support.prometheus import PROMETHEUS, PROMTOOL, Prometheus
from support.servers import reply, until

pytestmark = [
    pytest.mark.prometheus,
    pytest.mark.skipif(PROMETHEUS is None, reason="no prometheus is installed (Debian: apt-get install prometheus)"),
]

CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@pytest.fixture
def watch(tmp_path):
    """Return a function that starts a Prometheus for a service."""
    started = []

    def start_one(service, **options):
        started.append(Prometheus(tmp_path, service, **options))
        return started[-1]

    yield start_one
    for prometheus in started:
        prometheus.stop()


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "config", "--lint=all", "--lint-fatal", MONITORING / "prometheus.yml"],
        ["check", "rules", "--lint=all", "--lint-fatal", *RULES],
        ["test", "rules", *MONITORING.glob("rule-tests/*.yml")],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_promtool_accepts(arguments):
    checked = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_counters_match_the_clients_and_no_panel_of_the_dashboard_is_empty(start, watch, remote, redis):
    remote.respond = driven = PromptDrivenUpstream()
    (team, team_line), (limited, limited_line) = made("team"), made("limited", "rate_limit=2/minute")
    service = start(
        WEB_CONCURRENCY="2",
        OPENAI_BASE_URL=f"{remote.url}/v1",
        OPENAI_DEFAULT_MODEL="org/small",
        FALLBACK_MODELS="embedded",
        REDIS_URL=redis.url,
        API_KEYS=f"{team_line},{limited_line}",
        HEDGE_AFTER="50ms",
        UPSTREAM_MAX_CONCURRENCY="8",
        BREAKER_RECOVERY="1s",
    )
    until(service.is_ready)
    began = time.time()
    prometheus = watch(service)
    load = Load(service, team, limited)
    load.round()
    redis.pause()
    load.send("generate", prompt="fine")
    until(lambda: prometheus.query("redis_up == 0") and prometheus.query("redis_errors_total"))
    redis.resume()
    until(lambda: prometheus.query("redis_up == 1"))
    load.round()
    load.send("generate", prompt="fine")
    _assert_counted(prometheus, load, driven.failures)
    empty = [title for title, target in dashboard_queries() if not _has_data(prometheus, target, began)]
    assert empty == ([] if _memory_is_limited() else ["Memory"])  # one of its two queries is for the limit
    for query in runbook_queries():
        prometheus.query(query)


def _assert_counted(prometheus, load, failures):
    """Compare the counters with those of clients and upstream, after a scrape that follows the last response."""
    end = time.time()
    until(lambda: prometheus.scraped_at() > end)
    routes = 'route=~"/v1/.+"'
    assert prometheus.sums(f"http_requests_total{{{routes}}}", "route", "status") == load.statuses()
    timed = prometheus.sums(f"http_request_duration_seconds_count{{{routes}}}", "service")
    assert timed == {"ai-huggingface": len(load.responses)}
    assert prometheus.sums("http_rejected_total", "status") == {"400": load.refused}
    assert prometheus.sums("ai_client_requests_total", "client") == load.clients()
    assert prometheus.sums("ai_cache_total", "outcome") == load.seen("X-AI-Cache")
    fallbacks = sum(response.ok and response.headers.get("X-AI-Fallback") == "true" for response in load.responses)
    assert prometheus.sums("ai_fallbacks_total", "service") == {"ai-huggingface": fallbacks}
    failed = prometheus.sums('ai_upstream_attempts_total{backend="openai",outcome=~"upstream_.+"}', "outcome")
    assert failed == {outcome: number for outcome, number in failures.items() if outcome}
    assert prometheus.sums("ai_streams_total", "outcome") == load.streams()
    # the tokens of a failed stream are estimated; neither OpenTelemetry's metric nor the client gets them
    tokens = 'gen_ai_client_token_usage_sum{gen_ai_operation_name="chat"}'
    assert prometheus.sums(tokens, "gen_ai_token_type") == load.tokens()


def test_alerts_fire_for_injected_failures_only(start, watch, remote, redis):
    """The windows of the rules are cut to 10 s and every `for` to 2 s."""
    service = start(
        OPENAI_BASE_URL=f"{remote.url}/v1", REDIS_URL=redis.url, HUGGINGFACE_RETRY_ATTEMPTS="0", WEB_CONCURRENCY="2"
    )
    prometheus = watch(service, short_windows=True)

    def fires(*alerts):
        service.post("/v1/text/generate", prompt="x")
        return set(alerts) <= prometheus.firing()

    until(lambda: fires() and prometheus.query("job:failures_per_request:ratio_rate1h == 0"))
    assert prometheus.firing() == set()
    for status, alert in ((401, "UpstreamAuthenticationFails"), (402, "UpstreamQuotaExhausted")):
        remote.respond = lambda handler, status=status: reply(handler, {}, status)
        until(lambda alert=alert: fires(alert))
    remote.respond = lambda handler: reply(handler, {}, 500)
    redis.pause()
    until(lambda: fires("BreakerOpen", "AvailabilityBudgetBurnsFast", "RedisDown"))
    redis.resume()
    assert not {"NoInstanceUp", "InstanceDown", "InternalErrors"} & prometheus.firing()
    service.stop()
    until(lambda: {"NoInstanceUp", "InstanceDown"} <= prometheus.firing())


def _has_data(prometheus, target, began):
    """Return whether a query of the dashboard had numbers at some time, with the labels of its legend."""
    expression = target["expr"].replace("$job", "ai-huggingface").replace("$instance", ".+")
    expression = expression.replace("$__rate_interval", "30s")
    if target["instant"]:
        series = prometheus.query(expression)
    else:
        series = prometheus.query_range(expression, began, time.time())
    values = [value for item in series for _, value in item.get("values", [item.get("value")])]
    legend = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
    labels = set().union(*(item["metric"] for item in series))
    return legend <= labels and any(math.isfinite(float(value)) for value in values)


def _memory_is_limited():
    return CGROUP_LIMIT.exists() and CGROUP_LIMIT.read_text().strip() != "max"
