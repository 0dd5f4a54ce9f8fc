"""Tests of the files for operators, with the tools that read these files."""

import pytest


@pytest.fixture(autouse=True)
def upstream() -> None:
    """Disable the mock of upstreams: these tests call no upstream from this process."""
