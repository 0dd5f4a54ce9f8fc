"""Checks of settings that depend on each other, on files or on installed packages."""

from collections.abc import Iterator, Set
from importlib.util import find_spec

from app.config.model_file import model_file
from app.config.model_ref import BACKEND_SETTINGS, is_model_name, model_ref, name_form
from app.config.settings import Settings

# the name of a setting, and the rest of the sentence about it
Problem = tuple[str, str]

ENGINE_PACKAGE = "xllamacpp"
TRACING_PACKAGE = "opentelemetry.exporter.otlp.proto.http"


def contradictions(settings: Settings, invalid: Set[str]) -> list[Problem]:
    """Return the problems of these settings, except those of the settings in `invalid`, which have no value."""
    problems = [
        *_backends(settings),
        *_model_names(settings),
        *_engine(settings, invalid),
        *_access(settings),
        *_tracing(settings),
        *_logs(settings),
    ]
    return [(name, text) for name, text in problems if name not in invalid]


def _backends(settings: Settings) -> Iterator[Problem]:
    named = {settings.ai_backend, *settings.referenced_backends}
    for backend, needed in BACKEND_SETTINGS.items():
        if needed and backend in named and not settings.is_configured(backend):
            yield needed, f"must be set, because another setting names the backend {backend}."
    if settings.openai_api_key is not None and settings.openai_base_url is None:
        yield "OPENAI_API_KEY", "has no effect without OPENAI_BASE_URL."


def _model_names(settings: Settings) -> Iterator[Problem]:
    """Check names without a backend, which are names of the primary one."""
    fallbacks = [ref.model for ref in settings.fallback_models if not ref.backend]
    aliased = [ref.model for ref in map(model_ref, settings.model_aliases.values()) if not ref.backend]
    names = {
        "SENTIMENT_MODEL": [settings.sentiment_model],
        "SUMMARIZATION_MODEL": [settings.summarization_model],
        "MODERATION_MODEL": [settings.moderation_model],
        "RERANK_MODEL": [settings.rerank_model],
        "TRANSLATION_MODEL": [settings.translation_model],
        "FALLBACK_MODELS": fallbacks,
        "MODEL_ALIASES": aliased,
    }
    for setting, models in names.items():
        if not all(is_model_name(model, settings.backend) for model in models if model):
            yield setting, f"must name models of {settings.backend}: {name_form(settings.backend).description}."


def _engine(settings: Settings, invalid: Set[str]) -> Iterator[Problem]:
    if "embedded" not in settings.backends:
        return
    if settings.embedded_port == settings.server_port:
        yield "EMBEDDED_PORT", "must differ from SERVER_PORT."
    if settings.encoder_port is not None and settings.encoder_port in (settings.server_port, settings.embedded_port):
        yield "ENCODER_PORT", "must differ from SERVER_PORT and EMBEDDED_PORT."
    if not settings.embedded_start:
        if settings.embedded_port is None:
            yield "EMBEDDED_PORT", "must be set with EMBEDDED_START=false."
        return
    has_engine, has_model = _is_installed(ENGINE_PACKAGE), model_file(settings.embedded_model_path) is not None
    is_requested = "embedded" in (settings.ai_backend, *settings.referenced_backends) or settings.embedded_model_path
    if is_requested:
        if not has_model:
            yield (
                "EMBEDDED_MODEL_PATH",
                "must name an existing GGUF file, or the package of the default model must be installed.",
            )
        if not has_engine:
            yield "AI_BACKEND", "or another setting names the embedded engine, which is not installed: see the README."
    elif not (has_engine and has_model) and "OPENAI_BASE_URL" not in invalid:
        yield (
            "HUGGINGFACE_API_KEY",
            "or OPENAI_BASE_URL must be set: no backend is configured, and the embedded engine is not installed.",
        )


def _access(settings: Settings) -> Iterator[Problem]:
    # an operator who requires client keys must not get an open service
    for name in ("require_api_keys", "operator_routes_require_key"):
        if getattr(settings, name) and not settings.has_keys:
            yield "API_KEYS", f"must be set with {name.upper()}."
    # browsers refuse the wildcard with credentials, and every page could then act for its visitor
    if settings.cors_credentials and settings.cors_origins in ((), ("*",)):
        yield "CORS_ORIGINS", "must name origins with CORS_CREDENTIALS, and not be *."


def _tracing(settings: Settings) -> Iterator[Problem]:
    if settings.otel_exporter_otlp_endpoint is not None and not _is_installed(TRACING_PACKAGE):
        yield (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "needs packages that are not installed: pip install -r requirements/tracing.txt.",
        )


def _logs(settings: Settings) -> Iterator[Problem]:
    if (settings.log_structured, settings.log_format) in ((True, "plain"), (False, "json")):
        yield "LOG_STRUCTURED", "contradicts LOG_FORMAT."


def _is_installed(package: str) -> bool:
    """Return whether a package is installed, without importing it."""
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # its parent package is missing
        return False
