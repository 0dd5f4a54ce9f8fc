"""The names of models and backends, as clients and operators write them."""

import re
from dataclasses import dataclass

from app.config.similar_names import find_similar

# The registry of backends: each name, and the setting that configures it. The module app.backends.<name> defines the
# class, and the names of its settings start with <NAME>_. The first backend that is configured is the primary one.
BACKEND_SETTINGS = {"huggingface": "HUGGINGFACE_API_KEY", "openai": "OPENAI_BASE_URL", "embedded": None}
BACKEND_NAMES = tuple(sorted(BACKEND_SETTINGS))

MODEL_NAME_MAX_CHARS = 256
_LENGTH = rf"(?=.{{1,{MODEL_NAME_MAX_CHARS}}}$)"
_ANY_BACKEND = f"(?:{'|'.join(BACKEND_NAMES)}):"

# White space other than the space, and control, format and surrogate characters: they are invisible, or harmful in log
# lines and terminals. "%" and "?" would be ambiguous in GET /v1/models/{model}.
_REFUSED = (
    r"\u0000-\u001f\u007f-\u00a0\u00ad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ud800-\udfff\ufeff"
    r"\ufff9-\uffff%?"
)
_URL_OR_PARENT = r"[Hh][Tt][Tt][Pp][Ss]?:|//|\.$|(?:.*[/\\])?\.\.(?:[/\\]|$)"
_SEGMENT = r"[A-Za-z0-9][A-Za-z0-9._-]*"


@dataclass(frozen=True)
class NameForm:
    """The names that a backend accepts: a regular expression, and a description that follows "must be"."""

    pattern: str
    description: str

    @property
    def bounded(self) -> str:
        """The pattern with the maximum length, up to the end of the text."""
        return f"{_LENGTH}(?:{self.pattern})$"


# for names in the body of a call: servers name models by files, tags, versions and deployments, in any language
BODY_NAME = NameForm(
    rf"(?!{_URL_OR_PARENT})[^ {_REFUSED}](?:[^{_REFUSED}]*[^ {_REFUSED}])?",
    f"a model id of at most {MODEL_NAME_MAX_CHARS} printable characters, not a URL, without '%', '?' and '..'",
)
# for names in the path of a URL, which they must not change: one to four segments, and a suffix (a provider or a tag)
PATH_NAME = NameForm(
    rf"{_SEGMENT}(?:/{_SEGMENT}){{0,3}}(?::[A-Za-z0-9._-]+)?",
    "a model id of one to four parts of letters, digits, '.', '_' and '-', joined by '/', with an optional ':suffix' "
    f"and at most {MODEL_NAME_MAX_CHARS} characters",
)
# the form of each backend that differs from BODY_NAME
_PATH_BACKENDS = ("huggingface",)
_COMPILED = {form: re.compile(form.bounded) for form in (BODY_NAME, PATH_NAME)}


@dataclass(frozen=True)
class ModelRef:
    """A reference to a model. `backend` is None if the reference names no backend, `model` if it names no model."""

    backend: str | None
    model: str | None

    @property
    def name(self) -> str:
        """The text that `model_ref` parses into this reference."""
        return ":".join(filter(None, (self.backend, self.model)))


def name_form(backend: str | None) -> NameForm:
    """Return the form of a backend's model names; for None that of names whose backend is not known yet."""
    return PATH_NAME if backend in _PATH_BACKENDS else BODY_NAME


def is_model_name(text: str, backend: str | None = None) -> bool:
    """Return whether `text` has the form of the backend's model names."""
    # "$" matches in front of a final line break too, which no form contains
    match = _COMPILED[name_form(backend)].match(text)
    return match is not None and match.end() == len(text)


def model_ref(text: str, primary: str | None = None) -> ModelRef:
    """Parse `model`, `backend:model` or `backend`; raise ValueError if the model does not have its backend's form.

    `primary` is the backend of a model without a backend.
    """
    name, colon, rest = text.partition(":")
    if name in BACKEND_NAMES and not colon:
        return ModelRef(name, None)
    backend, model = (name, rest) if name in BACKEND_NAMES else (None, text)
    if not is_model_name(model, backend or primary):
        raise ValueError(f"{name_form(backend or primary).description}; it may follow 'backend:'")
    return ModelRef(backend, model)


def is_model_ref(text: str, primary: str) -> bool:
    """Return whether `model_ref` accepts the text."""
    try:
        model_ref(text, primary)
    except ValueError:
        return False
    return True


def model_ref_pattern(primary: str) -> str:
    """Return the regular expression of the texts that `model_ref` accepts, for the OpenAPI document."""
    prefixed = [f"{name}:{name_form(name).bounded}" for name in BACKEND_NAMES]
    return f"^(?:{'|'.join([*prefixed, f'(?!{_ANY_BACKEND}){name_form(primary).bounded}'])})"


def configured_model_ref(text: str) -> ModelRef:
    """Parse a reference of an operator like `model_ref`; raise ValueError if it starts with a misspelt backend."""
    name = text.partition(":")[0]
    if name not in BACKEND_NAMES and (meant := find_similar(name, BACKEND_NAMES)):
        raise ValueError(
            f"models of the backends {', '.join(BACKEND_NAMES)}; one name looks like a misspelt {meant} "
            "(before a model that has such a name, write its backend and a colon)"
        )
    return model_ref(text)
