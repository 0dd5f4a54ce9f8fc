"""The listening socket of a worker."""

import socket

from gevent.event import Event

from app.server.listener import DrainingListener


def test_a_connection_that_is_pending_when_the_listener_closes_is_served():
    served = Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        server = DrainingListener(listener, handle=lambda client, address: served.set())
        with socket.create_connection(listener.getsockname(), timeout=5):
            server.close()
            assert served.wait(5)
