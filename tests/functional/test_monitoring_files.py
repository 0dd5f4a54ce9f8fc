"""The files of monitoring/ match the metrics of the app, the runbook, and Grafana's model of a dashboard."""

import json
import re

import pytest
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
# metrics of Prometheus itself
BUILT_IN = {"up", "ALERTS"}


@pytest.fixture
def exposed(make_client, redis, upstream, monkeypatch, tmp_path):
    """The metrics of an app with every dependency: the names of their series, by the name of the metric.

    Deprecated metrics are left out.
    """
    (tmp_path / "memory.max").write_text("1")
    monkeypatch.setattr("app.observability.metrics.process.CGROUP_LIMIT", tmp_path / "memory.max")
    for port in (9, 10):
        upstream.get(f"http://127.0.0.1:{port}/health", json={})
    client = make_client(REDIS_URL=redis.url, FALLBACK_MODELS="embedded:x", EMBEDDED_PORT="9", ENCODER_PORT="10")
    families = text_string_to_metric_families(client.get("/metrics").text)
    current = [family for family in families if not family.documentation.startswith("Deprecated:")]
    return {family.name: {family.name + ending for ending in ENDINGS[family.type]} for family in current}


def test_the_dashboard_shows_every_current_metric_and_no_other(exposed):
    queried = set().union(*(metrics_in(target["expr"]) for _, target in dashboard_queries())) - BUILT_IN - RECORDED
    assert not [name for name, series in exposed.items() if not queried & series]
    assert not queried - set().union(*exposed.values())


def test_rules_and_runbook_use_current_metrics_only(exposed):
    queries = [rule["expr"] for rule in rules("alert") + rules("record")] + runbook_queries()
    known = set().union(*exposed.values()) | RECORDED | BUILT_IN
    assert not set().union(*map(metrics_in, queries)) - known


@pytest.mark.release
def test_grafanas_model_keeps_every_part_of_the_dashboard():
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    known = json.loads(json.dumps(Dashboard.from_json(DASHBOARD), cls=JSONEncoder))
    assert list(_differences(DASHBOARD, known)) == []
    assert DASHBOARD["schemaVersion"] == 42
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def _differences(ours, theirs, path=""):
    """Yield the paths at which two documents differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            yield from _differences(value, theirs.get(key), f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, value in enumerate(ours):
            yield from _differences(value, theirs[index], f"{path}[{index}]")
    elif ours != theirs:
        yield path


def test_every_panel_uses_the_selected_data_source_and_job():
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == ["datasource", "job", "instance"]
    sources = [panel["datasource"] for panel in panels()] + [target["datasource"] for _, target in dashboard_queries()]
    assert {source["uid"] for source in sources} == {"${datasource}"}
    assert not [title for title, target in dashboard_queries() if 'job="$job"' not in target["expr"]]


@pytest.mark.parametrize("alert", rules("alert"), ids=lambda rule: rule["alert"])
def test_every_alert_has_a_severity_a_text_and_a_link_to_the_runbook(alert):
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert alert["annotations"]["summary"]
    assert alert["annotations"]["description"]
    assert alert["annotations"]["runbook_url"] == f"docs/operations.md#{alert['alert'].lower()}"


def test_the_runbook_has_one_section_for_each_alert():
    part = RUNBOOK.split("\n## Alerts\n")[1].split("\n## ")[0]
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", part, re.MULTILINE | re.DOTALL))
    assert list(sections) == [rule["alert"] for rule in rules("alert")]
    parts = re.compile(r"\*\*Means:.*\*\*Look at.*\bdo:", re.DOTALL | re.IGNORECASE)
    assert not [name for name, text in sections.items() if not parts.search(text)]


def test_links_within_the_runbook_point_to_headings():
    headings = re.findall(r"^#+ (.+)$", RUNBOOK, re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    assert not set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) - anchors


def test_the_runbook_lists_every_error_type():
    part = RUNBOOK.split("\n## Error types\n")[1].split("\n## ")[0]
    listed = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", part, re.MULTILINE)))
    assert sorted(listed) == sorted({error.type for error in _subclasses(ServiceError)})


def _subclasses(error):
    for subclass in error.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def test_every_alert_fires_in_a_test_of_the_rules():
    tests = "".join(path.read_text() for path in MONITORING.glob("rule-tests/*.yml"))
    assert set(re.findall(r'alertname="(\w+)"', tests)) == {rule["alert"] for rule in rules("alert")}


def test_the_compose_file_mounts_existing_files_and_pins_its_images():
    services = read(MONITORING / "docker-compose.yml")["services"]
    mounted = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())]
    assert not [path for path in mounted if path.startswith("./") and not (MONITORING / path).exists()]
    images = [service["image"] for service in services.values() if "image" in service]
    assert not [image for image in images if not re.search(r":v?\d+\.\d+\.\d+", image)]


def test_the_compose_file_mounts_the_dashboard_where_grafana_reads_it():
    [provider] = read(MONITORING / "grafana/provisioning/dashboards/ai-huggingface.yml")["providers"]
    mounts = read(MONITORING / "docker-compose.yml")["services"]["grafana"]["volumes"]
    assert any(mount.startswith(f"./grafana-dashboard.json:{provider['options']['path']}/") for mount in mounts)
