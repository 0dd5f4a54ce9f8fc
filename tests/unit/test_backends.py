"""The interface of all backends, their registry, and the redaction of their settings."""

from contextlib import suppress
from dataclasses import fields
from urllib.parse import urlsplit

import pytest

from app.backends import backend_class
from app.backends.base import Backend
from app.backends.types import OpenAIRequest, ResponsesRequest
from app.config import Config
from app.config.model_ref import BACKEND_SETTINGS
from app.config.secret import Secret
from app.errors import NotSupported

OPERATIONS = ("generate", "complete", "sentiment", "summarize", "chat", "completions", "embeddings")
OPERATIONS += ("rerank", "similarity", "predict", "pipeline", "moderations", "classify", "tokenize", "detokenize")
# secrets and URLs that no upstream receives
NOT_SENT_UPSTREAM = ("redis_url", "otel_exporter_otlp_endpoint")
ANY_TEXT = ("embedded_model_path",)


class EmptyBackend(Backend):
    """A backend without operations."""

    name = "empty"
    models = ()

    def default_model(self, operation):
        return None

    def probe(self):
        yield from ()


def values_of(kind, *texts):
    """Parse numbered texts by all settings but those of any text; return the values of this type by setting."""
    values = {}
    for number, setting in enumerate(fields(Config)):
        for text in texts:
            with suppress(ValueError):
                value = setting.metadata["parse"](text.format(number))
                if isinstance(value, kind) and setting.name not in NOT_SENT_UPSTREAM + ANY_TEXT:
                    values[setting.name] = value
    return values


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_that_a_backend_lacks_is_not_supported(operation):
    with pytest.raises(NotSupported):
        getattr(EmptyBackend(Config()), operation)(None, None)


def test_a_backend_without_the_responses_api_answers_as_a_chat():
    request = ResponsesRequest({}, OpenAIRequest({}, ""))
    with pytest.raises(NotSupported):
        EmptyBackend(Config()).responses(request, None)


def test_a_backend_without_a_list_of_models_returns_an_empty_list():
    with pytest.raises(StopIteration) as end:
        next(EmptyBackend(Config()).list_models())
    assert end.value.value == []


def test_validation_is_not_supported_by_default():
    with pytest.raises(NotSupported):
        EmptyBackend(Config()).validate("model")


@pytest.mark.parametrize("name", BACKEND_SETTINGS)
def test_each_registered_backend_has_a_class_of_its_name(name):
    assert backend_class(name).name == name


def test_the_keys_of_all_settings_are_redacted():
    secrets = values_of(Secret, "key-{}")
    assert {"huggingface_api_key", "openai_api_key"} <= set(secrets)
    assert set(Config(**secrets).keys) == {secret.reveal() for secret in secrets.values()}


def test_the_hosts_of_all_upstream_urls_are_redacted():
    urls = values_of(str, "http://host-{}.test", "http://host-{}.test/v1")
    assert {"huggingface_base_url", "huggingface_hub_url", "openai_base_url"} <= set(urls)
    assert set(Config(**urls).hosts) == {urlsplit(url).hostname for url in urls.values()}
