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


@dataclass(frozen=True)
class Target:
    """A backend and the model to request from it (None: its default)."""

    backend: Backend
    model: str | None

    @property
    def name(self) -> str | None:
        """The name of the model: the requested one, or the backend's default; None if the backend has no default."""
        return self.model or next(iter(self.backend.models), None)


class ModelRouter:
    """The configured backends, and the names by which clients reach their models."""

    def __init__(self, config: Config) -> None:
        self._aliases = config.model_aliases
        self._fallbacks = config.fallback_models
        self.backends: Mapping[str, Backend] = {name: backend_class(name)(config) for name in config.backends}
        self.primary = self.backends[config.backend]

    @property
    def known(self) -> list[str]:
        """All names of the settings: aliases, models of the backends, and models behind aliases and fallbacks."""
        models = [model for backend in self.backends.values() for model in backend.models]
        refs = [self._resolve(alias) for alias in self._aliases] + list(self._fallbacks)
        return list(dict.fromkeys([*self._aliases, *models, *(ref.model for ref in refs if ref.model)]))

    @property
    def names(self) -> dict[str, str]:
        """The names that clients can use, and the backend behind each; models of other backends have its prefix."""
        aliases = {alias: self._resolve(alias).backend or self.primary.name for alias in self._aliases}
        primary = dict.fromkeys(self.primary.models, self.primary.name)
        others = [backend for backend in self.backends.values() if backend is not self.primary]
        prefixed = {f"{backend.name}:{model}": backend.name for backend in others for model in backend.models}
        return aliases | primary | prefixed

    def aliases_of(self, name: str | None) -> set[str]:
        """Return all names of the model that `name` selects; a permission for any of them is sufficient."""
        ref = self._resolve(name)
        backend = self.backends.get(ref.backend or self.primary.name)
        model = Target(backend, ref.model).name if backend else None
        names = {name or DEFAULT, f"{ref.backend or self.primary.name}:{model}"}
        return names | ({model} if model and backend is self.primary else set())

    def targets(self, name: str | None) -> list[Target]:
        """Return the targets to try in order: the named model, then the fallbacks, without duplicates.

        Raises ModelNotFound if the backend is not configured.
        """
        first = self._target(self._resolve(name))
        if not self._fallbacks:
            return [first]
        return list(dict.fromkeys([first, *map(self._target, self._fallbacks)]))

    def _resolve(self, name: str | None) -> ModelRef:
        name = self._aliases.get(name, name) if name else DEFAULT
        return ModelRef(None, None) if name in DEFAULT_ALIASES else model_ref(name)

    def _target(self, ref: ModelRef) -> Target:
        if ref.backend is not None and ref.backend not in self.backends:
            raise ModelNotFound(f"The backend {ref.backend} is not configured; use one of the available models.")
        return Target(self.backends[ref.backend] if ref.backend else self.primary, ref.model)
