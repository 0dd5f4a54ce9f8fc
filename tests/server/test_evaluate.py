"""The command `evaluate` as a process, in front of a real service and one of its own."""

import csv
import json
import os
import subprocess
import sys
import threading

import pytest
from support.servers import ROOT, reply, until

from app.cli import local_service
from app.cli.local_service import StartFailed

ROWS = [("The screen is gorgeous.", "positive"), ("It broke after a day.", "negative"), ("I love it.", "positive")]
INHERITED = {name: value for name, value in os.environ.items() if name.startswith("COV")}


@pytest.fixture
def file(tmp_path):
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *ROWS])
    return tmp_path / "rows.csv"


def start(file, *arguments, **variables):
    command = [sys.executable, "-m", "app", "evaluate", "sentiment", str(file), *arguments]
    environment = {**INHERITED, "PYTHONPATH": str(ROOT), **variables}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=file.parent, env=environment, **pipes)


def finish(process):
    out, err = process.communicate(timeout=100)
    return process.returncode, out, err


def test_a_running_service_is_evaluated(embedded, file):
    status, out, err = finish(start(file, "--url", embedded.url, "--json"))
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found["figures"]["accuracy"] == 1
    assert found["tokens"] > 0
    assert found["seconds"] > 0


def test_a_service_of_the_command_runs_with_the_settings_of_the_environment(remote, file):
    variables = {"OPENAI_BASE_URL": f"{remote.url}/v1", "OPENAI_DEFAULT_MODEL": "org/small", "RATE_LIMIT": "1/minute"}
    status, out, _ = finish(start(file, **variables, REQUIRE_API_KEYS="true", API_KEYS=""))
    assert status == 1
    assert "3 rows without a result: upstream_invalid_response." in out  # the upstream says "Hi."
    assert {request["body"]["model"] for request in remote.requests} == {"org/small"}


def test_a_service_that_cannot_start_is_an_error_with_its_reason(file):
    status, out, err = finish(start(file, LOG_LEVEL="loud"))
    assert (status, out) == (1, "")
    assert err.startswith("The service did not start. It printed:\n")
    assert "LOG_LEVEL must be" in err


def test_a_service_that_is_never_ready_is_stopped(monkeypatch):
    monkeypatch.setattr(local_service, "START_SECONDS", 0.0)
    monkeypatch.setattr(local_service, "STOP_SECONDS", 0.0)
    with pytest.raises(StartFailed, match="did not start"), local_service.local_service():
        pass


def test_a_killed_run_continues_with_the_texts_that_are_left(remote, file):
    release = threading.Event()
    texts = []

    def respond(handler):
        texts.extend(handler.asked["texts"])
        if len(texts) == 2:
            release.wait(60)
        results = [
            {"index": index, "sentiment": "positive", "score": 0.9} for index in range(len(handler.asked["texts"]))
        ]
        reply(handler, {"results": results, "errors": [], "usage": {}})

    remote.respond = respond
    killed = start(file, "--url", remote.url, "--texts", "1")
    until(lambda: len(texts) == 2)
    killed.kill()
    assert finish(killed)[0] < 0
    release.set()
    status, out, _ = finish(start(file, "--url", remote.url, "--json"))
    assert (status, json.loads(out)["rows"]) == (0, 3)
    assert texts == [ROWS[0][0], ROWS[1][0], ROWS[1][0], ROWS[2][0]]
    results = file.with_name("rows.csv.results.jsonl").read_text().splitlines()
    assert [json.loads(line)["line"] for line in results] == [2, 3, 4]
