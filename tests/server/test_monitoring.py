"""The files of monitoring/ with the tools that they are for: promtool, and a Prometheus that watches the service."""

import math
import re
import subprocess
import time
from pathlib import Path

import pytest
from support.keys import made
from support.load import Load, Moody
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
    """Have a Prometheus watch a service."""
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
def test_promtool_has_nothing_to_say_against(arguments):
    checked = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_prometheus_counts_what_callers_saw_and_no_panel_of_the_dashboard_is_empty(start, watch, remote, redis):
    remote.answer = moody = Moody()
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
    until(lambda: prometheus.query("redis_up == 0") and prometheus.query("redis_unanswered_total"))
    redis.resume()
    until(lambda: prometheus.query("redis_up == 1"))
    load.round()
    load.send("generate", prompt="fine")
    _assert_counted(prometheus, load, moody.failures)
    empty = [title for title, target in dashboard_queries() if not _data(prometheus, target, began)]
    assert empty == ([] if _memory_is_limited() else ["Memory"])  # of its two queries the one for the limit
    for query in runbook_queries():
        prometheus.query(query)


def _assert_counted(prometheus, load, failures):
    """Compare the counters with what callers and the upstream saw, once a scrape has followed the last answer."""
    over = time.time()
    until(lambda: prometheus.scraped_at() > over)
    routes = 'route=~"/v1/.+"'
    assert prometheus.sums(f"http_requests_total{{{routes}}}", "route", "status") == load.statuses()
    timed = prometheus.sums(f"http_request_duration_seconds_count{{{routes}}}", "service")
    assert timed == {"ai-huggingface": len(load.answers)}
    assert prometheus.sums("http_refused_total", "status") == {"400": load.refused}
    assert prometheus.sums("ai_client_requests_total", "client") == load.clients()
    assert prometheus.sums("ai_cache_total", "outcome") == load.seen("X-AI-Cache")
    fallbacks = sum(one.ok and one.headers.get("X-AI-Fallback") == "true" for one in load.answers)
    assert prometheus.sums("ai_fallbacks_total", "service") == {"ai-huggingface": fallbacks}
    failed = prometheus.sums('ai_upstream_attempts_total{backend="openai",outcome=~"upstream_.+"}', "outcome")
    assert failed == {"upstream_unavailable": failures}
    assert prometheus.sums("ai_streams_total", "outcome") == load.streams()
    # of a stream that broke off tokens are estimated, which OpenTelemetry's metric leaves out, and callers are not told
    used = 'gen_ai_client_token_usage_sum{gen_ai_operation_name="chat"}'
    assert prometheus.sums(used, "gen_ai_token_type") == load.tokens()


def test_alerts_fire_when_a_fault_is_injected_and_not_before(start, watch, remote, redis):
    """The rules are the shipped ones, with every window cut to 10 s and every `for` to 2 s."""
    service = start(
        OPENAI_BASE_URL=f"{remote.url}/v1", REDIS_URL=redis.url, HUGGINGFACE_RETRY_ATTEMPTS="0", WEB_CONCURRENCY="2"
    )
    prometheus = watch(service, hasty=True)

    def fires(*alerts):
        service.post("/v1/text/generate", prompt="x")
        return set(alerts) <= prometheus.firing()

    until(lambda: fires() and prometheus.query("job:failures_per_request:ratio_rate1h == 0"))
    assert prometheus.firing() == set()
    for status, alert in ((401, "UpstreamAuthenticationFails"), (402, "UpstreamQuotaExhausted")):
        remote.answer = lambda handler, status=status: reply(handler, {}, status)
        until(lambda alert=alert: fires(alert))
    remote.answer = lambda handler: reply(handler, {}, 500)
    redis.pause()
    until(lambda: fires("BreakerOpen", "AvailabilityBudgetBurnsFast", "RedisDown"))
    redis.resume()
    assert not {"NoInstanceUp", "InstanceDown", "InternalErrors"} & prometheus.firing()
    service.stop()
    until(lambda: {"NoInstanceUp", "InstanceDown"} <= prometheus.firing())


def _data(prometheus, target, began):
    """Tell whether a query of the dashboard gave numbers at some time, with the labels that its legend names."""
    expression = target["expr"].replace("$job", "ai-huggingface").replace("$instance", ".+")
    expression = expression.replace("$__rate_interval", "30s")
    if target["instant"]:
        found = prometheus.query(expression)
    else:
        found = prometheus.query_range(expression, began, time.time())
    values = [value for one in found for _, value in one.get("values", [one.get("value")])]
    named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
    labels = set().union(*(one["metric"] for one in found))
    return named <= labels and any(math.isfinite(float(value)) for value in values)


def _memory_is_limited():
    return CGROUP_LIMIT.exists() and CGROUP_LIMIT.read_text().strip() != "max"
