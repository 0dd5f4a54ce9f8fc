"""The log lines of requests."""

from types import SimpleNamespace


def request_lines(caplog):
    """Return what the line of each request tells, by field."""
    return [SimpleNamespace(**record.args) for record in caplog.records if record.name == "app.access"]
