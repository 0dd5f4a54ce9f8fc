"""`ai-huggingface serve`: gunicorn with the configuration of the package."""

from typing import TYPE_CHECKING, NoReturn

from gunicorn.app.base import Application

from app import create_app
from app.config import Config

if TYPE_CHECKING:
    from flask import Flask

CONFIGURATION = "python:app.server.gunicorn_conf"


class Server(Application):
    """gunicorn without its command line. Unlike gunicorn's own command it imports nothing from the working folder."""

    def load_config(self) -> None:
        self.load_config_from_module_name_or_filename(CONFIGURATION)

    def load(self) -> "Flask":
        return create_app(Config.for_server())


def serve() -> NoReturn:
    """Serve until SIGTERM or SIGINT; gunicorn ends the process with status 0."""
    raise SystemExit(Server().run())
