"""The names of models and backends, as clients and operators write them."""

import re
from dataclasses import dataclass

from app.config.similar_names import find_similar

# The registry of backends: each name, and the setting that configures it. The module app.backends.<name> defines the
# class, and the names of its settings start with <NAME>_. The first backend that is configured is the primary one.
BACKEND_SETTINGS = {"huggingface": "HUGGINGFACE_API_KEY", "openai": "OPENAI_BASE_URL", "embedded": None}
BACKEND_NAMES = tuple(sorted(BACKEND_SETTINGS))

# one to four segments joined by "/", with an optional ":suffix" (a provider or a tag)
_SEGMENT = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_MODEL_ID = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT}){{0,3}}(?::[A-Za-z0-9._-]+)?")
MODEL_ID_MAX_CHARS = 200
_BACKEND = f"(?:{'|'.join(BACKEND_NAMES)}):"
# the texts that `model_ref` accepts, for the OpenAPI document
MODEL_REF_PATTERN = rf"^(?:{_BACKEND}|(?!{_BACKEND}))(?=.{{1,{MODEL_ID_MAX_CHARS}}}$){_MODEL_ID.pattern}$"


@dataclass(frozen=True)
class ModelRef:
    """A reference to a model. `backend` is None if the reference names no backend, `model` if it names no model."""

    backend: str | None
    model: str | None


def is_model_id(text: str) -> bool:
    """Return whether `text` is a well-formed model id, which cannot change the path of an upstream URL."""
    return len(text) <= MODEL_ID_MAX_CHARS and _MODEL_ID.fullmatch(text) is not None and ".." not in text.split("/")


def model_ref(text: str) -> ModelRef:
    """Parse `model`, `backend:model` or `backend`; raise ValueError if a part is malformed."""
    name, colon, rest = text.partition(":")
    if name in BACKEND_NAMES and not colon:
        return ModelRef(name, None)
    backend, model = (name, rest) if name in BACKEND_NAMES else (None, text)
    if not is_model_id(model):
        raise ValueError("a model id such as gpt2, org/model or org/model:provider, or one of them after 'backend:'")
    return ModelRef(backend, model)


def configured_model_ref(text: str) -> ModelRef:
    """Parse a reference of an operator like `model_ref`; raise ValueError if it starts with a misspelt backend."""
    name = text.partition(":")[0]
    if name not in BACKEND_NAMES and (meant := find_similar(name, BACKEND_NAMES)):
        raise ValueError(
            f"models of the backends {', '.join(BACKEND_NAMES)}; one name looks like a misspelt {meant} "
            "(before a model that has such a name, write its backend and a colon)"
        )
    return model_ref(text)
