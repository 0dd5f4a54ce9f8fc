"""The files of monitoring/, held against what the app exposes, the runbook, and Grafana's own model of a dashboard."""

import json
import re

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client.parser import text_string_to_metric_families
from support.monitoring import (
    DASHBOARD,
    MONITORING,
    RUNBOOK,
    dashboard_queries,
    metrics_in,
    panels,
    read,
    rules,
    runbook_queries,
)

from app.errors import ServiceError

ENDINGS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
RECORDED = {rule["record"] for rule in rules("record")}
# what Prometheus itself knows
OWN = {"up", "ALERTS"}


@pytest.fixture
def exposed(make_client, redis, upstream, monkeypatch, tmp_path):
    """The metrics of an app with everything that may be measured, by name, each with the names of its series."""
    (tmp_path / "memory.max").write_text("1")
    monkeypatch.setattr("app.observability.metrics.process.CGROUP_LIMIT", tmp_path / "memory.max")
    upstream.get("http://127.0.0.1:9/health", json={})
    client = make_client(REDIS_URL=redis.url, FALLBACK_MODELS="embedded:x", EMBEDDED_PORT="9")
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {one.name: {one.name + ending for ending in ENDINGS[one.type]} for one in families}


def test_the_dashboard_shows_every_metric_of_the_app_and_no_other(exposed):
    asked = set().union(*(metrics_in(target["expr"]) for _, target in dashboard_queries())) - OWN - RECORDED
    assert not [name for name, series in exposed.items() if not asked & series]
    assert not asked - set().union(*exposed.values())


def test_rules_and_runbook_ask_for_metrics_of_the_app(exposed):
    asked = [rule["expr"] for rule in rules("alert") + rules("record")] + runbook_queries()
    known = set().union(*exposed.values()) | RECORDED | OWN
    assert not set().union(*map(metrics_in, asked)) - known


def test_the_dashboard_has_nothing_that_grafana_does_not_know():
    register_default_plugins()
    known = json.loads(json.dumps(Dashboard.from_json(DASHBOARD), cls=JSONEncoder))
    assert list(_lost(DASHBOARD, known)) == []
    assert DASHBOARD["schemaVersion"] == 42
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def _lost(told, known, path=""):
    """Yield the places of what is in one document and not in the other."""
    if isinstance(told, dict) and isinstance(known, dict):
        for key, value in told.items():
            yield from _lost(value, known.get(key), f"{path}.{key}")
    elif isinstance(told, list) and isinstance(known, list) and len(told) == len(known):
        for index, value in enumerate(told):
            yield from _lost(value, known[index], f"{path}[{index}]")
    elif told != known:
        yield path


def test_the_dashboard_takes_whatever_data_source_job_and_instances_are_chosen():
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == ["datasource", "job", "instance"]
    sources = [panel["datasource"] for panel in panels()] + [target["datasource"] for _, target in dashboard_queries()]
    assert {source["uid"] for source in sources} == {"${datasource}"}
    assert not [title for title, target in dashboard_queries() if 'job="$job"' not in target["expr"]]


@pytest.mark.parametrize("alert", rules("alert"), ids=lambda rule: rule["alert"])
def test_every_alert_says_how_bad_it_is_and_where_the_runbook_tells_of_it(alert):
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert alert["annotations"]["summary"]
    assert alert["annotations"]["description"]
    assert alert["annotations"]["runbook_url"] == f"docs/operations.md#{alert['alert'].lower()}"


def test_the_runbook_has_a_section_for_each_alert_and_for_no_other():
    part = RUNBOOK.split("\n## Alerts\n")[1].split("\n## ")[0]
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", part, re.MULTILINE | re.DOTALL))
    assert list(sections) == [rule["alert"] for rule in rules("alert")]
    parts = re.compile(r"\*\*Means:.*\*\*Look at.*\bdo:", re.DOTALL | re.IGNORECASE)
    assert not [name for name, text in sections.items() if not parts.search(text)]


def test_links_within_the_runbook_lead_to_its_headings():
    headings = re.findall(r"^#+ (.+)$", RUNBOOK, re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    assert not set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) - anchors


def test_the_runbook_says_what_to_do_about_every_type_of_error():
    part = RUNBOOK.split("\n## Error types\n")[1].split("\n## ")[0]
    told = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", part, re.MULTILINE)))
    assert sorted(told) == sorted({fault.type for fault in _faults(ServiceError)})


def _faults(fault):
    for one in fault.__subclasses__():
        yield one
        yield from _faults(one)


def test_every_alert_fires_in_a_test_of_the_rules():
    tests = "".join(path.read_text() for path in MONITORING.glob("rule-tests/*.yml"))
    assert set(re.findall(r'alertname="(\w+)"', tests)) == {rule["alert"] for rule in rules("alert")}


def test_the_compose_file_mounts_what_there_is_and_pins_its_images():
    services = read(MONITORING / "docker-compose.yml")["services"]
    mounted = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())]
    assert not [path for path in mounted if path.startswith("./") and not (MONITORING / path).exists()]
    images = [service["image"] for service in services.values() if "image" in service]
    assert not [image for image in images if not re.search(r":v?\d+\.\d+\.\d+", image)]


def test_grafana_finds_the_dashboard_where_compose_puts_it():
    [provider] = read(MONITORING / "grafana/provisioning/dashboards/ai-huggingface.yml")["providers"]
    mounts = read(MONITORING / "docker-compose.yml")["services"]["grafana"]["volumes"]
    assert any(mount.startswith(f"./grafana-dashboard.json:{provider['options']['path']}/") for mount in mounts)
