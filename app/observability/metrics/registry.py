"""All metrics of one app."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry

from app.observability.metrics.clients import ClientMetrics
from app.observability.metrics.genai import GenAIMetrics
from app.observability.metrics.http import HttpMetrics
from app.observability.metrics.labelled_metric import renamed_counter
from app.observability.metrics.operations import OperationMetrics
from app.observability.metrics.process import ProcessMetrics
from app.observability.metrics.streams import StreamMetrics
from app.observability.metrics.upstream import UpstreamMetrics


class Metrics:
    """The metrics of one app in a registry of its own. `models` are the model names that may be labels."""

    process: ProcessMetrics

    def __init__(self, models: Iterable[str]) -> None:
        self.registry = CollectorRegistry()
        self.http = HttpMetrics(self.registry)
        self.operations = OperationMetrics(self.registry, models)
        self.genai = GenAIMetrics(self.registry, self.operations.model)
        self.upstream = UpstreamMetrics(self.registry)
        self.streams = StreamMetrics(self.registry)
        self.clients = ClientMetrics(self.registry)
        self._redis_errors = renamed_counter(
            self.registry, "redis_errors_total", "redis_unanswered_total", "Commands to Redis without a valid reply."
        )

    def watch(
        self, dependencies: Mapping[str, Callable[[], bool]], key_file_is_valid: Callable[[], bool] = lambda: True
    ) -> None:
        """Add the gauges of the process. Each scrape calls every check in `dependencies`, and that of the key file."""
        self.process = ProcessMetrics(self.registry, dependencies, key_file_is_valid)

    def redis_error(self) -> None:
        """Count a command without a valid reply: a limit was not checked, or a cache was not read."""
        self._redis_errors[()].inc()
