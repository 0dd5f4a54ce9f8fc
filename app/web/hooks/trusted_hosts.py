"""Refuses requests for other host names than the trusted ones."""

from flask import Flask
from werkzeug.sansio.utils import host_is_trusted

from app.errors import ValidationError
from app.web.request_state import request_state
from app.web.route_groups import HOST_CHECK_EXEMPT


def init_app(app: Flask, hosts: tuple[str, ...]) -> None:
    """Register the hook if there are trusted hosts. It exempts probes, which call by IP address."""
    if not hosts:
        return

    @app.before_request
    def require_host() -> None:
        state = request_state()
        host = state.request.environ.get("HTTP_HOST", "").lower()
        if not state.matches_or_unrouted(HOST_CHECK_EXEMPT) and not host_is_trusted(host, hosts):
            raise ValidationError(details={"Host": ["This service does not serve that host."]})
