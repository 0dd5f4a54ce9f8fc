"""Which names the service answers for."""

from flask import Flask
from werkzeug.sansio.utils import host_is_trusted

from app.current import current
from app.errors import ValidationError
from app.openroutes import ANY_HOST


def init_app(app: Flask, hosts: tuple[str, ...]) -> None:
    """Refuse requests for any other host, if some are given; not those of probes, which come by address."""
    if not hosts:
        return

    @app.before_request
    def require_host() -> None:
        now = current()
        host = now.request.environ.get("HTTP_HOST", "").lower()
        if not now.is_for(ANY_HOST) and not host_is_trusted(host, hosts):
            raise ValidationError(details={"Host": ["This service does not answer for that host."]})
