"""What several functional tests use."""

import pytest
from support.upstreams import CHAT, chat_answer


@pytest.fixture
def chat(upstream):
    """The chat route of the upstream: positive, whatever it is asked."""
    return upstream.post(CHAT, json=chat_answer("positive"))
