"""One log format for the service and for gunicorn: JSON lines, or plain ones for people."""

from typing import Any

_FIELDS = "%(asctime)s %(levelname)s %(name)s %(message)s"


def logging_config(level: str, plain: bool) -> dict[str, Any]:
    """Return the dictionary for logging.config.dictConfig: all lines to standard output."""
    json_formatter = {
        "()": "pythonjsonlogger.orjson.OrjsonFormatter",
        "format": _FIELDS,
        "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
        "datefmt": "%Y-%m-%dT%H:%M:%S%z",
    }
    plain_formatter = {"format": "%(asctime)s %(levelname)-7s %(message)s", "datefmt": "%H:%M:%S"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": plain_formatter if plain else json_formatter},
        "handlers": {"stdout": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stdout"}},
        "root": {"level": level.upper(), "handlers": ["stdout"]},
        # urllib3 logs the paths of upstream calls at debug level
        "loggers": {
            "gunicorn.error": {"propagate": True, "handlers": []},
            "gunicorn.access": {"propagate": False, "handlers": []},
            "urllib3": {"level": "WARNING"},
            # and, as warnings, headers that it cannot parse, in which an upstream may repeat our key
            "urllib3.connection": {"level": "ERROR"},
            # our own line of the request tells which limit it was
            "flask-limiter": {"level": "WARNING"},
        },
    }
