"""The message that says how to call the service."""

import io
import json
import logging.config
import os
import subprocess
import sys

import pytest
from support.keys import made

from app.config import Config
from app.observability.logs import logging_config
from app.server.ready_message import ReadyMessage

CURL = '#!/bin/sh\nfor word; do echo "$word"; done\ncase "$*" in *@-*) cat;; esac\n'


@pytest.fixture
def run(tmp_path):
    """Run a command in a shell whose curl prints its arguments and its input."""
    curl = tmp_path / "curl"
    curl.write_text(CURL)
    curl.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    return lambda command: (
        subprocess.run(command, shell=True, env={"PATH": path}, capture_output=True, text=True, check=True).stdout
    )


def message_of(**variables):
    return ReadyMessage(Config.from_env({"OPENAI_BASE_URL": "http://upstream/v1", **variables}))


def logged(message):
    """Return the line that the message writes to the log, as it is printed."""
    printed = io.StringIO()
    config = logging_config("info", plain=False)
    formatter = logging.config.DictConfigurator(config).configure_formatter(config["formatters"]["line"])
    handler = logging.StreamHandler(printed)
    handler.setFormatter(formatter)
    log = logging.Logger("test")
    log.addHandler(handler)
    message.log_once(log)
    return printed.getvalue()


def test_the_command_in_a_json_line_works_as_it_is_printed(run):
    line = logged(message_of(SERVER_PORT="8123"))
    pasted = line.partition(" Try: ")[2].rpartition('"}')[0]
    assert json.loads(line)["message"].endswith(pasted)
    *arguments, body = run(pasted).splitlines()
    assert arguments[1:4] == ["http://localhost:8123/v1/text/generate", "-H", "Content-Type:application/json"]
    assert json.loads(body) == {"prompt": "What is a lighthouse?"}


def test_the_message_names_the_address_the_backend_the_reference_and_how_to_stop():
    message = json.loads(logged(message_of(SERVER_PORT="8123")))["message"]
    assert message.startswith("Ready on http://localhost:8123 with the backend openai. ")
    assert "http://localhost:8123/docs" in message
    assert "Ctrl-C" in message


@pytest.mark.parametrize(
    ("host", "shown"),
    [("0.0.0.0", "localhost"), ("[::]", "localhost"), ("[::1]", "[::1]"), ("api.example", "api.example")],
)
def test_the_command_calls_an_address_that_answers(run, host, shown):
    line = logged(message_of(SERVER_HOST=host, SERVER_PORT="8123"))
    pasted = line.partition(" Try: ")[2].rpartition('"}')[0]
    assert run(pasted).splitlines()[1] == f"http://{shown}:8123/v1/text/generate"


def test_with_client_keys_the_command_has_a_place_for_one(run):
    pasted = logged(message_of(API_KEYS=made()[1])).partition(" Try: ")[2].rpartition('"}')[0]
    assert "X-API-Key: YOUR_KEY" in run(pasted).splitlines()


def test_plain_logs_have_a_command_that_is_easy_to_read(run):
    line = logged(message_of(LOG_FORMAT="plain"))
    command = json.loads(line)["message"].partition(" Try: ")[2]
    assert command.endswith(""" -d '{"prompt": "What is a lighthouse?"}'""")
    assert json.loads(run(command).splitlines()[-1]) == {"prompt": "What is a lighthouse?"}


@pytest.mark.parametrize(("log_format", "shown"), [("json", True), ("plain", False)])
def test_with_json_logs_a_terminal_shows_the_readable_command_too(monkeypatch, run, log_format, shown):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    logged(message_of(LOG_FORMAT=log_format, SERVER_PORT="8000"))
    assert ("Ready on http://localhost:8000" in terminal.getvalue()) is shown
    for command in [line for line in terminal.getvalue().splitlines() if "curl" in line]:
        assert json.loads(run(command).splitlines()[-1]) == {"prompt": "What is a lighthouse?"}


def test_it_is_logged_once():
    message = message_of()
    assert logged(message)
    assert logged(message) == ""
