"""The log format."""

import json
import logging
import logging.config

import pytest

from app.observability.logs import logging_config


@pytest.fixture
def logged(capsys):
    """Log a line in the given format, and return what was printed; put logging back afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level

    def log(plain, message, *arguments, logger="app.access", **options):
        logging.config.dictConfig(logging_config("info", plain))
        logging.getLogger(logger).info(message, *arguments, **options)
        return capsys.readouterr().out

    yield log
    root.handlers[:], level = before
    root.setLevel(level)


def test_a_json_line_has_time_level_message_and_fields(logged):
    line = json.loads(logged(False, "served %d", 5, extra={"request_id": "abc", "status": 200}))
    assert set(line) == {"time", "level", "logger", "message", "request_id", "status"}
    assert (line["level"], line["logger"], line["message"]) == ("INFO", "app.access", "served 5")


def test_no_text_can_forge_a_line(logged):
    assert logged(False, 'a\n{"level": "ERROR"}').count("\n") == 1


def test_plain_lines_are_for_people(logged):
    assert logged(True, "served %d", 5).endswith(" INFO    served 5\n")


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
def test_a_plain_line_holds_nothing_that_a_terminal_acts_on(logged, text, shown):
    assert logged(True, "%s", text).endswith(f" INFO    {shown}\n")


def test_no_line_of_a_plain_traceback_can_pass_for_a_record(logged):
    error = ValueError("a\n12:00:00 ERROR forged\x1b[2J")
    first, *others = logged(True, "failed", exc_info=error).splitlines()
    assert first.endswith("failed")
    assert others == ["  ValueError: a", "  12:00:00 ERROR forged\\x1b[2J"]


def test_headers_that_an_upstream_malformed_are_not_logged(logged):
    logged(False, "the settings are in force")
    assert not logging.getLogger("urllib3.connection").isEnabledFor(logging.WARNING)


def test_a_line_whose_argument_is_a_dictionary_tells_what_is_in_it(logged):
    line = json.loads(logged(False, "served %(status)d", {"status": 200, "model": None}))
    assert line.pop("time")
    assert line == {
        "level": "INFO",
        "logger": "app.access",
        "message": "served 200",
        "status": 200,
        "model": None,
    }


def test_a_line_that_cannot_be_written_fails_nobody(logged):
    assert logged(False, "%d", "no number") == ""
    assert logged(False, "after it")


def test_the_dictionary_of_anybody_elses_line_takes_nothing_from_it(logged):
    try:
        raise ValueError
    except ValueError:
        line = json.loads(logged(False, "a %s", {"level": "b", 1: 2}, exc_info=True, logger="others"))
    assert line["level"] == "INFO"
    assert "ValueError" in line["exc_info"]
