"""Tests of what an operator is handed, each by the tool that it is meant for."""

import pytest


@pytest.fixture(autouse=True)
def upstream() -> None:
    """Nothing is mocked here: no test calls an upstream from this process."""
