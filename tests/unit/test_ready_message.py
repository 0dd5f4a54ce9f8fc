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

CURL = '#!/bin/sh\nfor word; do echo "$word"; done\n'


@pytest.fixture
def run(tmp_path):
    """Run a command in a shell whose curl prints its arguments."""
    curl = tmp_path / "curl"
    curl.write_text(CURL)
    curl.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    return lambda command: (
        subprocess.run(command, shell=True, env={"PATH": path}, capture_output=True, text=True, check=True).stdout
    )


@pytest.fixture
def show(monkeypatch):
    """Log the message with these settings; return the log line, and the lines that a person sees."""

    def show_one(terminal=True, make=False, message=None, **variables):
        log_line, screen = io.StringIO(), io.StringIO()
        screen.isatty = lambda: terminal
        monkeypatch.setattr(sys, "stderr", screen)
        monkeypatch.setenv("MAKELEVEL", "1") if make else monkeypatch.delenv("MAKELEVEL", raising=False)
        log = logging.Logger("test")
        handler = logging.StreamHandler(log_line)
        config = logging_config("info", plain=False)
        handler.setFormatter(logging.config.DictConfigurator(config).configure_formatter(config["formatters"]["line"]))
        log.addHandler(handler)
        (message or message_of(**variables)).log_once(log)
        return log_line.getvalue(), screen.getvalue()

    return show_one


def message_of(**variables):
    return ReadyMessage(Config.from_env({"OPENAI_BASE_URL": "http://upstream/v1", **variables}))


def command_on(screen):
    [line] = [line for line in screen.splitlines() if "curl" in line]
    return line[line.index("curl") :]


def test_the_line_is_json_and_names_the_address_the_backend_and_the_reference(show):
    line, _ = show(SERVER_PORT="8123")
    message = json.loads(line)["message"]
    assert (
        message == "Ready on http://localhost:8123 with the backend openai. API reference: http://localhost:8123/docs"
    )


@pytest.mark.parametrize(
    ("host", "shown"),
    [("0.0.0.0", "localhost"), ("[::]", "localhost"), ("[::1]", "[::1]"), ("api.example", "api.example")],
)
def test_the_command_works_when_it_is_pasted(show, run, host, shown):
    _, screen = show(SERVER_HOST=host, SERVER_PORT="8123")
    silent, url, *headers, option, body = run(command_on(screen)).splitlines()
    assert (silent, url, option) == ("-s", f"http://{shown}:8123/v1/text/generate", "-d")
    assert headers == ["-H", "Content-Type: application/json"]
    assert json.loads(body) == {"prompt": "What is a lighthouse?"}
    assert "Ctrl-C" in screen


def test_with_client_keys_the_command_has_a_place_for_one(show, run):
    _, screen = show(API_KEYS=made()[1])
    assert "X-API-Key: YOUR_KEY" in run(command_on(screen)).splitlines()


@pytest.mark.parametrize(
    ("terminal", "make", "log_format", "shown"),
    [
        (True, False, "json", True),
        (False, True, "json", True),
        (False, False, "plain", True),
        (False, False, "json", False),
    ],
)
def test_the_command_is_shown_to_people_only(show, terminal, make, log_format, shown):
    _, screen = show(terminal, make, LOG_FORMAT=log_format)
    assert ("curl" in screen) is shown


def test_the_message_is_logged_once(show):
    message = message_of()
    assert all(show(message=message))
    assert show(message=message) == ("", "")
