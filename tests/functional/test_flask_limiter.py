"""The parts of Flask-Limiter and limits that app/clients/README.md describes as overridden."""

import pytest
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app.clients.sliding_window_limiter import SlidingWindowLimiter

ADDRESS = "192.0.2.1"


@pytest.fixture
def app(make_app):
    return make_app(RATE_LIMIT="2/minute")


@pytest.fixture
def storage(app):
    [limiter] = app.extensions["limiter"]
    return limiter.storage


def send(app):
    return app.test_client().get("/v1/models/validate", environ_base={"REMOTE_ADDR": ADDRESS})


def test_flask_limiter_registers_no_hooks(app):
    hooks = (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs)
    functions = [function for registry in hooks for functions in registry.values() for function in functions]
    modules = {getattr(function, "func", function).__module__ for function in functions}
    assert any(module.startswith("app.web.hooks") for module in modules)
    assert not any(module.startswith("flask_limiter") for module in modules)


def test_the_storage_of_the_library_holds_no_requests_and_runs_no_expiry(app, storage):
    storage.timer.join()  # the constructor of MemoryStorage starts the timer
    for _ in range(3):
        send(app)
    assert isinstance(storage, MemoryStorage)
    assert not storage.events
    assert not storage.timer.is_alive()


def test_a_request_is_counted_under_the_key_and_rate_of_the_librarys_strategy(app, monkeypatch):
    ours, theirs = [], []

    class Storage(MemoryStorage):
        STORAGE_SCHEME = None

        def acquire_entry(self, key, limit, expiry, amount=1):
            theirs.append((key, limit, expiry))
            return True

    monkeypatch.setattr(SlidingWindowLimiter, "hit", lambda _self, *arguments: ours.append(arguments[:3]))
    send(app)
    MovingWindowRateLimiter(Storage()).hit(parse("2/minute"), f"address:{ADDRESS}")
    assert ours == theirs
