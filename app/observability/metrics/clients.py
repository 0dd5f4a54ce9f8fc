"""Metrics of clients. The label `client` is the name of a client key, so operators bound the number of series."""

from prometheus_client import CollectorRegistry

from app.observability.metrics.labelled_metric import counter, renamed_counter


class ClientMetrics:
    """Requests and tokens of each client, and requests over a limit."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = counter(registry, "ai_client_requests_total", "Requests to operations, by client.", "client")
        self._tokens = counter(registry, "ai_client_tokens_total", "Tokens used, by client.", "client")
        self._rate_limited = renamed_counter(
            registry,
            "ai_client_rate_limited_total",
            "ai_client_limited_total",
            "Requests rejected because the client is over a limit.",
            "client",
            "limit",
        )

    def record_request(self, client: str) -> None:
        """Count a request to an operation; `client` is the label of the client."""
        self._requests[client,].inc()

    def record_tokens(self, client: str, tokens: int) -> None:
        """Count tokens that a client has used."""
        self._tokens[client,].inc(tokens)

    def record_rate_limited(self, client: str, limit: str) -> None:
        """Count a request over the limit of that name."""
        self._rate_limited[client, limit].inc()
