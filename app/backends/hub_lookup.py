"""Looks models up on the Hugging Face Hub."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from cachetools import TTLCache

from app.backends import huggingface_hub as hub
from app.backends.base import Plan, UpstreamRequest
from app.errors import ServiceError, UpstreamInvalidResponse

# a lookup must leave time for the response itself
LOOKUP_TIMEOUT_SECONDS = 3.0
LOOKUP_TTL_SECONDS = 300.0
MAX_CACHED_LOOKUPS = 1000
# legacy ids redirect to their owner's, and renamed repositories once more
MAX_REDIRECTS = 3


class HubLookup:
    """The calls of a backend to the Hub's API."""

    def __init__(self, backend: str, url: str, headers: Mapping[str, str]) -> None:
        self._backend = backend
        self._url = url
        self._headers = headers
        self._known: TTLCache[str, hub.Model | None] = TTLCache(MAX_CACHED_LOOKUPS, LOOKUP_TTL_SECONDS)

    def find(self, model: str) -> Plan[hub.Model | None]:
        """Return the Hub's information on a model, None if it is unknown; follow redirects on the Hub only."""
        path = f"/api/models/{quote(model)}?{urlencode({'expand[]': hub.EXPANDED}, doseq=True)}"
        for _ in range(MAX_REDIRECTS + 1):
            found = yield self._call(f"{self._url}{path}")
            if not isinstance(found, hub.Redirect):
                return found
            path = found.path
        raise UpstreamInvalidResponse

    def _call(self, url: str) -> UpstreamRequest[hub.Model | hub.Redirect | None]:
        return UpstreamRequest(
            self._backend,
            "hub",
            url,
            hub.parse_model,
            None,
            self._headers,
            LOOKUP_TIMEOUT_SECONDS,
            retryable=False,
            deterministic=True,
        )

    def offers_text_generation(self, model: str) -> Plan[bool]:
        """Return whether hf-inference serves the model's text-generation task, cached; False if the Hub fails."""
        known = yield from self._find_cached(model)
        return known is not None and known.offers("hf-inference", "text-generation")

    def task(self, model: str) -> Plan[str | None]:
        """Return the task of a model, cached; None if it is unknown or the Hub fails."""
        known = yield from self._find_cached(model)
        return known.task if known else None

    def _find_cached(self, model: str) -> Plan[hub.Model | None]:
        if model not in self._known:
            try:
                known = yield from self.find(model)
            except ServiceError:
                known = None
            self._known[model] = known
        return self._known.get(model)
