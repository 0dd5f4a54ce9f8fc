"""The list of models, in the form of OpenAI's API."""

from dataclasses import dataclass
from typing import Any

from app.config.model_ref import is_model_ref
from app.context.call_context import CallContext
from app.errors import ModelNotFound
from app.inference.model_router import ModelRouter, Target
from app.inference.service import InferenceService


@dataclass(frozen=True)
class ModelCatalog:
    """The models that clients can name: those of the settings, and those that the primary backend lists."""

    inference: InferenceService

    @property
    def models(self) -> ModelRouter:
        """The router, which knows the names of the settings."""
        return self.inference.executor.models

    def entries(self, context: CallContext) -> list[dict[str, Any]]:
        """Return the complete list. Raises the ServiceError of a backend that fails to return its list."""
        target = Target(self.models.primary, None)
        listed = self.inference.executor.run_target(context, target, lambda _: target.backend.list_models())
        names = self.models.names
        configured = [_entry({"id": name}, backend) for name, backend in names.items()]
        # an upstream may list names that no request can carry
        others = [
            entry for entry in listed if entry["id"] not in names and is_model_ref(entry["id"], target.backend.name)
        ]
        return configured + [_entry(entry, target.backend.name) for entry in others]

    def entry(self, context: CallContext, model: str) -> dict[str, Any]:
        """Return one entry. Raises ModelNotFound if the backend does not know the model."""
        names = self.models.names
        if model in names:
            return _entry({"id": model}, names[model])
        validation = self.inference.validate(context, model)
        if not validation.valid:
            raise ModelNotFound(
                validation.reason or "",
                details={"model": model, "available": self.models.permitted_names(context.allowed_models)},
            )
        return _entry({"id": model}, context.backend or "")


def _entry(fields: dict[str, Any], owner: str) -> dict[str, Any]:
    """Return an entry with all fields that OpenAI requires; `created` is 0 if it is unknown."""
    return {"id": fields["id"], "object": "model", "created": 0, "owned_by": owner, **fields}
