"""Libraries that are loaded without others."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.upstream.resilience.import_hiding import import_hiding

ROOT = Path(__file__).parents[2]


def loaded(**variables):
    names = "from app import create_app; create_app(); import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", names], cwd=ROOT, env=variables, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.parametrize("variables", [{}, {"REDIS_URL": "redis://127.0.0.1:1"}])
def test_redis_is_loaded_where_there_is_one(variables):
    modules = loaded(AI_BACKEND="openai", OPENAI_BASE_URL="http://llm.test/v1", **variables)
    assert ("redis" in modules) is bool(variables)
    assert "pybreaker" in modules


def test_what_a_module_was_loaded_without_is_there_for_others(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lighter.py").write_text("try:\n    import json\nexcept ImportError:\n    json = None\n")
    assert import_hiding("lighter", "json").json is None
    assert "json" in sys.modules
