"""The documents, held against the code."""

import re
from pathlib import Path

import pytest

from app.config import Config
from app.errors import ServiceError
from app.operations import OPERATIONS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
EXAMPLE = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
DOCUMENTS = [ROOT / "README.md", *ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


def test_the_example_names_every_setting_and_no_other():
    assert sorted(EXAMPLE) == sorted(Config.variables())


def test_the_example_holds_the_defaults():
    assert Config.from_env(EXAMPLE) == Config()


def test_the_readme_has_a_row_for_every_setting_and_no_other():
    assert sorted(re.findall(r"^\| `([A-Z_]+)` \|", README, re.MULTILINE)) == sorted(Config.variables())


def test_the_readme_shows_a_call_of_every_route(make_app):
    rules = {rule.rule for rule in make_app().url_map.iter_rules() if "<" not in rule.rule}
    assert len(rules) == len(OPERATIONS) + 6
    assert not [rule for rule in rules if f"localhost:8080{rule}" not in README]


def test_the_readme_has_every_fault_with_its_status():
    rows = re.findall(r"^\| ([0-9, ]+) \| (`.*?) \|", README, re.MULTILINE)
    told = {kind: statuses for statuses, kinds in rows for kind in re.findall(r"`(\w+)`", kinds)}
    faults = {fault.type: str(fault.status) for fault in _faults(ServiceError)}
    assert set(told) == set(faults)
    assert all(status in told[kind] for kind, status in faults.items())


def _faults(fault):
    for one in fault.__subclasses__():
        yield one
        yield from _faults(one)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text())
    assert not [link for link in links if not (document.parent / link).exists()]


def test_every_make_target_of_the_readme_exists():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert not set(re.findall(r"`make ([a-z-]+)`", README)) - set(targets)


def test_the_page_of_metrics_has_each_with_its_labels_and_no_other(make_app, redis, monkeypatch, tmp_path):
    (tmp_path / "memory.max").write_text("1")
    monkeypatch.setattr("app.observability.metrics.process.CGROUP_LIMIT", tmp_path / "memory.max")
    metrics = make_app(REDIS_URL=redis.url, FALLBACK_MODELS="embedded:x", EMBEDDED_PORT="9").extensions["metrics"]
    kept = {
        metric._name + ("_total" if metric._type == "counter" else ""): metric._labelnames
        for metric in metrics.registry._collector_to_names
    }
    page = (ROOT / "docs/metrics.md").read_text()
    rows = re.findall(r"^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \|(.*?)\|", page, re.MULTILINE)
    told = {name: re.findall(r"`(\w+)`", labels) for names, labels in rows for name in re.findall(r"`(\w+)`", names)}
    assert set(told) == set(kept)
    everywhere = {"service", "gen_ai_operation_name", "gen_ai_provider_name"}
    assert {name: set(labels) - everywhere for name, labels in kept.items()} == {
        name: set(labels) for name, labels in told.items()
    }
