"""The list of models, as OpenAI's API has it."""

from dataclasses import dataclass
from typing import Any

from app.context import RequestContext
from app.errors import ModelNotFound
from app.services.inference import InferenceService
from app.services.models import Models, Target


@dataclass(frozen=True)
class Catalog:
    """What callers can name: what the settings know, and what the primary backend tells of itself."""

    inference: InferenceService

    @property
    def models(self) -> Models:
        """The names that the settings know."""
        return self.inference.runner.models

    def entries(self, context: RequestContext) -> list[dict[str, Any]]:
        """Return the whole list; raise the ServiceError of a backend that has one and does not give it."""
        target = Target(self.models.primary, None)
        told = self.inference.runner.ask(context, target, lambda _: target.backend.list_models())
        names = self.models.names
        new = [entry for entry in told if entry["id"] not in names]
        return [_entry({"id": name}, owner) for name, owner in names.items()] + [
            _entry(entry, target.backend.name) for entry in new
        ]

    def entry(self, context: RequestContext, model: str) -> dict[str, Any]:
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
