"""The benchmarks: medians of results, aims, and the page."""

from typing import Any

import pytest
from bench import ROOT, page, scale
from bench.peers import Portkey
from bench.ratios import OURS, Aim, aims
from bench.results import DIRECT, SCALE_FILE, Results, read


def figures(rate: float = 1.0, p50: int = 1000, **more: Any) -> dict[str, Any]:
    """The figures of a round."""
    load = {"right": 1, "wrong": 0, "failed": 0, "rate": rate, "cpu_us": 1.0, "latency": {"p50": p50, "p99": p50}}
    return {"plain": load, "single": load, "start_seconds": 1.0, "rest_bytes": 1, **more}


def results(**rounds: list[dict[str, Any]]) -> Results:
    names = {"ours": OURS, "portkey": Portkey.name, "direct": DIRECT}
    facts = {"version": "1", "configured": "As shipped.", "peer": False}
    return Results({"gateways": {names[name]: {**facts, "rounds": figures} for name, figures in rounds.items()}})


def point(asked: float, p99: int, wrong: int = 0) -> dict[str, Any]:
    return {"asked": asked, "latency": {"p99": p99}, "right": 1, "wrong": wrong, "failed": 0}


def aim(found: Results, text: str) -> Aim:
    [one] = [one for one in aims(found, {}) if text in one.text and Portkey.name in one.text]
    return one


@pytest.mark.parametrize(
    ("rates", "verdict"),
    [([80, 100, 500], "not met"), ([80, 110, 111], "met"), ([140, 140, 1], "met, stretch too"), ([], "not measured")],
)
def test_aim_compares_medians_of_the_rounds(rates, verdict):
    found = results(ours=[figures(rate) for rate in rates], portkey=[figures(100)])

    assert aim(found, "uncached generate").verdict == verdict


def test_added_latency_excludes_the_latency_without_a_gateway():
    found = results(ours=[figures(p50=1100)], portkey=[figures(p50=600)], direct=[figures(p50=100)])

    assert aim(found, "added latency").measured == pytest.approx(2.0)


def test_best_rate_is_the_highest_within_its_bound_with_correct_responses_only():
    points = [point(100, 3_000), point(200, 4_000), point(300, 4_500, wrong=1), point(400, 6_000)]
    found = results(ours=[figures(frontier=points)])

    assert found.best_rate(OURS, 5) == 200
    assert found.best_rate(OURS, 10) == 400
    assert found.best_rate(OURS, 1) is None


def test_wrong_responses_and_failed_gateways_are_errors():
    found = results(ours=[figures(), figures(frontier=[point(100, 1, wrong=2)])])
    found.data["errors"] = ["round 1, x: did not start"]

    assert found.errors() == ["round 1, x: did not start", f"{OURS}, 1 frontier 0: 1 right, 2 wrong, 0 failed"]


def test_share_of_disturbed_loads_is_reported():
    load = {"right": 1, "wrong": 0, "failed": 0}
    found = results(ours=[{"plain": load | {"disturbed": 0.3}, "slow": load | {"disturbed": 0.02}}])

    assert found.disturbed() == 0.5


def test_page_matches_the_committed_results(tmp_path, monkeypatch):
    committed = page.PAGE.read_text()
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(page, "PLOTS", tmp_path / "plots")
    page.write()

    assert (tmp_path / "page.md").read_text() == committed


def test_runbook_has_the_tables_of_the_committed_results():
    data = read(SCALE_FILE)
    runbook = (ROOT / "docs" / "operations.md").read_text()

    assert [block for block in scale.blocks(data) if block not in runbook] == []
    assert (page.PLOTS / "scale.svg").read_text() == scale.plot(data)
