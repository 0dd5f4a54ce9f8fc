"""Which names the service answers for."""

from flask import Flask, request
from werkzeug.sansio.utils import host_is_trusted

from app.errors import ValidationError
from app.openroutes import ANY_HOST, is_one_of


def init_app(app: Flask, hosts: tuple[str, ...]) -> None:
    """Refuse requests for any other host, if some are given; not those of probes, which come by address."""
    if not hosts:
        return

    @app.before_request
    def require_host() -> None:
        if not is_one_of(ANY_HOST) and not host_is_trusted(request.environ.get("HTTP_HOST", "").lower(), hosts):
            raise ValidationError(details={"Host": ["This service does not answer for that host."]})
