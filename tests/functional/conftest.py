"""Fixtures of the functional tests: their upstream is reached through the production transport."""

import pytest
from support.upstream_fixtures import upstream as upstream
from support.upstream_fixtures import upstream_servers as upstream_servers
from support.upstreams import CHAT, chat_response


@pytest.fixture
def chat(upstream):
    """The chat route of the upstream: positive, whatever it is asked."""
    return upstream.post(CHAT, json=chat_response("positive"))
