"""ai-huggingface: text AI behind plain REST."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask

    from app.config import Config

# every module imports this one first, and some do not compile in older versions
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(f"ai-huggingface needs Python 3.11 or newer; this is Python {platform.python_version()}.")


def create_app(config: Config | Mapping[str, str] | None = None) -> Flask:
    """Return an app for settings: a Config, a mapping of variables to values, or by default the environment.

    Raises ConfigError for an invalid setting. Apps share no state, so one process may have several.
    """
    # gunicorn's arbiter imports app.config before its worker patches sockets and ssl, so modules that import those
    # must be imported later
    from app.config import Config
    from app.factory import build

    return build(config if isinstance(config, Config) else Config.from_env(config))
