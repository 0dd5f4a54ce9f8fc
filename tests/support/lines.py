"""The log lines of requests."""

from types import SimpleNamespace


def request_lines(caplog):
    """Return the fields of each request's log line."""
    return [SimpleNamespace(**record.args) for record in caplog.records if record.name == "app.access"]
