"""pybreaker: loaded without redis, and the behaviour of its version that the adapter relies on."""

import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pybreaker
import pytest

from app.upstream.resilience.pybreaker_adapter import import_hiding

ROOT = Path(__file__).parents[2]
SECONDS = 5


def loaded_modules(**variables):
    code = "from app import create_app; create_app(); import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=variables, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.parametrize("variables", [{}, {"REDIS_URL": "redis://127.0.0.1:1"}])
def test_redis_is_loaded_only_if_it_is_configured(variables):
    modules = loaded_modules(AI_BACKEND="openai", OPENAI_BASE_URL="http://llm.test/v1", **variables)
    assert ("redis" in modules) is bool(variables)
    assert "pybreaker" in modules


def test_hidden_module_stays_available_to_others(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lighter.py").write_text("try:\n    import json\nexcept ImportError:\n    json = None\n")
    assert import_hiding("lighter", "json").json is None
    assert "json" in sys.modules


def runs_in_parallel(call):
    """Return whether two calls of a breaker run at the same time."""
    together = threading.Barrier(2)

    def wait():
        with suppress(threading.BrokenBarrierError):
            together.wait(0.2)

    threads = [threading.Thread(target=call, args=(wait,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    return not together.broken


def test_call_of_pybreaker_runs_one_call_at_a_time():
    """If this fails, pybreaker has changed its locking and the adapter may use `call`."""
    breaker = pybreaker.CircuitBreaker()
    assert not runs_in_parallel(breaker.call)


def test_calling_of_pybreaker_runs_calls_in_parallel():
    breaker = pybreaker.CircuitBreaker()

    def call(block):
        with breaker.calling():
            block()

    assert runs_in_parallel(call)


def test_calling_of_pybreaker_lets_every_call_through_while_half_open():
    """If this fails, pybreaker counts probes itself and the breaker need not."""
    breaker = pybreaker.CircuitBreaker()
    breaker.half_open()
    with breaker.calling(), breaker.calling():
        assert breaker.current_state == pybreaker.STATE_HALF_OPEN
