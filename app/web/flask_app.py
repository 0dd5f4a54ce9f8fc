"""Flask, without what it looks for at each request and never finds here: sessions, hosts, coroutines, others' hooks.

Nor are there signals of requests.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import flask
from flask.ctx import RequestContext
from flask.sessions import NullSession, SessionInterface
from flask.typing import ResponseReturnValue
from flask.wrappers import Request
from werkzeug.routing import MapAdapter, Rule

from app.web.json_provider import OrjsonProvider
from app.web.request_state import RequestState, request_state_var
from app.web.response import Response


class _NoSessions(SessionInterface):
    _none = NullSession()  # which refuses to be written

    def open_session(self, app: flask.Flask, request: Request) -> NullSession:
        return self._none


class _RequestContext(RequestContext):
    app: "App"

    def push(self) -> None:
        """Begin to serve the request."""
        self._before = request_state_var.set(RequestState(self.request))
        super().push()

    def pop(self, exc: BaseException | None = None) -> None:
        """End it."""
        try:
            super().pop(exc)
        finally:
            request_state_var.reset(self._before)

    def match_request(self) -> None:
        """Find the route: at once, if its path is fixed."""
        request = self.request
        if rule := self.app.fixed_routes.get((request.method, request.path)):
            request.url_rule, request.view_args = rule, {}
        else:
            super().match_request()


class App(flask.Flask):
    """The app. Hooks are the app's own, never a blueprint's, and none is a coroutine; hosts have no part in routes."""

    response_class = Response
    session_interface = _NoSessions()

    def __init__(self) -> None:
        super().__init__("app", static_folder=None)
        self.json = OrjsonProvider(self)
        self.url_map.merge_slashes = False  # else a doubled slash is answered with a redirect, in HTML

    @cached_property
    def fixed_routes(self) -> dict[tuple[str, str], Rule]:
        """The routes of fixed paths, by method and path; none is added after the first request, which asks for them."""
        rules = [rule for rule in self.url_map.iter_rules() if not rule.arguments]
        return {(method, rule.rule): rule for rule in rules for method in rule.methods or ()}

    def request_context(self, environ: dict[str, Any]) -> RequestContext:
        """Return the context of a request."""
        return _RequestContext(self, environ)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what finds the route of a request."""
        if request is None:
            return None
        return MapAdapter(self.url_map, "", request.root_path, "", request.scheme, request.path, request.method)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function as it is."""
        return func

    def full_dispatch_request(self) -> Any:
        """Return the response to a request."""
        self._got_first_request = True  # after which Flask takes no more hooks or routes
        try:
            answer = self.preprocess_request()
            if answer is None:
                answer = self.dispatch_request()
        except Exception as error:
            answer = self.handle_user_exception(error)
        return self.process_response(self.make_response(answer))

    def make_response(self, rv: Any) -> Any:
        """Return the response that a view's answer makes."""
        return self.json.response(rv) if type(rv) is dict else super().make_response(rv)

    def preprocess_request(self) -> ResponseReturnValue | None:
        """Run the hooks before a view; return what one of them answers in its place."""
        for hook in self.before_request_funcs[None]:
            if (answer := hook()) is not None:
                return answer  # type: ignore[return-value]  # no awaitable
        return None

    def process_response(self, response: Any) -> Any:
        """Return what the hooks after a view make of its response."""
        for hook in reversed(self.after_request_funcs[None]):
            response = hook(response)
        return response

    def do_teardown_request(self, exc: BaseException | None = None) -> None:
        """Run the hooks at the end of a request."""
        for hook in reversed(self.teardown_request_funcs[None]):
            hook(exc)

    def do_teardown_appcontext(self, exc: BaseException | None = None) -> None:
        """Do nothing: no hook is for the end of an app's context."""
