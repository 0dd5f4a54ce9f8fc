"""The log format of the service and of gunicorn: JSON lines, or plain text lines."""

import logging
import socket
import time
from functools import lru_cache
from typing import Any

from gunicorn.glogging import Logger
from pythonjsonlogger.orjson import OrjsonFormatter

# no line shows source files or threads: https://docs.python.org/3/howto/logging.html#optimization
logging._srcfile = None
logging.logThreads = logging.logMultiprocessing = False

_FIELDS = "%(asctime)s %(levelname)s %(name)s %(message)s %(process)d"


class ServerLogger(Logger):
    """gunicorn's logger without access lines, because the app writes one line a request (app/web/hooks/access_log)."""

    access_log_enabled = False


class JsonFormatter(OrjsonFormatter):
    """Formats JSON lines. A line of `app.access` has the fields of its argument, a dictionary.

    Building these lines here instead of in the library saves 6 % of a request's instructions (README.md).
    """

    def format(self, record: logging.LogRecord) -> str:
        if record.name != "app.access" or not isinstance(record.args, dict):
            return super().format(record)
        line = {
            "time": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "pid": record.process,
            **self.static_fields,
        }
        return self.jsonify_log_record(line | record.args)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        return _format_second(int(record.created), datefmt or "")


@lru_cache(1)
def _format_second(second: int, datefmt: str) -> str:
    return time.strftime(datefmt, time.localtime(second))


class PlainFormatter(logging.Formatter):
    """Formats plain text lines for terminals, with unprintable characters escaped.

    Lines of a traceback are indented, so that only the first line of a record starts at the margin.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        return _escape_unprintable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        return "\n".join("  " + _escape_unprintable(line) for line in super().formatException(ei).split("\n"))


def _escape_unprintable(text: str) -> str:
    """Escape line breaks, terminal control sequences, bidirectional overrides and other unprintable characters."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def logging_config(level: str, plain: bool) -> dict[str, Any]:
    """Return the dictionary for logging.config.dictConfig: all lines go to standard output."""
    json_formatter = {
        "()": "app.observability.logs.JsonFormatter",
        "format": _FIELDS,
        "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger", "process": "pid"},
        "static_fields": {"host": socket.gethostname()},
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
        "handlers": {"stdout": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stdout"}},
        "root": {"level": level.upper(), "handlers": ["stdout"]},
        "loggers": {
            "gunicorn.error": {"propagate": True, "handlers": []},
            "gunicorn.access": {"propagate": False, "handlers": []},
            # debug lines show the paths of upstream calls
            "urllib3": {"level": "WARNING"},
            # warnings show malformed headers, in which an upstream may repeat our key
            "urllib3.connection": {"level": "ERROR"},
            # errors show the exporter's settings and clients' headers; app.observability.tracing.export logs lost spans
            "opentelemetry": {"level": "CRITICAL"},
            "opentelemetry.sdk": {"level": "WARNING"},
            # the access line already shows the limit
            "flask-limiter": {"level": "WARNING"},
        },
    }
