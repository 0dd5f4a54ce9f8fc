"""The list of models, as OpenAI's API has it."""

from dataclasses import dataclass
from typing import Any

from app.context.call_context import CallContext
from app.errors import ModelNotFound
from app.inference.model_router import ModelRouter, Target
from app.inference.service import InferenceService


@dataclass(frozen=True)
class ModelCatalog:
    """What callers can name: what the settings know, and what the primary backend tells of itself."""

    inference: InferenceService

    @property
    def models(self) -> ModelRouter:
        """The names that the settings know."""
        return self.inference.executor.models

    def entries(self, context: CallContext) -> list[dict[str, Any]]:
        """Return the whole list; raise the ServiceError of a backend that has one and does not give it."""
        target = Target(self.models.primary, None)
        told = self.inference.executor.run_target(context, target, lambda _: target.backend.list_models())
        names = self.models.names
        new = [entry for entry in told if entry["id"] not in names]
        return [_entry({"id": name}, owner) for name, owner in names.items()] + [
            _entry(entry, target.backend.name) for entry in new
        ]

    def entry(self, context: CallContext, model: str) -> dict[str, Any]:
        """Return one entry; raise ModelNotFound for a model that its backend does not know."""
        names = self.models.names
        if model in names:
            return _entry({"id": model}, names[model])
        known = self.inference.validate(context, model)
        if not known.valid:
            raise ModelNotFound(known.reason or "", details={"model": model, "available": list(names)})
        return _entry({"id": model}, context.backend or "")


def _entry(told: dict[str, Any], owner: str) -> dict[str, Any]:
    """Return an entry with all that OpenAI's have; 0 stands for a time that nobody knows."""
    return {"id": told["id"], "object": "model", "created": 0, "owned_by": owner, **told}
