"""A budget for the bytes of large bodies that a worker holds at a time, with a share for each client."""

import threading
from collections import deque

from app.errors import LargeBodyLimitReached

# bodies up to this size need no reservation
FREE_BYTES = 64 * 1024
# clients that may use their complete share at the same time
FULL_SHARES = 2


class Reservation:
    """The bytes that one body takes of the budget."""

    def __init__(self, budget: "BodyBudget", client: str, size: int) -> None:
        self.client = client
        self.size = size
        self.granted = threading.Event()
        self._budget = budget

    def shrink(self, size: int) -> None:
        """Give back the bytes that a body of `size` bytes does not need."""
        self._budget.give_back(self.client, self.size - size)
        self.size = size

    def release(self) -> None:
        """Give all bytes back."""
        self.shrink(0)


class BodyBudget:
    """A weighted semaphore for the bytes of large bodies, from their reading to the end of their use.

    One client may use `max_body_bytes`, all clients together FULL_SHARES times as much. Clients get their turns one
    after the other, so the bodies of one client do not starve those of another. A later body does not overtake a larger
    one that waits for room.
    """

    def __init__(self, max_body_bytes: int, max_wait: float) -> None:
        """`max_wait` is in seconds."""
        self._max_share = max_body_bytes
        self._max_wait = max_wait
        self._used = 0
        self._shares: dict[str, int] = {}
        # clients with waiting reservations, in the order of their turns
        self._queues: dict[str, deque[Reservation]] = {}

    def reserve(self, client: str, size: int) -> Reservation:
        """Reserve the bytes of a body, and wait for them if necessary; the caller releases them.

        Raises LargeBodyLimitReached if they are not free within `max_wait`.
        """
        reservation = Reservation(self, client, size)
        self._queues.setdefault(client, deque()).append(reservation)
        self._grant()
        try:
            if not reservation.granted.wait(self._max_wait):
                raise LargeBodyLimitReached
        except BaseException:
            self._withdraw(reservation)
            raise
        return reservation

    def give_back(self, client: str, size: int) -> None:
        """Give reserved bytes of a client back."""
        self._use(client, -size)
        self._grant()

    def _use(self, client: str, size: int) -> None:
        self._used += size
        share = self._shares.pop(client, 0) + size
        if share:
            self._shares[client] = share

    def _grant(self) -> None:
        while reservation := self._next():
            queue = self._queues.pop(reservation.client)
            queue.popleft()
            if queue:  # its next turn comes after those of all others
                self._queues[reservation.client] = queue
            self._use(reservation.client, reservation.size)
            reservation.granted.set()

    def _next(self) -> Reservation | None:
        """Return the next reservation if there is room for it; pass over clients whose own share is used."""
        for client, queue in self._queues.items():
            size = queue[0].size
            if self._shares.get(client, 0) + size <= self._max_share:
                return queue[0] if self._used + size <= FULL_SHARES * self._max_share else None
        return None

    def _withdraw(self, reservation: Reservation) -> None:
        """End a reservation whose wait has ended with an error."""
        if reservation.granted.is_set():
            reservation.release()
            return
        queue = self._queues[reservation.client]
        queue.remove(reservation)
        if not queue:
            del self._queues[reservation.client]
        self._grant()  # others may have waited behind it
