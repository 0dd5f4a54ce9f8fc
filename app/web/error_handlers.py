"""Turns every exception into the JSON error shape."""

import logging

from flask import Flask, Response, make_response
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException

from app.errors import (
    InternalError,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    RequestTimeout,
    ServiceError,
    UnsupportedMediaType,
    ValidationError,
)
from app.web.error_shapes import shape_of
from app.web.request_state import request_state

logger = logging.getLogger(__name__)

_BY_STATUS: dict[int | None, type[ServiceError]] = {
    error.status: error
    for error in (
        ValidationError,
        NotFound,
        MethodNotAllowed,
        RequestTimeout,
        PayloadTooLarge,
        UnsupportedMediaType,
    )
}


def init_app(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(ServiceError, _response)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(ParseException, _malformed_body)
    app.register_error_handler(Exception, _unhandled_exception)


def _http_exception(error: HTTPException) -> Response:
    response = _response(_BY_STATUS.get(error.code, InternalError)())
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _malformed_body(_error: ParseException) -> Response:
    return _response(ValidationError("The body is not valid HTTP/1.1: its chunks are malformed."))


def _unhandled_exception(error: Exception) -> Response:
    state = request_state()
    extra = {"request_id": state.info.id, **state.info.trace.ids}
    logger.error("unhandled %s", type(error).__name__, exc_info=error, extra=extra)
    return _response(InternalError())


def _response(error: ServiceError) -> Response:
    state = request_state()
    state.error_type = error.type
    if state.call is not None:
        error.details = state.call.with_debug(error.details)
    shape = shape_of(state.request.path)
    return make_response(shape.body(error, state.info.id), shape.status(error), shape.headers(error))
