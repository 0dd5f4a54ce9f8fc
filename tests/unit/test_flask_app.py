"""The overridden methods of Flask and Werkzeug behave like the originals, on the installed version."""

import flask
import pytest
from flask.json.provider import JSONProvider
from werkzeug.routing import MapAdapter

from app.web.flask_app import App
from app.web.json_provider import OrjsonProvider
from app.web.request_state import request_state
from app.web.response import Response

OWN_METHODS = {"fixed_routes", "run_at_end"}


def adapter_class(app):
    with app.test_request_context("/"):
        return type(app.create_url_adapter(flask.request._get_current_object()))


@pytest.mark.parametrize(
    ("override", "base"),
    [(App, flask.Flask), (Response, flask.Response), (OrjsonProvider, JSONProvider), (adapter_class, MapAdapter)],
)
def test_every_override_is_a_public_method_of_its_library(make_app, override, base):
    override = override(make_app()) if override is adapter_class else override
    methods = {name for name, value in vars(override).items() if callable(value) and not name.startswith("_")}
    assert methods - OWN_METHODS
    assert not {name for name in methods - OWN_METHODS if not callable(getattr(base, name, None))}


class PlainFlask(flask.Flask):
    """Flask without overrides."""

    def __init__(self):
        super().__init__("app", static_folder=None)
        self.url_map.merge_slashes = False


def with_routes(app, events):
    """Add routes and hooks that record their calls in `events`."""

    def before(name):
        @app.before_request
        def hook():
            events.append(name)
            return {"stop": {"from": name}, "empty": ""}.get(flask.request.args.get(name))

    def after(name):
        @app.after_request
        def hook(response):
            events.append(name)
            response.headers[name] = str(response.status_code)
            return response

    for name in ("before-1", "before-2"):
        before(name)
    for name in ("after-1", "after-2"):
        after(name)
    app.teardown_request(lambda error: events.append(f"teardown-1 {error!r}"))
    app.teardown_request(lambda error: events.append(f"teardown-2 {error!r}"))
    app.register_error_handler(ValueError, lambda error: ({"error": str(error)}, 418))
    app.add_url_rule("/fixed", "fixed", lambda: {"fixed": True}, methods=["GET", "POST"])
    app.add_url_rule("/models/<path:name>", "model", lambda name: {"name": name})
    app.add_url_rule("/text", "text", lambda: "é")
    app.add_url_rule("/status", "status", lambda: ({"a": 1}, 201, {"X-A": "b"}))
    app.add_url_rule("/stream", "stream", lambda: app.response_class(iter([b"a", b"b"])))
    app.add_url_rule("/handled", "handled", lambda: int("x"))
    app.add_url_rule("/unhandled", "unhandled", lambda: {}["x"])
    app.add_url_rule("/folder/", "folder", lambda: "x")
    return app


REQUESTS = """
GET /fixed, POST /fixed, HEAD /fixed, OPTIONS /fixed, DELETE /fixed, GET /fixed/, GET //fixed, GET /models/a/b
POST /models/a, GET /nowhere, GET /text, POST /text, GET /status, GET /stream, GET /handled, GET /unhandled
GET /fixed?before-1=stop, GET /fixed?before-2=stop, GET /fixed?before-1=empty, GET /folder/
""".strip().replace("\n", ", ")


@pytest.mark.parametrize("request_line", REQUESTS.split(", "))
def test_a_request_has_the_same_response_and_the_same_order_of_hooks_as_in_plain_flask(request_line):
    method, path = request_line.split()
    results = []
    for make in (App, PlainFlask):
        events = []
        response = with_routes(make(), events).test_client().open(path, method=method)
        headers = {name: value for name, value in response.headers.items() if name != "Content-Length"}
        is_json = response.mimetype == "application/json" and response.data
        body = response.json if is_json else response.data
        results.append((response.status, headers, body, events))
    assert results[0] == results[1]
    assert results[0][3]


def test_a_response_has_the_same_content_length_as_in_plain_flask():
    lengths = [
        with_routes(make(), []).test_client().open("/text", method=method).headers["Content-Length"]
        for make in (App, PlainFlask)
        for method in ("GET", "HEAD")
    ]
    assert lengths == ["2"] * 4


def test_every_fixed_path_is_routed_as_werkzeug_routes_it(make_app):
    app = make_app()
    paths = {rule.rule for rule in app.url_map.iter_rules() if not rule.arguments}
    assert len(app.fixed_routes) > len(paths) > 10
    for path in [*paths, "/nowhere", "/v1/models/a/b"]:
        for method in ("GET", "POST", "HEAD", "OPTIONS", "PUT"):
            with app.test_request_context(path, method=method) as context:
                adapter = app.url_map.bind("", path_info=path, default_method=method)
                assert routed(context.url_adapter) == routed(adapter), (method, path)


def routed(adapter):
    """Return the matched rule and arguments, or the class of the routing error."""
    try:
        return adapter.match(return_rule=True)
    except flask.Flask("x").aborter.mapping[404] as error:
        return type(error)
    except flask.Flask("x").aborter.mapping[405] as error:
        return type(error), sorted(error.valid_methods)


def test_a_fixed_path_is_routed_without_werkzeug(make_app, monkeypatch):
    client = make_app().test_client()
    monkeypatch.setattr(MapAdapter, "match", None)
    assert client.get("/health").status_code == 200


def test_no_route_is_redirected_because_a_url_adapter_knows_no_host(make_app):
    rules = [rule for rule in make_app().url_map.iter_rules() if rule.rule != "/"]  # a request always has this path
    assert not [rule for rule in rules if rule.redirect_to or not rule.is_leaf]


def test_the_url_adapter_of_a_request_is_created_once(make_app, monkeypatch):
    created = []
    app = make_app()
    create = app.create_url_adapter
    monkeypatch.setattr(app, "create_url_adapter", lambda request: created.append(request) or create(request))
    app.test_client().get("/health")
    assert len([request for request in created if request is not None]) == 1


def test_a_request_context_whose_hooks_have_not_run_can_be_left(make_app):
    app = make_app()
    with app.test_request_context("/health"):
        assert flask.request.path == "/health"
    assert 'active_connections{service="ai-huggingface"} 1.0' in app.test_client().get("/metrics").text


def test_outside_of_a_request_there_is_no_url_adapter(make_app):
    with make_app().app_context():
        assert flask.has_app_context()
        assert flask.current_app.create_url_adapter(None) is None


def test_hooks_are_plain_functions_of_the_app(make_app):
    app = make_app(RATE_LIMIT="1/hour")
    groups = (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs)
    hooks = [hook for group in groups for hook in group[None]]
    assert hooks
    # Flask-Limiter's own hooks are left out
    modules = {getattr(getattr(hook, "func", hook), "__module__", "") for hook in hooks}
    assert {module.split(".")[0] for module in modules} <= {"app"}
    assert all(app.ensure_sync(hook) is hook for hook in hooks)
    assert not app.teardown_appcontext_funcs


@pytest.mark.parametrize("path", ["/health", "/nowhere", "/bug", "/stopped"])
def test_the_request_state_ends_with_its_request(make_app, path):
    app = make_app(CORS_ORIGINS="*")
    app.add_url_rule("/bug", view_func=lambda: {}["x"])
    app.add_url_rule("/stopped", view_func=stop, methods=["OPTIONS"])
    client = app.test_client()
    if path == "/stopped":
        client.options(path, headers={"Origin": "https://a.test", "Access-Control-Request-Method": "GET"})
    else:
        client.get(path)
    with pytest.raises(LookupError):
        request_state()


def stop():
    raise AssertionError("the preflight hook responds before this view")


def test_the_request_state_ends_if_the_request_is_aborted(make_app):
    app = make_app()
    app.add_url_rule("/aborted", view_func=abort)
    with pytest.raises(SystemExit):
        app.test_client().get("/aborted")
    with pytest.raises(LookupError):
        request_state()


def abort():
    raise SystemExit


def test_each_request_of_a_connection_has_its_own_state(make_app):
    app, states = make_app(), []
    app.add_url_rule("/state", view_func=lambda: states.append(request_state()) or {})
    client = app.test_client()
    for _ in range(2):
        client.get("/state")
    assert states[0] is not states[1]
    assert states[0].info.id != states[1].info.id


def test_a_nested_request_restores_the_outer_state(make_app):
    app = make_app()

    def outer():
        state = request_state()
        app.test_client().get("/health")
        return {"same": request_state() is state}

    app.add_url_rule("/outer", view_func=outer)
    assert app.test_client().get("/outer").json == {"same": True}
