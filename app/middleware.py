"""What happens around every request: its id, its address, the security headers, its log line."""

import logging
import time
from functools import partial
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app.clients import client_of_address
from app.context import STORE_SECONDS, Allowance, RequestContext
from app.current import Current, current
from app.headers import HSTS, SECURITY_HEADERS, VIEWS_OWN
from app.metrics.http import method_label, route_label
from app.openroutes import UNLIMITED
from app.requestid import accepted_or_new
from app.response import Response
from app.tracing.base import NO_TRACE, Trace, Tracing

logger = logging.getLogger("app.access")


def init_app(app: Flask, proxies: int, tracing: Tracing) -> None:
    """Register the hooks; before any other, since all that follows may log or answer with the request id.

    The address and the scheme of a request are those that the last of so many proxies tells.
    """
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=0)  # type: ignore[method-assign]  # as Werkzeug has it
    app.before_request(partial(_identify, tracing))
    app.after_request(_finish)


def _identify(tracing: Tracing) -> None:
    now = current()
    asked = now.request
    now.rule = asked.url_rule.rule if asked.url_rule else None
    now.trace = NO_TRACE if now.is_for(UNLIMITED) else tracing.begin(asked)
    now.request_id = accepted_or_new(asked.environ.get("HTTP_X_REQUEST_ID"))
    now.received = time.perf_counter()
    now.client = client_of_address(asked.remote_addr)
    now.store_allowance = Allowance(STORE_SECONDS)


def _finish(response: Response) -> Response:
    now, own = current(), {name for name, _ in response.headers}
    response.told += tuple([one for one in VIEWS_OWN if one[0] not in own])
    response.told += (("X-Request-ID", now.request_id), *SECURITY_HEADERS, *_told(now))
    if now.request.scheme == "https":
        response.told += (HSTS,)
    end = partial(_end, _fields(now, response), now.context, now.received, now.trace)
    if response.is_streamed:  # there is more to tell when it has ended, and no request any more to ask
        response.call_on_close(end)
    else:
        end()
    return response


def _end(fields: dict[str, Any], context: RequestContext | None, received: float, trace: Trace) -> None:
    fields["duration_ms"] = round((time.perf_counter() - received) * 1000, 2)
    if context is not None:
        fields |= _told_by(context)
    logger.info("%(method)s %(route)s %(status)d in %(duration_ms).1f ms", fields)
    trace.end(fields["status"], fields.get("error"))


def _told(now: Current) -> list[tuple[str, str]]:
    """Return the headers that tell what happened to an operation; times in milliseconds, as Server-Timing has them."""
    if (context := now.context) is None:
        return []
    times = {
        "queue": context.queue_seconds,
        "upstream": context.upstream_seconds,
        "total": time.perf_counter() - now.received,
    }
    answered = (("X-AI-Backend", context.backend), ("X-AI-Model", context.model))
    return [
        # a backend may call its model what no header can hold
        *((name, value) for name, value in answered if value and value.isascii() and value.isprintable()),
        ("X-AI-Attempts", str(context.attempts)),
        ("X-AI-Cache", context.cache or "bypass"),
        ("X-AI-Fallback", "true" if context.fallback else "false"),
        ("Server-Timing", ", ".join([f"{name};dur={seconds * 1000:.1f}" for name, seconds in times.items()])),
    ]


def _fields(now: Current, response: Response) -> dict[str, Any]:
    """Return what the line tells: never a path, a query or a text, which are the caller's own."""
    fields = {
        "request_id": now.request_id,
        "method": method_label(now),
        "route": route_label(now),
        "status": response.status_code,
        "client": now.client.name,
        **now.trace.ids,
    }
    if now.error_type is not None:
        fields["error"] = now.error_type
    return fields


def _told_by(context: RequestContext) -> dict[str, Any]:
    """Return what the line tells of an operation, and of its stream if it is one."""
    fields: dict[str, Any] = {
        "operation": context.operation,
        "model": context.model,
        "backend": context.backend,
        "prompt_tokens": context.prompt_tokens,
        "completion_tokens": context.completion_tokens,
        "attempts": context.attempts,
        "cache": context.cache,
        "fallback": context.fallback,
    }
    if (facts := context.stream) is not None:
        fields |= {
            "outcome": facts.outcome,
            "first_event_ms": round(facts.first_event * 1000, 2),
            "events": facts.events,
            "tokens_per_second": round(context.tokens_per_second, 2),
            **({"error": facts.error} if facts.error else {}),
        }
    return fields
