"""Groups of routes, by their URL rules, that are exempt from checks of operations."""

PROBES = frozenset(("/health", "/health/ready"))
OPERATOR_ROUTES = frozenset(("/health/deep", "/metrics"))

DOCUMENTATION = frozenset(("/docs", "/docs/assets/<name>", "/openapi.json"))

# probes and scrapers call by IP address, so their Host header is no name
HOST_CHECK_EXEMPT = PROBES | OPERATOR_ROUTES
RATE_LIMIT_EXEMPT = HOST_CHECK_EXEMPT | DOCUMENTATION


def auth_exempt(*, operators_need_key: bool) -> frozenset[str]:
    """Return the rules of the routes that need no client key."""
    return PROBES | DOCUMENTATION if operators_need_key else RATE_LIMIT_EXEMPT
