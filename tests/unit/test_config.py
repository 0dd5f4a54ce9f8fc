"""The settings: defaults, parsing, and every fault named at once."""

from dataclasses import is_dataclass
from importlib.util import find_spec

import pytest

from app.config import Config, ConfigError
from app.config.model_ref import ModelRef
from app.config.secret import Secret


def faults(**variables):
    with pytest.raises(ConfigError) as raised:
        Config.from_env(variables)
    return raised.value.faults


def test_the_defaults_are_those_of_the_documents():
    config = Config.from_env({})
    assert (config.server_host, config.server_port, config.backend) == ("localhost", 8080, "embedded")
    assert (config.server_read_timeout, config.server_write_timeout, config.server_idle_timeout) == (30, 30, 60)
    assert (config.huggingface_timeout, config.huggingface_retry_attempts) == (30, 3)
    assert (config.huggingface_max_tokens, config.huggingface_temperature) == (100, 0.7)
    assert (config.max_body_bytes, config.max_input_chars) == (1_048_576, 20_000)
    assert dict(config.model_aliases) == {"gpt2": "default"}


def test_an_empty_variable_is_an_unset_one():
    assert Config.from_env({"SERVER_PORT": " ", "HUGGINGFACE_API_KEY": ""}) == Config()


def test_the_environment_is_read_where_nothing_is_given(monkeypatch):
    monkeypatch.setenv("SERVER_PORT", "9000")
    assert Config.from_env().server_port == 9000


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("500ms", 0.5), ("1m", 60), ("2h", 7200), ("7", 7), ("0.5", 0.5), ("1.5s", 1.5)]
)
def test_durations_take_units(text, seconds):
    assert Config.from_env({"HUGGINGFACE_TIMEOUT": text}).huggingface_timeout == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("1000", 1000), ("10B", 10), ("2KiB", 2048), ("1 MiB", 1_048_576), ("1GiB", 2**30)]
)
def test_sizes_take_units(text, size):
    assert Config.from_env({"MAX_BODY_BYTES": text}).max_body_bytes == size


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("SERVER_PORT", "http", "a whole number from 1 to 65535"),
        ("SERVER_PORT", "0", "a whole number"),
        ("SERVER_PORT", "65536", "a whole number"),
        ("SERVER_PORT", "-1", "a whole number"),
        ("SERVER_PORT", "٣", "a whole number"),
        ("SERVER_HOST", "a b", "a host name"),
        ("SERVER_READ_TIMEOUT", "soon", "a duration"),
        ("SERVER_READ_TIMEOUT", "0s", "longer than zero"),
        ("HUGGINGFACE_TIMEOUT", "-5s", "a duration"),
        ("SERVER_WRITE_TIMEOUT", "25h", "at most 24h"),
        ("SHUTDOWN_GRACE", "9" * 400, "at most 24h"),
        ("MAX_BODY_BYTES", "9" * 5000, "a size"),
        ("HUGGINGFACE_TEMPERATURE", "2.1", "a number from 0 to 2"),
        ("HUGGINGFACE_TEMPERATURE", "nan", "a number from 0 to 2"),
        ("HUGGINGFACE_BASE_URL", "router.huggingface.co", "an http or https URL"),
        ("HUGGINGFACE_BASE_URL", "https://router.huggingface.co/v1", "without path"),
        ("HUGGINGFACE_BASE_URL", "https://user@router.huggingface.co", "an http or https URL"),
        ("HUGGINGFACE_BASE_URL", "https://:password@router.huggingface.co", "an http or https URL"),
        ("HUGGINGFACE_BASE_URL", "https://host:99999", "an http or https URL"),
        ("HUGGINGFACE_BASE_URL", "https://host:0", "an http or https URL"),
        ("HUGGINGFACE_BASE_URL", "ftp://host", "an http or https URL"),
        ("HUGGINGFACE_BASE_URL", "https://api-inference.huggingface.co/models", "https://router.huggingface.co"),
        ("OPENAI_BASE_URL", "http://localhost:11434", "ends in /v1"),
        ("OPENAI_BASE_URL", "http://ho st/v1", "ends in /v1"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "such as http://localhost:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:password@collector", "an http or https URL"),
        ("HUGGINGFACE_API_KEY", "two words", "printable ASCII"),
        ("AI_BACKEND", "bedrock", "one of auto, embedded, huggingface, openai"),
        ("LOG_LEVEL", "loud", "one of debug"),
        ("LOG_STRUCTURED", "maybe", "true or false"),
        ("MAX_BODY_BYTES", "-1", "a size"),
        ("MAX_BODY_BYTES", "0", "a size"),
        ("MODEL_ALIASES", "gpt2", "name=model pairs"),
        ("MODEL_ALIASES", "../x=default", "name=model pairs"),
        ("MODEL_ALIASES", "gpt2=../x", "a model id"),
        ("FALLBACK_MODELS", "a b", "a model id"),
        ("SENTIMENT_MODEL", "https://x", "a model id"),
        ("RATE_LIMIT", "lots", "60/minute"),
        ("RATE_LIMIT", "0/minute", "60/minute"),
        ("REDIS_URL", "localhost:6379", "redis://"),
        ("CORS_ORIGINS", "app.example.com", "origins"),
        ("CORS_ORIGINS", "*,https://a.b", "origins"),
        ("BREAKER_FAILURE_RATE", "1.5", "a number from 0 to 1"),
        ("CACHE_TTL", "-1s", "a duration"),
        ("UPSTREAM_MAX_CONCURRENCY", "0", "a whole number"),
        ("EMBEDDED_MODEL_PATH", "/no/such/file.gguf", "a GGUF file that exists"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_valid(name, value, hint):
    [fault] = faults(**{name: value})
    assert fault.startswith(name)
    assert hint in fault


def test_every_fault_is_named_at_once():
    found = faults(
        HUGGINGFACE_BASE_URL="https://api-inference.huggingface.co",
        SERVER_PORT="http",
        HUGGINGFACE_TIMEOUT="fast",
        LOG_LEVEL="loud",
        AI_BACKEND="openai",
        LOG_FORMAT="json",
        LOG_STRUCTURED="false",
    )
    named = {fault.split()[0] for fault in found}
    expected = "HUGGINGFACE_BASE_URL SERVER_PORT HUGGINGFACE_TIMEOUT LOG_LEVEL OPENAI_BASE_URL LOG_STRUCTURED"
    assert named == set(expected.split())
    assert "https://router.huggingface.co" in str(ConfigError(found))


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"AI_BACKEND": "huggingface"}, "HUGGINGFACE_API_KEY"),
        ({"FALLBACK_MODELS": "huggingface:org/x"}, "HUGGINGFACE_API_KEY"),
        ({"AI_BACKEND": "openai"}, "OPENAI_BASE_URL"),
        ({"FALLBACK_MODELS": "openai"}, "OPENAI_BASE_URL"),
        ({"MODEL_ALIASES": "fast=openai:org/x"}, "OPENAI_BASE_URL"),
        ({"OPENAI_API_KEY": "x"}, "OPENAI_API_KEY"),
        ({"EMBEDDED_PORT": "8080"}, "EMBEDDED_PORT"),
        ({"EMBEDDED_PORT": "8080", "EMBEDDED_START": "false"}, "EMBEDDED_PORT"),
        ({"EMBEDDED_START": "false"}, "EMBEDDED_PORT"),
        ({"API_KEYS": "app:abc"}, "API_KEYS"),
        ({"API_KEYS": "app:" + "a" * 64 + ",app:" + "b" * 64}, "API_KEYS"),
        ({"API_KEYS": "one:" + "a" * 64 + ",two:" + "a" * 64}, "API_KEYS"),
        ({"REQUIRE_API_KEYS": "true"}, "API_KEYS"),
        ({"METRICS_REQUIRE_KEY": "true"}, "API_KEYS"),
        ({"TRUSTED_HOSTS": "http://api.example.com"}, "TRUSTED_HOSTS"),
        ({"TRUSTED_PROXIES": "-1"}, "TRUSTED_PROXIES"),
        ({"TOKENS_PER_DAY": "many"}, "TOKENS_PER_DAY"),
        ({"LOG_FORMAT": "plain", "LOG_STRUCTURED": "true"}, "LOG_STRUCTURED"),
    ],
)
def test_settings_that_cannot_hold_together_are_named(variables, name):
    assert [fault.split()[0] for fault in faults(**variables)] == [name]


def test_an_engine_that_is_not_installed_is_named_unless_something_else_runs_it(monkeypatch):
    monkeypatch.setattr("app.config.settings.find_spec", lambda name: None)
    assert "not installed" in faults()[0]
    elsewhere = {"EMBEDDED_START": "false", "EMBEDDED_PORT": "9", "EMBEDDED_MODEL_PATH": "not/here.gguf"}
    assert Config.from_env(elsewhere).backend == "embedded"
    assert Config.from_env({"HUGGINGFACE_API_KEY": "hf_x"}).backend == "huggingface"


@pytest.mark.parametrize(
    ("variables", "backends"),
    [
        ({}, ("embedded",)),
        ({"HUGGINGFACE_API_KEY": "x"}, ("huggingface",)),
        ({"OPENAI_BASE_URL": "http://x/v1"}, ("openai",)),
        ({"HUGGINGFACE_API_KEY": "x", "OPENAI_BASE_URL": "http://x/v1/"}, ("huggingface", "openai")),
        (
            {"HUGGINGFACE_API_KEY": "x", "OPENAI_BASE_URL": "http://x/v1", "AI_BACKEND": "openai"},
            ("openai", "huggingface"),
        ),
        ({"HUGGINGFACE_API_KEY": "x", "AI_BACKEND": "embedded"}, ("embedded", "huggingface")),
        ({"HUGGINGFACE_API_KEY": "x", "FALLBACK_MODELS": "a/b,embedded"}, ("huggingface", "embedded")),
        ({"HUGGINGFACE_API_KEY": "x", "MODEL_ALIASES": "tiny=embedded"}, ("huggingface", "embedded")),
    ],
)
def test_the_primary_backend_comes_first_and_the_engine_only_where_it_is_asked_for(variables, backends):
    config = Config.from_env(variables)
    assert (config.backend, config.backends) == (backends[0], backends)


def test_fallbacks_name_backends_and_models():
    config = Config.from_env(
        {"HUGGINGFACE_API_KEY": "x", "FALLBACK_MODELS": "huggingface:a/b:groq, c/d:fastest ,embedded"}
    )
    assert config.fallback_models == (
        ModelRef("huggingface", "a/b:groq"),
        ModelRef(None, "c/d:fastest"),
        ModelRef("embedded", None),
    )


@pytest.mark.parametrize(
    ("variables", "plain"),
    [
        ({}, False),
        ({"LOG_FORMAT": "plain"}, True),
        ({"LOG_FORMAT": "json"}, False),
        ({"LOG_STRUCTURED": "false"}, True),
        ({"LOG_STRUCTURED": "TRUE"}, False),
        ({"LOG_FORMAT": "plain", "LOG_STRUCTURED": "0"}, True),
    ],
)
def test_either_log_setting_makes_plain_logs(variables, plain):
    assert Config.from_env(variables).plain_logs is plain


def test_a_secret_is_never_printed():
    config = Config.from_env({"HUGGINGFACE_API_KEY": "hf_topsecret"})
    assert "topsecret" not in f"{config!r} {config} {config.huggingface_api_key} {config.huggingface_api_key!s:>9}"
    assert config.huggingface_api_key == Secret("hf_topsecret")
    assert config.huggingface_api_key.reveal() == "hf_topsecret"
    assert "hf_topsecret" not in str(ConfigError(faults(HUGGINGFACE_API_KEY="hf_topsecret wrong")))


def test_a_secret_shows_nothing_to_what_takes_objects_apart():
    config = Config.from_env({"API_KEYS": f"team:{'ab' * 32}"})
    [client] = config.api_keys.clients
    assert not is_dataclass(Secret("x"))
    assert not hasattr(Secret("x"), "__dict__")
    assert "abab" not in f"{vars(client)} {vars(config.api_keys)}"
    assert {Secret("x"), Secret("x"), Secret("y")} == {Secret("y"), Secret("x")}
    assert Secret("x") != "x"


def test_secret_variables_are_known_by_their_type():
    assert Config.secret_variables() == {"HUGGINGFACE_API_KEY", "OPENAI_API_KEY", "API_KEYS", "REDIS_URL"}


def test_settings_that_nothing_acts_on_yet_are_read():
    config = Config.from_env(
        {"CORS_ORIGINS": "https://a.b, http://c:80", "REDIS_URL": "redis://:pw@h/0", "CACHE_TTL": "0"}
    )
    assert config.cors_origins == ("https://a.b", "http://c:80")
    assert "pw" not in repr(config)
    assert Config.from_env({"CORS_ORIGINS": "*", "RATE_LIMIT": "5/second"}).cors_origins == ("*",)


def test_a_collector_may_have_a_path():
    config = Config.from_env({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://gateway.example.com/otlp/"})
    assert config.otel_exporter_otlp_endpoint == "https://gateway.example.com/otlp"


@pytest.mark.parametrize("missing", ["opentelemetry", "opentelemetry.exporter.otlp.proto.http"])
def test_a_collector_needs_packages_that_say_where_they_are(monkeypatch, missing):
    def finding(name, package=None):
        if name == missing:
            return None
        if name.startswith(missing):
            raise ModuleNotFoundError(name)
        return find_spec(name, package)

    monkeypatch.setattr("app.observability.tracing.setup.find_spec", finding)
    [fault] = faults(OTEL_EXPORTER_OTLP_ENDPOINT="http://localhost:4318")
    assert fault.startswith("OTEL_EXPORTER_OTLP_ENDPOINT")
    assert "requirements/tracing.txt" in fault
    assert Config.from_env({}) == Config()
