"""The settings of the service."""

from app.config.environment import Config, ConfigError, config_warnings

__all__ = ["Config", "ConfigError", "config_warnings"]
