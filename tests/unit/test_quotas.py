"""Reservations of tokens and stream slots: what is settled at the end of a request, and after an error."""

import pytest

from app.backends.types import Usage
from app.clients.identity import ClientIdentity
from app.clients.quotas import Quotas
from app.context.call_context import CallContext
from app.context.deadline import Deadline, TimeBudget
from app.context.request_info import RequestInfo
from app.errors import RateLimitExceeded
from app.redis_store import RedisStore

CLIENT = ClientIdentity.from_address("192.0.2.1")
LIMITS = {"tokens_per_minute": None, "tokens_per_day": 100, "tokens_per_month": None, "concurrent_streams": 1}
RESERVED = 60


class Charges:
    """The metrics of clients: `tokens` is the tokens of the last request that ended."""

    tokens = None

    def record_tokens(self, client, tokens):
        self.tokens = tokens

    def record_rate_limited(self, client, limit):
        pass


@pytest.fixture
def charges():
    return Charges()


@pytest.fixture
def quotas(charges):
    return Quotas(LIMITS, 60, RedisStore(None), charges)


@pytest.fixture
def context():
    return CallContext(RequestInfo("id"), Deadline(30.0), "generate")


def reserve(quotas, tokens=lambda: RESERVED, *, streamed=False):
    return quotas.reserve(CLIENT, tokens, TimeBudget(1), streamed=streamed)


def test_a_request_that_made_no_call_of_its_own_pays_nothing(quotas, charges, context):
    for status in ("hit", "coalesced"):
        context.set_cache_status(status)
        quotas.settle(reserve(quotas), context)
        assert charges.tokens == 0
    reserve(quotas, lambda: 100)


def test_the_calls_of_a_request_are_added_up(quotas, charges, context):
    context.add_usage(Usage(7, 3))
    context.add_usage(Usage(7, None))
    context.add_usage(Usage(7, 3, reported_total=20))
    quotas.settle(reserve(quotas), context)
    assert charges.tokens == 10 + 7 + 20
    assert (context.prompt_tokens, context.completion_tokens) == (21, 16)


@pytest.mark.parametrize(
    ("attempts", "used", "charged"), [(0, None, 0), (1, None, RESERVED), (2, Usage(70, 3), 73), (2, Usage(7, 3), 60)]
)
def test_a_client_that_leaves_its_call_pays_at_least_the_reservation(quotas, charges, context, attempts, used, charged):
    context.timeline.attempts = attempts
    if used:
        context.add_usage(used)
    context.connection.disconnected = True
    quotas.settle(reserve(quotas), context, failed=True)
    assert charges.tokens == charged


def test_a_client_that_leaves_after_its_response_pays_the_usage(quotas, charges, context):
    context.timeline.attempts = 1
    context.add_usage(Usage(7, 3))
    context.connection.disconnected = True
    quotas.settle(reserve(quotas), context)
    assert charges.tokens == 10


def test_an_error_while_tokens_are_counted_frees_the_stream_slot(quotas):
    with pytest.raises(ZeroDivisionError):
        reserve(quotas, lambda: 1 // 0, streamed=True)
    with pytest.raises(RateLimitExceeded):
        reserve(quotas, lambda: 101, streamed=True)
    reserve(quotas, streamed=True)
    with pytest.raises(RateLimitExceeded, match="concurrent streams"):
        reserve(quotas, lambda: 0, streamed=True)


def test_a_stream_that_has_started_is_settled_without_its_body(quotas, charges, context):
    def not_again():
        assert not reserved, "the text of the body is gone"
        return RESERVED

    reserved = []
    reservation = reserve(quotas, not_again, streamed=True)
    reserved.append(True)
    context.add_usage(Usage(7, 3))
    quotas.settle(reservation.without_body(), context)
    assert charges.tokens == 10
    reserve(quotas, lambda: 90, streamed=True)


def test_without_limits_a_stream_is_never_estimated(charges, context):
    unlimited = Quotas(dict.fromkeys(LIMITS), 60, RedisStore(None), charges)
    reservation = reserve(unlimited, pytest.fail, streamed=True).without_body()
    unlimited.settle(reservation, context)
    assert (reservation.tokens, charges.tokens) == (0, 0)
