"""The common part of text operations: one text gives a result, several give a list of results and errors."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import gevent
import orjson
from flask import Blueprint

from app.context.call_context import CallContext
from app.errors import ValidationError
from app.openapi.route_doc import JSON, STREAM, Example, RouteDoc, RouteResponse
from app.operations.endpoint import OperationEndpoint
from app.operations.text_results import LINES, Item, collect, stream_lines
from app.schemas.texts import INPUTS, TextResultSchema, TextsRequestSchema, results_schema
from app.texts.document import Document

# a longer text is read in a thread, while the worker goes on: 50,000 characters of HTML take 25 ms
MAX_INLINE_CHARS = 50_000
_COMMON = (*INPUTS, "stream", "format", "language")

# takes the context, one text and the options of the request; returns the result of the text
TextHandler = Callable[[CallContext, Document, Mapping[str, Any]], dict[str, Any]]
# takes the context and the body of a request; returns options for its texts
Prepare = Callable[[CallContext, Mapping[str, Any]], dict[str, Any]]


def text_responses(result: type[TextResultSchema]) -> tuple[RouteResponse, ...]:
    """Return the responses of an operation; `result` describes the result of one text."""
    description = "The result of `text`, or the results of `texts` or `documents`, as lines with `stream`."
    return (RouteResponse(description, {JSON: {"oneOf": [result, results_schema(result)]}, LINES: STREAM}),)


def register_text(
    endpoint: OperationEndpoint,
    routes: Blueprint,
    rule: str,
    schema: TextsRequestSchema,
    handle: TextHandler,
    doc: RouteDoc,
    prepare: Prepare = lambda _context, _body: {},
) -> None:
    """Serve an operation on texts. `handle` runs for each text; those of one request run at the same time.

    `prepare` runs before, once for a request. Its result is added to the options.
    """
    operation = _TextOperation(endpoint, schema, handle, prepare)
    endpoint.register(routes, rule, schema, operation.respond, _with_lists(doc))


def _with_lists(doc: RouteDoc) -> RouteDoc:
    """Return the documentation with examples of several texts, made of that of one text."""
    one = next(example for example in doc.examples.values() if example.request and "text" in example.request)
    request = {name: value for name, value in (one.request or {}).items() if name != "text"}
    texts = {"texts": [(one.request or {})["text"]], **request}
    entry = {"index": 0, "id": "0", **one.response}
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    several = Example(request=texts, response={"results": [entry], "errors": [], "usage": usage})
    last = {"done": True, "results": 1, "errors": 0, "usage": usage}
    lines = "".join(orjson.dumps(line).decode() + "\n" for line in (entry, last))
    streamed = Example(request={**texts, "stream": True}, response=lines, media_type=LINES)
    return replace(doc, examples={**doc.examples, "several": several, "lines": streamed})


@dataclass(frozen=True)
class _TextOperation:
    endpoint: OperationEndpoint
    schema: TextsRequestSchema
    handle: TextHandler
    prepare: Prepare

    def respond(self, context: CallContext, body: dict[str, Any]) -> Any:
        options = {name: value for name, value in body.items() if name not in _COMMON}
        options |= self.prepare(context, body)
        if "text" in body:
            context.source = body["text"]
            return self.handle(context, _document(body["text"], body["format"], body.get("language")), options)
        items = _items(body)
        run_one = partial(self._run_one, body["format"], options)
        run = partial(self.endpoint.texts.run, context, items=items, run_one=run_one)
        if body["stream"]:
            return stream_lines(
                context, items, run(limit=context.stream_deadline), self.endpoint.config.stream_heartbeat
            )
        with context.connection.cancel_on_disconnect(), closing(run(limit=context.deadline)) as outcomes:
            return collect(context, items, outcomes)

    def _run_one(
        self, text_format: str, options: Mapping[str, Any], context: CallContext, item: Item
    ) -> dict[str, Any]:
        reason = self.schema.text_error(item.text)
        if reason is not None:
            raise ValidationError(details={"text": [reason]})
        context.source = item.text
        return self.handle(context, _document(item.text, text_format, item.language), options)


def _document(text: str, text_format: str, language: str | None) -> Document:
    document = Document(text, text_format, language)
    if len(text) > MAX_INLINE_CHARS:
        gevent.get_hub().threadpool.apply(getattr, (document, "text"))
    return document


def _items(body: Mapping[str, Any]) -> list[Item]:
    language = body.get("language")
    if "texts" in body:
        return [Item(str(index), text, language) for index, text in enumerate(body["texts"])]
    return [
        Item(document.get("id", str(index)), document["text"], document.get("language", language))
        for index, document in enumerate(body["documents"])
    ]
