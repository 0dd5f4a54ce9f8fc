"""Reads the files of monitoring/: rules, dashboard queries and metric names."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from support.servers import ROOT

MONITORING = ROOT / "monitoring"
RULES = sorted(MONITORING.glob("rules/*.yml"))
DASHBOARD = json.loads((MONITORING / "grafana-dashboard.json").read_text())
RUNBOOK = (ROOT / "docs/operations.md").read_text()


def rules(kind: str) -> list[dict[str, Any]]:
    """Return all rules of a kind, `alert` or `record`."""
    groups = [group for path in RULES for group in read(path)["groups"]]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def panels() -> list[dict[str, Any]]:
    """Return the panels of the dashboard without its rows."""
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def dashboard_queries() -> list[tuple[str, dict[str, Any]]]:
    """Return the title of the panel and the target of each query of the dashboard."""
    return [(panel["title"], target) for panel in panels() for target in panel["targets"]]


def runbook_queries() -> list[str]:
    return [line for block in re.findall(r"```promql\n(.*?)```", RUNBOOK, re.DOTALL) for line in block.splitlines()]


def metrics_in(expression: str) -> set[str]:
    """Return the names of metrics in a PromQL expression: its words without functions, labels and keywords."""
    bare = re.sub(r'\{[^}]*\}|"[^"]*"|\[[^]]*\]|#.*|offset \w+|\b(by|without|on|ignoring) \([^)]*\)', " ", expression)
    return set(re.findall(r"\b[a-zA-Z][\w:]*\b(?!\s*\()", bare)) - {"and", "or", "unless"}
