"""Host names are looked up in threads of which a name that hangs takes one."""

import socket
import threading

import gevent
import pytest

from app.server import resolver as module
from app.server.resolver import MAX_LOOKUPS, PerHostResolver

LONG = 10


@pytest.fixture
def names(monkeypatch):
    """A name server that never answers for hangs.test until the event is set; the lookups that reached it."""
    lookups, may_answer = [], threading.Event()

    def getaddrinfo(host, port, *_more, **_options):
        lookups.append(host)
        if host == "hangs.test":
            may_answer.wait(LONG)
        if host == "unknown.test":
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [host, port]

    monkeypatch.setattr(module, "_getaddrinfo", getaddrinfo)
    yield lookups, may_answer
    may_answer.set()


def test_a_name_that_hangs_blocks_no_other_name(names):
    lookups, may_answer = names
    resolver = PerHostResolver()
    hanging = [gevent.spawn(resolver.getaddrinfo, "hangs.test", 443) for _ in range(2 * MAX_LOOKUPS)]
    gevent.sleep(0)
    with gevent.Timeout(LONG):
        for _ in range(3):
            assert resolver.getaddrinfo("healthy.test", 443) == ["healthy.test", 443]
    assert lookups == ["hangs.test", *["healthy.test"] * 3]
    may_answer.set()
    assert [one.get(timeout=LONG) for one in hanging] == [["hangs.test", 443]] * len(hanging)


def test_a_caller_that_gave_up_leaves_the_lookup_to_the_next_one(names):
    lookups, may_answer = names
    resolver = PerHostResolver()
    for _ in range(3):
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.01):
            resolver.getaddrinfo("hangs.test", 443)
    may_answer.set()
    assert resolver.getaddrinfo("hangs.test", 443) == ["hangs.test", 443]
    assert lookups[0] == "hangs.test"
    assert len(lookups) <= 2


def test_an_error_is_raised_in_each_caller_and_not_remembered(names):
    lookups, _ = names
    resolver = PerHostResolver()
    callers = [gevent.spawn(resolver.getaddrinfo, "unknown.test", 443) for _ in range(2)]
    gevent.joinall(callers, timeout=LONG)
    assert [type(one.exception) for one in callers] == [socket.gaierror] * 2
    with pytest.raises(socket.gaierror):
        resolver.getaddrinfo("unknown.test", 443)
    assert len(lookups) == 2
