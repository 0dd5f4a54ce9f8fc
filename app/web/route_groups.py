"""Routes that are for others than callers of operations, by their rules."""

PROBES = frozenset(("/health", "/health/ready"))
OPERATOR_ROUTES = frozenset(("/health/deep", "/metrics"))

DOCUMENTATION = frozenset(("/docs", "/docs/assets/<name>", "/openapi.json"))

# probes and scrapers come by address and not by name
HOST_CHECK_EXEMPT = PROBES | OPERATOR_ROUTES
RATE_LIMIT_EXEMPT = HOST_CHECK_EXEMPT | DOCUMENTATION


def auth_exempt(*, operators_need_key: bool) -> frozenset[str]:
    """Return the rules of routes that need no client key."""
    return PROBES | DOCUMENTATION if operators_need_key else RATE_LIMIT_EXEMPT
