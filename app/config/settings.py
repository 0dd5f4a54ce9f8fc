"""Every setting with its parser, its default, and the values that follow from several settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from app.calibration import Calibration, read_calibrations
from app.config import parsers
from app.config.client_keys import ApiKeys, parse_api_keys
from app.config.client_limits import DEFAULT_RATE_LIMIT, LIMITS
from app.config.hf_tasks import TASK_OPERATIONS
from app.config.key_file import validate_key_file
from app.config.model_ref import BACKEND_NAMES, BACKEND_SETTINGS, ModelRef, model_ref
from app.config.secret import Secret
from app.pii.kinds import parse_rule_kinds

ROUTER_URL = "https://router.huggingface.co"
RETIRED_HOST = "api-inference.huggingface.co"
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")


def _router_url(value: str) -> str:
    if RETIRED_HOST in value.lower():
        raise ValueError(f"another host than {RETIRED_HOST}, which is retired (410 Gone): use {ROUTER_URL}")
    return parsers.host_url(value)


def setting(parse: Callable[[str], Any], default: Any = None) -> Any:
    """Declare a field that `parse` reads from the variable of the field's name in upper case."""
    return field(default_factory=lambda: default, metadata={"parse": parse})


_UPSTREAM_URL_PARSERS = (_router_url, parsers.host_url, parsers.v1_url)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting. Durations are in seconds, sizes in bytes. docs/settings.md describes each."""

    server_host: str = setting(parsers.host, "localhost")
    server_port: int = setting(parsers.integer(1, 65535), 8080)
    server_read_timeout: float = setting(parsers.positive_duration, 30.0)
    server_write_timeout: float = setting(parsers.positive_duration, 30.0)
    server_idle_timeout: float = setting(parsers.positive_duration, 60.0)
    server_max_connections: int = setting(parsers.integer(1, 100_000), 2000)
    web_concurrency: int = setting(parsers.integer(1, 256), 1)

    ai_backend: str = setting(parsers.choice("auto", *BACKEND_NAMES), "auto")
    model_aliases: Mapping[str, str] = setting(parsers.aliases, MappingProxyType({"gpt2": "default"}))
    fallback_models: tuple[ModelRef, ...] = setting(parsers.model_refs, ())
    sentiment_model: str | None = setting(parsers.model_name)
    summarization_model: str | None = setting(parsers.model_name)
    moderation_model: str | None = setting(parsers.model_name)
    rerank_model: str | None = setting(parsers.model_name)
    calibration_file: tuple[Calibration, ...] = setting(read_calibrations, ())
    translation_model: str | None = setting(parsers.model_name)

    huggingface_api_key: Secret | None = setting(parsers.secret)
    huggingface_base_url: str = setting(_router_url, ROUTER_URL)
    huggingface_hub_url: str = setting(parsers.host_url, "https://huggingface.co")
    huggingface_default_model: str = setting(parsers.path_model_name, "meta-llama/Llama-3.1-8B-Instruct")
    huggingface_task: str | None = setting(parsers.choice(*TASK_OPERATIONS))
    huggingface_timeout: float = setting(parsers.positive_duration, 30.0)
    huggingface_retry_attempts: int = setting(parsers.integer(0, 10), 3)
    huggingface_max_tokens: int = setting(parsers.integer(1, 32_768), 100)
    huggingface_temperature: float = setting(parsers.number(0, 2), 0.7)

    openai_base_url: str | None = setting(parsers.v1_url)
    openai_api_key: Secret | None = setting(parsers.secret)
    openai_default_model: str | None = setting(parsers.model_name)
    openai_responses: str = setting(parsers.choice("auto", "native", "translate"), "auto")

    embedded_model_path: str | None = setting(parsers.path)
    embedded_threads: int = setting(parsers.integer(1, 256), 1)
    embedded_port: int | None = setting(parsers.integer(1, 65535))
    encoder_port: int | None = setting(parsers.integer(1, 65535))
    embedded_request_memory_bytes: int = setting(parsers.integer(64 * 1024**2, 2**40), 512 * 1024**2)
    embedded_start: bool = setting(parsers.boolean, True)

    log_level: str = setting(parsers.choice(*LOG_LEVELS), "info")
    log_format: str | None = setting(parsers.choice("json", "plain"))
    log_structured: bool | None = setting(parsers.boolean)
    otel_exporter_otlp_endpoint: str | None = setting(parsers.collector_url)

    max_body_bytes: int = setting(parsers.size, 16 * 1024**2)
    max_input_chars: int = setting(parsers.integer(1, 10_000_000), 20_000)
    max_texts: int = setting(parsers.integer(1, 10_000), 1000)
    texts_concurrency: int = setting(parsers.integer(1, 1000), 8)
    upstream_max_concurrency: int = setting(parsers.integer(1, 100_000), 256)
    breaker_failures: int = setting(parsers.integer(1, 1000), 5)
    breaker_recovery: float = setting(parsers.positive_duration, 10.0)
    breaker_failure_rate: float = setting(parsers.number(0, 1), 0.5)
    hedge_after: float | None = setting(parsers.positive_duration)
    cache_ttl: float = setting(parsers.duration, 3600.0)
    cache_max_bytes: int = setting(parsers.size, 16 * 1024**2)
    cache_scope: str = setting(parsers.choice("client", "shared"), "client")
    redis_url: Secret | None = setting(parsers.redis_url)
    stream_first_event_timeout: float = setting(parsers.positive_duration, 30.0)
    stream_idle_timeout: float = setting(parsers.positive_duration, 30.0)
    stream_total_timeout: float = setting(parsers.positive_duration, 600.0)
    stream_heartbeat: float = setting(parsers.positive_duration, 10.0)
    drain_delay: float = setting(parsers.duration, 0.0)
    shutdown_grace: float = setting(parsers.positive_duration, 30.0)

    api_keys: ApiKeys | None = setting(parse_api_keys)
    api_keys_file: str | None = setting(validate_key_file)
    require_api_keys: bool = setting(parsers.boolean, False)
    operator_routes_require_key: bool = setting(parsers.boolean, False)
    rate_limit: str | None = setting(LIMITS["rate_limit"], DEFAULT_RATE_LIMIT)
    tokens_per_minute: int | None = setting(LIMITS["tokens_per_minute"])
    tokens_per_day: int | None = setting(LIMITS["tokens_per_day"])
    tokens_per_month: int | None = setting(LIMITS["tokens_per_month"])
    texts_per_minute: int | None = setting(LIMITS["texts_per_minute"])
    concurrent_streams: int | None = setting(LIMITS["concurrent_streams"])
    trusted_proxies: int = setting(parsers.integer(0, 10), 0)
    trusted_hosts: tuple[str, ...] = setting(parsers.hosts, ())
    cors_origins: tuple[str, ...] = setting(parsers.origins, ())
    cors_credentials: bool = setting(parsers.boolean, False)
    redact: frozenset[str] = setting(parse_rule_kinds, frozenset())

    @property
    def has_keys(self) -> bool:
        """Whether clients need a client key."""
        return self.api_keys is not None or self.api_keys_file is not None

    @property
    def limits(self) -> dict[str, Any]:
        """The limits of clients without limits of their own."""
        return {name: getattr(self, name) for name in LIMITS}

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that upstreams receive."""
        return tuple(key.reveal() for key in self._values_of(parsers.secret))

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host names of the upstreams."""
        return tuple(host for url in self._values_of(*_UPSTREAM_URL_PARSERS) if (host := urlsplit(url).hostname))

    def _values_of(self, *parse: Callable[[str], Any]) -> list[Any]:
        values = [getattr(self, item.name) for item in fields(self) if item.metadata["parse"] in parse]
        return [value for value in values if value is not None]

    @property
    def backend(self) -> str:
        """The primary backend: AI_BACKEND, or with `auto` the first configured backend."""
        if self.ai_backend != "auto":
            return self.ai_backend
        return next(name for name in BACKEND_SETTINGS if self.is_configured(name))

    @property
    def backends(self) -> tuple[str, ...]:
        """The configured backends, the primary one first; `embedded` only if a setting names it."""
        configured = [name for name in BACKEND_SETTINGS if self.is_configured(name) and name != "embedded"]
        return tuple(dict.fromkeys([self.backend, *configured, *self.referenced_backends]))

    def is_configured(self, backend: str) -> bool:
        """Return whether the setting that this backend needs is set; the embedded engine needs none."""
        needed = BACKEND_SETTINGS[backend]
        return needed is None or getattr(self, needed.lower()) is not None

    @property
    def referenced_backends(self) -> list[str]:
        """The backends that FALLBACK_MODELS and MODEL_ALIASES name."""
        refs = [*self.fallback_models, *map(model_ref, self.model_aliases.values())]
        return [ref.backend for ref in refs if ref.backend]

    @property
    def plain_logs(self) -> bool:
        """Whether log lines are plain text instead of JSON."""
        return self.log_format == "plain" or self.log_structured is False
