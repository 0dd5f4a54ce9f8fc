"""The log format."""

import json
import logging
import logging.config
import os
import socket

import pytest
from gunicorn.config import Config as GunicornConfig

from app.observability.logs import ServerLogger, logging_config


@pytest.fixture
def log(capsys):
    """Return a function that logs a line in the given format and returns the output; restore logging afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level

    def log_line(plain, message, *arguments, logger="app.access", **options):
        logging.config.dictConfig(logging_config("info", plain))
        logging.getLogger(logger).info(message, *arguments, **options)
        return capsys.readouterr().out

    yield log_line
    root.handlers[:], level = before
    root.setLevel(level)


def test_a_json_line_has_time_level_message_and_fields(log):
    line = json.loads(log(False, "served %d", 5, extra={"request_id": "abc", "status": 200}))
    assert set(line) == {"time", "level", "logger", "message", "pid", "host", "request_id", "status"}
    assert (line["pid"], line["host"]) == (os.getpid(), socket.gethostname())
    assert (line["level"], line["logger"], line["message"]) == ("INFO", "app.access", "served 5")


def test_a_json_line_escapes_line_breaks(log):
    assert log(False, 'a\n{"level": "ERROR"}').count("\n") == 1


def test_a_plain_line_has_level_and_message(log):
    assert log(True, "served %d", 5).endswith(" INFO    served 5\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a\\nb"),
        ("a\r\n12:00:00 ERROR forged", "a\\r\\n12:00:00 ERROR forged"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b31m", "\\x9b31m"),
        ("\x00\x08\x7f", "\\x00\\x08\\x7f"),
        ("\u2028\u202e", "\\u2028\\u202e"),
        ("\ud800", "\\ud800"),
        ("naïve 日本", "naïve 日本"),
    ],
)
def test_a_plain_line_escapes_terminal_control_characters(log, text, shown):
    assert log(True, "%s", text).endswith(f" INFO    {shown}\n")


def test_lines_of_a_plain_traceback_are_indented(log):
    error = ValueError("a\n12:00:00 ERROR forged\x1b[2J")
    first, *others = log(True, "failed", exc_info=error).splitlines()
    assert first.endswith("failed")
    assert others == ["  ValueError: a", "  12:00:00 ERROR forged\\x1b[2J"]


def test_malformed_upstream_headers_are_not_logged(log):
    log(False, "configures logging")
    assert not logging.getLogger("urllib3.connection").isEnabledFor(logging.WARNING)


def test_an_access_line_has_the_fields_of_its_argument(log):
    line = json.loads(log(False, "served %(status)d", {"status": 200, "model": None}))
    assert line.pop("time")
    assert (line.pop("pid"), line.pop("host")) == (os.getpid(), socket.gethostname())
    assert line == {
        "level": "INFO",
        "logger": "app.access",
        "message": "served 200",
        "status": 200,
        "model": None,
    }


def test_a_line_that_cannot_be_formatted_raises_nothing(log):
    assert log(False, "%d", "no number") == ""
    assert log(False, "after it")


def test_a_dictionary_argument_of_another_logger_adds_no_fields(log):
    try:
        raise ValueError
    except ValueError:
        line = json.loads(log(False, "a %s", {"level": "b", 1: 2}, exc_info=True, logger="others"))
    assert line["level"] == "INFO"
    assert "ValueError" in line["exc_info"]


def test_an_access_line_equals_the_librarys_line_with_the_same_fields(log):
    fields = {"status": 200, "route": "/health", "model": None}
    access = json.loads(log(False, "served %(status)d", fields))
    other = json.loads(log(False, "served %d", 200, extra=fields, logger="app.other"))
    variable = ("time", "logger")
    assert list(access) == list(other)
    assert [access[name] for name in access if name not in variable] == [
        other[name] for name in other if name not in variable
    ]


def test_records_have_no_source_file_or_thread(caplog):
    logging.getLogger("app").warning("a line")
    [record] = caplog.records
    assert (record.pathname, record.thread) == ("(unknown file)", None)


def test_every_handler_has_a_lock_for_logging_shutdown(log):
    log(False, "a line")
    # from Python 3.13 on, logging.shutdown() raises without one
    for handler in logging.getLogger().handlers:
        with handler.lock:
            handler.flush()


def test_gunicorn_builds_no_access_line(log, monkeypatch):
    settings = GunicornConfig()
    settings.set("logconfig_dict", logging_config("info", False))
    logger = ServerLogger(settings)
    monkeypatch.setattr(logger, "atoms", lambda *arguments: pytest.fail("built an access line"))
    logger.access(None, None, {}, None)
