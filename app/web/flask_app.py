"""Flask without host matching, blueprint hooks and teardown signals. README.md in this folder lists every override."""

from functools import cached_property
from typing import Any

import flask
from flask.ctx import AppContext
from flask.typing import ResponseReturnValue
from flask.wrappers import Request
from werkzeug.routing import MapAdapter, PathConverter, Rule

from app.web.json_provider import OrjsonProvider
from app.web.response import Response

_RETURN_RULE = {"return_rule": True}


class _UrlAdapter(MapAdapter):
    """Looks up a fixed path in a dictionary; every other path goes through Werkzeug's state machine."""

    def __init__(self, app: "App", request: Request) -> None:
        super().__init__(app.url_map, "", request.root_path, "", request.scheme, request.path, request.method)
        self._fixed_routes = app.fixed_routes

    def match(self, *args: Any, **options: Any) -> Any:
        """Return the rule and the arguments of the request's path."""
        if options == _RETURN_RULE and (rule := self._fixed_routes.get((self.default_method, self.path_info))):
            return rule, {}
        return super().match(*args, **options)


class _ModelConverter(PathConverter):
    """Matches paths that start with a slash too, such as the name `/models/llama.gguf`."""

    part_isolating = False
    regex = ".+?"


class App(flask.Flask):
    """The app. It runs hooks of the app only, never of a blueprint; hooks must be plain functions.

    Flask 3.2 passes its context to the methods with `*ctx`, in front of the arguments of Flask 3.1. It recognizes that
    these methods expect the context by the annotation of their first parameter.
    """

    response_class = Response

    def __init__(self) -> None:
        super().__init__("app", static_folder=None)
        self.json = OrjsonProvider(self)
        # with it Werkzeug redirects a path with a double slash, with an HTML body
        self.url_map.merge_slashes = False
        self.url_map.converters["path"] = _ModelConverter

    @cached_property
    def fixed_routes(self) -> dict[tuple[str, str], Rule]:
        """The rules without arguments by method and path. Flask accepts no rule after the first request."""
        rules = [rule for rule in self.url_map.iter_rules() if not rule.arguments]
        return {(method, rule.rule): rule for rule in rules for method in rule.methods or ()}

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return the URL adapter of a request, None outside of requests."""
        return None if request is None else _UrlAdapter(self, request)

    def preprocess_request(self, *ctx: AppContext) -> ResponseReturnValue | None:
        """Run the hooks before a view until one returns a response; return that response, else None."""
        for hook in self.before_request_funcs[None]:
            if (response := hook()) is not None:
                return response  # type: ignore[return-value]  # never a coroutine
        return None

    def process_response(self, *ctx: AppContext) -> Any:  # type: ignore[override]  # signature of both versions
        """Return the response, which is the last argument, after the hooks behind a view."""
        response: Any = ctx[-1]
        for hook in reversed(self.after_request_funcs[None]):
            response = hook(response)
        return response

    def do_teardown_request(self, *ctx: AppContext) -> None:  # type: ignore[override]  # signature of both versions
        """Run the hooks at the end of a request; the last argument is the unhandled exception or None."""
        error: Any = ctx[-1]
        for hook in reversed(self.teardown_request_funcs[None]):
            hook(error)
