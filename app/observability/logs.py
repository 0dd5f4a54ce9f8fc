"""One log format for the service and for gunicorn: JSON lines, or plain ones for people."""

import logging
import time
from functools import lru_cache
from typing import Any

from gunicorn.glogging import Logger
from pythonjsonlogger.orjson import OrjsonFormatter

# what no line of ours tells need not be found out for each: see "Optimization" in the documentation of logging
logging._srcfile = None
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False

_FIELDS = "%(asctime)s %(levelname)s %(name)s %(message)s"


class ServerLogger(Logger):
    """gunicorn's log, without its access lines, which it would make and then drop: the app writes one a request."""

    access_log_enabled = False


class JsonFormatter(OrjsonFormatter):
    """JSON lines; those of requests have a dictionary for argument, which is what else they tell."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name != "app.access" or not isinstance(record.args, dict):
            return super().format(record)
        line = {
            "time": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        return self.jsonify_log_record(line | record.args)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        return _second(int(record.created), datefmt or "")


class LineHandler(logging.StreamHandler[Any]):
    """Writes lines without a lock: greenlets change only where one waits, which none does that writes a line."""

    def createLock(self) -> None:  # noqa: N802 - logging's name
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        """Write a record's line; there are no filters here."""
        try:
            self.stream.write(self.format(record) + "\n")
            self.stream.flush()
        except Exception:
            self.handleError(record)
        return True


@lru_cache(1)
def _second(number: int, form: str) -> str:
    return time.strftime(form, time.localtime(number))


class PlainFormatter(logging.Formatter):
    """Lines for people and their terminals: only what is printable goes out as it is.

    The first line of a record is the only one that begins at the margin; those of tracebacks are indented.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        return _printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        return "\n".join("  " + _printable(line) for line in super().formatException(ei).split("\n"))


def _printable(text: str) -> str:
    """Return the text with its line breaks, terminal escapes, changes of direction and the like written as escapes."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def logging_config(level: str, plain: bool) -> dict[str, Any]:
    """Return the dictionary for logging.config.dictConfig: all lines to standard output."""
    json_formatter = {
        "()": "app.observability.logs.JsonFormatter",
        "format": _FIELDS,
        "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
        "datefmt": "%Y-%m-%dT%H:%M:%S%z",
    }
    plain_formatter = {
        "class": "app.observability.logs.PlainFormatter",
        "format": "%(asctime)s %(levelname)-7s %(message)s",
        "datefmt": "%H:%M:%S",
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": plain_formatter if plain else json_formatter},
        "handlers": {
            "stdout": {"class": "app.observability.logs.LineHandler", "formatter": "line", "stream": "ext://sys.stdout"}
        },
        "root": {"level": level.upper(), "handlers": ["stdout"]},
        # urllib3 logs the paths of upstream calls at debug level
        "loggers": {
            "gunicorn.error": {"propagate": True, "handlers": []},
            "gunicorn.access": {"propagate": False, "handlers": []},
            "urllib3": {"level": "WARNING"},
            # and, as warnings, headers that it cannot parse, in which an upstream may repeat our key
            "urllib3.connection": {"level": "ERROR"},
            # it repeats the exporter's settings and callers' headers; our own line tells of spans that are lost
            "opentelemetry": {"level": "CRITICAL"},
            "opentelemetry.sdk": {"level": "WARNING"},
            # our own line of the request tells which limit it was
            "flask-limiter": {"level": "WARNING"},
        },
    }
