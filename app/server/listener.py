"""The listening socket of a worker."""

from gevent.server import StreamServer


class DrainingListener(StreamServer):
    """A server that accepts all pending connections before it closes its socket."""

    def close(self) -> None:
        """Accept the pending connections, then stop listening."""
        # the kernel resets connections that are not accepted when their listener closes
        self.stop_accepting()
        while accepted := self.do_read():
            self.do_handle(*accepted)
        super().close()
