"""A Python that is too old is named in one line."""

import importlib
import platform
import sys

import pytest

import app


def test_an_older_python_is_refused_with_the_version_that_is_needed(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 13))
    monkeypatch.setattr(platform, "python_version", lambda: "3.10.13")
    with pytest.raises(SystemExit, match=r"^ai-huggingface needs Python 3\.11 or newer; this is Python 3\.10\.13\.$"):
        importlib.reload(app)
