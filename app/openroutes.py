"""Routes that are for others than callers of operations, by their rules."""

PROBES = frozenset(("/health", "/health/ready"))
OPERATORS = frozenset(("/health/deep", "/metrics"))

DOCUMENTATION = frozenset(("/docs", "/docs/assets/<name>", "/openapi.json"))

# probes and scrapers come by address and not by name
ANY_HOST = PROBES | OPERATORS
UNLIMITED = ANY_HOST | DOCUMENTATION


def keyless(*, operators_need_key: bool) -> frozenset[str]:
    """Return the rules of routes that need no client key."""
    return PROBES | DOCUMENTATION if operators_need_key else UNLIMITED
