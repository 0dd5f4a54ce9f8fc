"""The service's own metrics: what is measured of requests, operations, clients, upstreams and the process."""

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from flask import Flask, Response
from prometheus_client import CollectorRegistry

from app.context import RequestContext
from app.current import current
from app.metrics import page
from app.metrics.clients import ClientMetrics
from app.metrics.family import counter
from app.metrics.genai import GenAIMetrics
from app.metrics.http import HttpMetrics
from app.metrics.operations import OperationMetrics
from app.metrics.process import ProcessMetrics
from app.metrics.streams import StreamMetrics
from app.metrics.upstream import UpstreamMetrics
from app.openroutes import UNLIMITED


class Metrics:
    """The metrics of one app, in a registry of its own; `models` are the names that may be labels."""

    process: ProcessMetrics

    def __init__(self, models: Iterable[str]) -> None:
        self._registry = CollectorRegistry()
        self.http = HttpMetrics(self._registry)
        self.operations = OperationMetrics(self._registry, models)
        self.genai = GenAIMetrics(self._registry, self.operations.model)
        self.upstream = UpstreamMetrics(self._registry)
        self.streams = StreamMetrics(self._registry)
        self.clients = ClientMetrics(self._registry)
        self._unanswered = counter(self._registry, "redis_unanswered_total", "Questions that Redis did not answer.")

    def redis_unanswered(self) -> None:
        """Count a question that Redis did not answer, so that a limit stayed open or a cache was not looked up."""
        self._unanswered[()].inc()

    def init_app(self, app: Flask, dependencies: Mapping[str, Callable[[], bool]]) -> None:
        """Measure every request of the app, and serve /metrics; `dependencies` are asked at each scrape."""
        self.process = ProcessMetrics(self._registry, dependencies)
        page.init_app(app, self._registry, self.process.look)
        app.before_request(self.http.begin)
        app.after_request(self._finish)
        app.teardown_request(self._torn_down)
        app.extensions["metrics"] = self

    def _finish(self, response: Response) -> Response:
        now = current()
        took = self.http.answered(now, response.status_code)
        if not now.is_for(UNLIMITED):
            self.clients.request(now.client)
        ended = partial(self._ended, took, now.received, now.context)
        now.streamed = response.is_streamed
        if now.streamed:
            response.call_on_close(ended)
            response.call_on_close(self.http.end)
        else:
            ended()
        return response

    def _ended(self, took: Callable[[float], None], received: float, context: RequestContext | None) -> None:
        """Count a request at the end of its answer, and what it did upstream if it got so far."""
        seconds = time.perf_counter() - received
        took(seconds)
        if context is not None and context.outcome is not None:
            self.operations.ended(context, seconds)
            self.genai.ended(context, seconds)
            self.upstream.ended(context)

    def _torn_down(self, _error: BaseException | None) -> None:
        if not current().streamed:
            self.http.end()
