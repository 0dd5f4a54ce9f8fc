"""The parts that decide whether, when and how often a call is sent."""

from dataclasses import dataclass

from app.upstream.resilience.bulkhead import Bulkheads
from app.upstream.resilience.circuit_breaker import CircuitBreakers
from app.upstream.resilience.hedging import Hedging
from app.upstream.resilience.retry import RetryPolicy


@dataclass(frozen=True)
class Resilience:
    """The parts that decide whether, when and how often a call is sent."""

    breakers: CircuitBreakers
    bulkheads: Bulkheads
    retries: RetryPolicy
    hedging: Hedging
