"""Reads the settings from environment variables and checks them together."""

import logging
import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar, Self

from app.config import checks, parsers
from app.config.client_keys import parse_api_keys
from app.config.setting_names import name_conflicts, name_warnings, set_texts, written_name
from app.config.settings import Settings

logger = logging.getLogger(__name__)

_SECRET_PARSERS = (parsers.secret, parsers.redis_url, parse_api_keys)


class ConfigError(Exception):
    """Settings are wrong. `errors` holds one sentence for each error, the exception's text lists all sentences."""

    def __init__(self, errors: list[str]) -> None:
        self.errors = errors
        super().__init__("\n".join(["The settings are wrong:", *(f"  - {error}" for error in errors)]))


class Config(Settings):
    """The settings of a service. `from_env` makes a checked one."""

    _last_valid: ClassVar[Any] = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the settings from `environ` (default: `os.environ`); raise ConfigError with every error."""
        texts = set_texts(os.environ if environ is None else environ)
        values: dict[str, Any] = {}
        errors: dict[str, str] = {}
        for item in fields(cls):
            name = item.name.upper()
            written = written_name(name, texts)
            if written not in texts:
                continue
            try:
                values[item.name] = item.metadata["parse"](texts[written])
            except ValueError as error:
                errors[name] = f"{written} must be {error}."
        config = cls(**values)
        contradictions = [f"{name} {problem}" for name, problem in checks.contradictions(config, errors.keys())]
        if found := [*errors.values(), *name_conflicts(texts), *contradictions]:
            raise ConfigError(found)
        return config

    @classmethod
    def for_server(cls) -> Self:
        """Read the settings of a server process; raise ConfigError only if this process has read no valid ones before.

        The environment of a running server stays as it is, but the files that it names may go: a new worker then
        starts with the settings that its parent has read.
        """
        try:
            cls._last_valid = cls.from_env()
        except ConfigError as error:
            if cls._last_valid is None:
                raise
            logger.error("The settings of the start stay in use. %s", error)
        return cls._last_valid

    @classmethod
    def variables(cls) -> list[str]:
        """Return the names of all environment variables."""
        return [item.name.upper() for item in fields(cls)]

    @classmethod
    def secret_variables(cls) -> set[str]:
        """Return the names of the variables that hold keys or hashes of keys."""
        return {item.name.upper() for item in fields(cls) if item.metadata["parse"] in _SECRET_PARSERS}


def config_warnings(environ: Mapping[str, str] | None = None) -> list[str]:
    """Return a sentence for each variable with an old name or a misspelt name (default: of `os.environ`)."""
    return name_warnings(set_texts(os.environ if environ is None else environ), Config.variables())
