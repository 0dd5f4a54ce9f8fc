"""Parses model information of the Hub, and of the router's list of models."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from app.backends.responses.error_mapping import error_from_response
from app.backends.responses.normalize import decode_json, require_success
from app.backends.types import Validation
from app.backends.upstream_response import UpstreamResponse
from app.errors import ModelNotFound, UpstreamInvalidResponse

# fields of the Hub's model information that it returns on request only
EXPANDED = ("inferenceProviderMapping", "pipeline_tag", "gated", "private", "disabled", "inference")

# values that may follow a model's colon in place of a provider
POLICIES = ("fastest", "cheapest", "preferred")


@dataclass(frozen=True)
class Redirect:
    """The Hub's redirect to another path: legacy ids such as gpt2 moved to their owner's."""

    path: str


@dataclass(frozen=True)
class Model:
    """A model that exists; `live` maps each provider that serves it to the task that it serves.

    `warm` is the Hub's statement that some provider serves the model; the Hub may send it without a mapping.
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
        """Return whether the provider serves the task with this model."""
        return self.live.get(provider) == task

    def validation(self, provider: str = "") -> Validation:
        """Return whether the model can be used, through `provider` if one is named."""
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


def parse_model(response: UpstreamResponse) -> Model | Redirect | None:
    """Parse a response of `GET /api/models/{id}`; None for a model that is unknown, private or gated.

    For those the Hub sends 401 to anonymous calls and 404 to calls with a token. A 401 to a call with a token means
    that the token is invalid.
    """
    if 300 <= response.status < 400:
        return _redirect(response.headers.get("location", ""))
    if response.status >= 400:
        error = error_from_response(response)
        if isinstance(error, ModelNotFound) or response.headers.get("x-error-code") in ("RepoNotFound", "GatedRepo"):
            return None
        raise error
    payload = decode_json(response)
    if not isinstance(payload, dict) or "id" not in payload:
        raise UpstreamInvalidResponse
    task = payload.get("pipeline_tag")
    return Model(
        task if isinstance(task, str) else None,
        _live_providers(payload.get("inferenceProviderMapping")),
        warm=payload.get("inference") == "warm",
        disabled=payload.get("disabled") is True,
    )


def parse_router_list(response: UpstreamResponse, model: str) -> Mapping[str, str] | None:
    """Parse the router's `GET /v1/models`: the live providers of the model, None if it is not listed."""
    require_success(response)
    payload = decode_json(response)
    data = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(data, list):
        raise UpstreamInvalidResponse
    for entry in data:
        if isinstance(entry, dict) and entry.get("id") == model:
            return dict.fromkeys(_live_providers(entry.get("providers")), "conversational")  # it lists chat models only
    return None


def _redirect(location: str) -> Redirect:
    """Return the path of a redirect; its host is ignored, so that the token goes to the Hub only."""
    url = urlsplit(location)
    if not url.path.startswith("/api/models/"):
        raise UpstreamInvalidResponse
    return Redirect(url.path + (f"?{url.query}" if url.query else ""))


def _live_providers(mapping: Any) -> dict[str, str]:
    """Return provider and task of each live entry; the Hub sends an object, its list routes send an array."""
    if isinstance(mapping, dict):
        entries = [{"provider": name, **entry} for name, entry in mapping.items() if isinstance(entry, dict)]
    else:
        entries = [entry for entry in mapping or [] if isinstance(entry, dict)] if isinstance(mapping, list) else []
    return {
        str(entry.get("provider")): str(entry.get("task") or "") for entry in entries if entry.get("status") == "live"
    }
