"""The settings of the service."""

from app.config.settings import Config, ConfigError, config_warnings

__all__ = ["Config", "ConfigError", "config_warnings"]
