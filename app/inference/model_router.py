"""Maps the model names of clients to backends and models."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.backends import backend_class
from app.backends.base import Backend
from app.config import Config
from app.config.model_ref import ModelRef, model_ref
from app.errors import ModelNotFound

DEFAULT = "default"
# names that clients of Hugging Face's libraries and of text-generation-inference send if no model is set
DEFAULT_ALIASES = (DEFAULT, "dummy", "tgi")
# a backend may have a default model for each of these operations; all others have that of chat
OPERATIONS_WITH_DEFAULTS = ("chat", "sentiment", "summarize", "embeddings", "moderations", "rerank")


@dataclass(frozen=True)
class Target:
    """A backend and the model to request from it (None: its default)."""

    backend: Backend
    model: str | None

    def model_for(self, operation: str) -> str | None:
        """Return the model that an operation asks: the named one, or its default; None if the upstream chooses it."""
        return self.model or self.backend.default_model(operation)


class ModelRouter:
    """The configured backends, and the names by which clients reach their models."""

    def __init__(self, config: Config) -> None:
        self._aliases = config.model_aliases
        self._fallbacks = [self._resolve(ref.name) for ref in config.fallback_models]
        self.backends: Mapping[str, Backend] = {name: backend_class(name)(config) for name in config.backends}
        self.primary = self.backends[config.backend]

    @property
    def known(self) -> list[str]:
        """All names of the settings: aliases, models and defaults of the backends, models of aliases and fallbacks."""
        models = [model for backend in self.backends.values() for model in (*backend.models, *_defaults(backend))]
        refs = [self._resolve(alias) for alias in self._aliases] + self._fallbacks
        return list(dict.fromkeys([*self._aliases, *models, *(ref.model for ref in refs if ref.model)]))

    @property
    def names(self) -> dict[str, str]:
        """The names that clients can use, and the backend behind each; models of other backends have its prefix."""
        aliases = {alias: self._resolve(alias).backend or self.primary.name for alias in self._aliases}
        primary = dict.fromkeys(self.primary.models, self.primary.name)
        others = [backend for backend in self.backends.values() if backend is not self.primary]
        prefixed = {f"{backend.name}:{model}": backend.name for backend in others for model in backend.models}
        return aliases | primary | prefixed

    def permits(self, allowed: frozenset[str] | None, name: str | None, operation: str | None = None) -> bool:
        """Return whether names of `allowed` (None: all models) include the model that `name` selects for an operation.

        Any of a model's names will do. `default` and its aliases stand for the default model of each operation.
        Without an operation, one that `name` selects for any operation is sufficient.
        """
        if allowed is None:
            return True
        return self.permits_ref(allowed, self._resolve(name), operation)

    def permits_ref(self, allowed: frozenset[str], ref: ModelRef, operation: str | None = None) -> bool:
        """Return whether names of `allowed` include a model, as in `permits`."""
        permitted = {identity for name in allowed for identity in self._identities(self._resolve(name), None)}
        return not self._identities(ref, operation).isdisjoint(permitted)

    def permitted_names(self, allowed: frozenset[str] | None) -> list[str]:
        """Return the names that clients can use, without those of models outside `allowed` (None: all models)."""
        return [name for name in self.names if self.permits(allowed, name)]

    def targets(self, name: str | None, operation: str = "chat", allowed: frozenset[str] | None = None) -> list[Target]:
        """Return the targets to try in order: the named model, then the permitted fallbacks, without duplicates.

        Raises ModelNotFound if the backend is not configured.
        """
        first = self._target(self._resolve(name))
        if not self._fallbacks:
            return [first]
        permitted = [ref for ref in self._fallbacks if allowed is None or self.permits_ref(allowed, ref, operation)]
        return list(dict.fromkeys([first, *map(self._target, permitted)]))

    def _identities(self, ref: ModelRef, operation: str | None) -> set[ModelRef]:
        """Return backend and model of a reference for an operation (None: for each operation)."""
        backend = self.backends.get(ref.backend) if ref.backend else self.primary
        if backend is None:
            return {ref}
        if ref.model is not None:
            return {ModelRef(backend.name, backend.canonical_model(ref.model))}
        operations = OPERATIONS_WITH_DEFAULTS if operation is None else (operation,)
        return {ModelRef(backend.name, backend.default_model(name)) for name in operations}

    def _resolve(self, name: str | None) -> ModelRef:
        name = self._aliases.get(name, name) if name else DEFAULT
        return ModelRef(None, None) if name in DEFAULT_ALIASES else model_ref(name)

    def _target(self, ref: ModelRef) -> Target:
        if ref.backend is not None and ref.backend not in self.backends:
            raise ModelNotFound(f"The backend {ref.backend} is not configured; use one of the available models.")
        return Target(self.backends[ref.backend] if ref.backend else self.primary, ref.model)


def _defaults(backend: Backend) -> list[str]:
    """Return the default model of each operation that has one."""
    return [model for operation in OPERATIONS_WITH_DEFAULTS if (model := backend.default_model(operation))]
