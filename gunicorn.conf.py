"""gunicorn's configuration in the project folder: that of the package."""

from app.server.gunicorn_conf import *  # noqa: F403
