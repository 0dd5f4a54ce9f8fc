"""The settings of the service."""

from app.config.settings import Config, ConfigError

__all__ = ["Config", "ConfigError"]
