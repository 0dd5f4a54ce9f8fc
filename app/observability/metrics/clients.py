"""What is measured of clients, by the names of their keys: series are as many as the operator has made keys."""

from prometheus_client import CollectorRegistry

from app.clients.identity import ClientIdentity
from app.observability.metrics.labelled_metric import counter

ANONYMOUS = "anonymous"


class ClientMetrics:
    """Requests and tokens of each client, and what was refused because of its limits."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = counter(registry, "ai_client_requests_total", "Requests by client.", "client")
        self._tokens = counter(registry, "ai_client_tokens_total", "Tokens that clients used.", "client")
        self._limited = counter(registry, "ai_client_limited_total", "Requests refused by a limit.", "client", "limit")

    def record_request(self, client: ClientIdentity) -> None:
        """Count a request of an operation."""
        self._requests[_label(client),].inc()

    def record_tokens(self, client: ClientIdentity, tokens: int) -> None:
        """Count tokens that a client has used."""
        self._tokens[_label(client),].inc(tokens)

    def record_rate_limited(self, client: ClientIdentity, limit: str) -> None:
        """Count a request refused because of the limit of that name."""
        self._limited[_label(client), limit].inc()


def _label(client: ClientIdentity) -> str:
    return client.key.name if client.key else ANONYMOUS
