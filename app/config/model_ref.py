"""The names of models and backends, as clients and operators write them."""

import re
from dataclasses import dataclass

# each backend and the setting that configures it; where several are configured the first is the primary one
BACKEND_SETTINGS = {"huggingface": "HUGGINGFACE_API_KEY", "openai": "OPENAI_BASE_URL", "embedded": None}
BACKEND_NAMES = tuple(sorted(BACKEND_SETTINGS))

# design: one to four segments joined by "/", an optional ":suffix" (a provider or a tag)
_SEGMENT = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_MODEL_ID = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT}){{0,3}}(?::[A-Za-z0-9._-]+)?")
MODEL_ID_MAX_CHARS = 200
_BACKEND = f"(?:{'|'.join(BACKEND_NAMES)}):"
# what model_ref takes, for the document of the interface
MODEL_REF_PATTERN = rf"^(?:{_BACKEND}|(?!{_BACKEND}))(?=.{{1,{MODEL_ID_MAX_CHARS}}}$){_MODEL_ID.pattern}$"


@dataclass(frozen=True)
class ModelRef:
    """A model as a caller or an operator names it: `backend` is None where the name leaves it open."""

    backend: str | None
    model: str | None


def is_model_id(text: str) -> bool:
    """Tell whether `text` is a well-formed model id, which can never alter the path of an upstream URL."""
    return len(text) <= MODEL_ID_MAX_CHARS and _MODEL_ID.fullmatch(text) is not None and ".." not in text.split("/")


def model_ref(text: str) -> ModelRef:
    """Read `model`, `backend:model` or `backend`; raise ValueError where neither part is well formed."""
    name, colon, rest = text.partition(":")
    if name in BACKEND_NAMES and not colon:
        return ModelRef(name, None)
    backend, model = (name, rest) if name in BACKEND_NAMES else (None, text)
    if not is_model_id(model):
        raise ValueError("a model id such as gpt2, org/model or org/model:provider, or one of them after 'backend:'")
    return ModelRef(backend, model)
