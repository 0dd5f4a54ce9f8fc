"""Which backend and model a request goes to."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.backends import backend_class
from app.backends.base import Backend
from app.config import Config
from app.config.model_ref import ModelRef, model_ref
from app.errors import ModelNotFound

DEFAULT = "default"
# what clients of Hugging Face's and of text-generation-inference send where they are given no model
DEFAULT_ALIASES = (DEFAULT, "dummy", "tgi")


@dataclass(frozen=True)
class Target:
    """One step of the way to an answer: a backend, and the model to ask it for (None: its default)."""

    backend: Backend
    model: str | None

    @property
    def name(self) -> str | None:
        """The model by name: the one to ask for, or the backend's default; None where the backend names none."""
        return self.model or next(iter(self.backend.models), None)


class ModelRouter:
    """The backends that are configured, and the names by which callers reach their models."""

    def __init__(self, config: Config) -> None:
        self._aliases = config.model_aliases
        self._fallbacks = config.fallback_models
        self.backends: Mapping[str, Backend] = {name: backend_class(name)(config) for name in config.backends}
        self.primary = self.backends[config.backend]

    @property
    def known(self) -> list[str]:
        """Every name that the settings know, and that a caller can be told to use."""
        models = [model for backend in self.backends.values() for model in backend.models]
        refs = [self._reference(alias) for alias in self._aliases] + list(self._fallbacks)
        return list(dict.fromkeys([*self._aliases, *models, *(ref.model for ref in refs if ref.model)]))

    @property
    def names(self) -> dict[str, str]:
        """The names by which callers reach what the settings know, and the backend behind each."""
        references = {alias: self._reference(alias).backend or self.primary.name for alias in self._aliases}
        own = dict.fromkeys(self.primary.models, self.primary.name)
        others = [backend for backend in self.backends.values() if backend is not self.primary]
        return references | own | {f"{one.name}:{model}": one.name for one in others for model in one.models}

    def aliases_of(self, name: str | None) -> set[str]:
        """Return every name of the model that a caller means, of which a permission may have any."""
        ref = self._reference(name)
        backend = self.backends.get(ref.backend or self.primary.name)
        model = Target(backend, ref.model).name if backend else None
        names = {name or DEFAULT, f"{ref.backend or self.primary.name}:{model}"}
        return names | ({model} if model and backend is self.primary else set())

    def targets(self, name: str | None) -> list[Target]:
        """Return the way to an answer: what the caller named, then the fallbacks in order, each step once.

        Raises ModelNotFound for a backend that is not configured.
        """
        first = self._target(self._reference(name))
        if not self._fallbacks:
            return [first]
        return list(dict.fromkeys([first, *map(self._target, self._fallbacks)]))

    def _reference(self, name: str | None) -> ModelRef:
        name = self._aliases.get(name, name) if name else DEFAULT
        return ModelRef(None, None) if name in DEFAULT_ALIASES else model_ref(name)

    def _target(self, ref: ModelRef) -> Target:
        if ref.backend is not None and ref.backend not in self.backends:
            raise ModelNotFound(f"The backend {ref.backend} is not configured here; use a model that is named.")
        return Target(self.backends[ref.backend] if ref.backend else self.primary, ref.model)
