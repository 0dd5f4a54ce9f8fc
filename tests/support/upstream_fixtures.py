"""Fixtures that connect the apps of a test to a fake upstream; a conftest imports them."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from support.fake_upstream import FakeUpstream, FakeUpstreamServers


@pytest.fixture(scope="session")
def upstream_servers() -> Iterator[FakeUpstreamServers]:
    with closing(FakeUpstreamServers()) as servers:
        yield servers


@pytest.fixture(autouse=True)
def upstream(upstream_servers: FakeUpstreamServers) -> Iterator[FakeUpstream]:
    """The upstream of every app in the process; a call without an announced response fails the test."""
    with upstream_servers.serve() as upstream:
        yield upstream
