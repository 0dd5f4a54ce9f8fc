"""Reads what the Hub and the router's list say of a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from app.backends.base import UpstreamResponse, Validation
from app.backends.responses.error_mapping import error_from_response
from app.backends.responses.normalize import decoded_json, require_success
from app.errors import ModelNotFound, UpstreamInvalidResponse

# fields that the Hub's model information gives on request only
EXPANDED = ("inferenceProviderMapping", "pipeline_tag", "gated", "private", "disabled", "inference")

# what may stand after a model's colon in place of a provider
POLICIES = ("fastest", "cheapest", "preferred")


@dataclass(frozen=True)
class Redirect:
    """The Hub names another path for the model: legacy ids such as gpt2 moved to their owner's."""

    path: str


@dataclass(frozen=True)
class Model:
    """A model that exists; `live` maps each provider that serves it to the task that it serves.

    `warm` is the Hub's own word that some provider serves the model, given also where it gives no mapping.
    """

    task: str | None
    live: Mapping[str, str] = field(default_factory=dict)
    warm: bool = False
    disabled: bool = False

    @property
    def served(self) -> bool:
        """Whether some provider serves the model now."""
        return self.warm or bool(self.live)

    def offers(self, provider: str, task: str) -> bool:
        """Tell whether the provider serves the task with this model."""
        return self.live.get(provider) == task

    def validation(self, provider: str = "") -> Validation:
        """Tell whether the model can be used, through `provider` where one is named."""
        tasks = tuple(sorted({self.task, *self.live.values()} - {None, ""}, key=str))
        providers = tuple(sorted(self.live))
        reason = None
        if self.disabled:
            reason = "The model is disabled on the Hub."
        elif not self.served:
            reason = "The model exists, but no inference provider serves it now."
        elif providers and provider and provider not in (*providers, *POLICIES):
            reason = "The provider named after the colon does not serve this model now."
        return Validation(reason is None, reason, tuple(filter(None, tasks)), providers)


def model_or_redirect(answer: UpstreamResponse) -> Model | Redirect | None:
    """Read an answer of `GET /api/models/{id}`; None for one that is unknown, private or hidden behind a gate.

    Anonymous calls get 401 for those, calls with a token 404; a 401 to a call with a token means the token is bad.
    """
    if 300 <= answer.status < 400:
        return _redirect(answer.headers.get("location", ""))
    if answer.status >= 400:
        error = error_from_response(answer)
        if isinstance(error, ModelNotFound) or answer.headers.get("x-error-code") in ("RepoNotFound", "GatedRepo"):
            return None
        raise error
    payload = decoded_json(answer)
    if not isinstance(payload, dict) or "id" not in payload:
        raise UpstreamInvalidResponse
    task = payload.get("pipeline_tag")
    return Model(
        task if isinstance(task, str) else None,
        _live(payload.get("inferenceProviderMapping")),
        warm=payload.get("inference") == "warm",
        disabled=payload.get("disabled") is True,
    )


def listed_providers(answer: UpstreamResponse, model: str) -> Mapping[str, str] | None:
    """Read the router's `GET /v1/models`: the live providers of the model, None where it is not listed."""
    require_success(answer)
    payload = decoded_json(answer)
    data = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(data, list):
        raise UpstreamInvalidResponse
    for entry in data:
        if isinstance(entry, dict) and entry.get("id") == model:
            return dict.fromkeys(_live(entry.get("providers")), "conversational")  # it lists chat models only
    return None


def _redirect(location: str) -> Redirect:
    """Take the path of a redirect; where it leads to another host the path is asked of the Hub all the same."""
    url = urlsplit(location)
    if not url.path.startswith("/api/models/"):
        raise UpstreamInvalidResponse
    return Redirect(url.path + (f"?{url.query}" if url.query else ""))


def _live(mapping: Any) -> dict[str, str]:
    """Return provider and task of each live entry; the Hub gives an object, its list routes an array."""
    if isinstance(mapping, dict):
        entries = [{"provider": name, **entry} for name, entry in mapping.items() if isinstance(entry, dict)]
    else:
        entries = [entry for entry in mapping or [] if isinstance(entry, dict)] if isinstance(mapping, list) else []
    return {
        str(entry.get("provider")): str(entry.get("task") or "") for entry in entries if entry.get("status") == "live"
    }
