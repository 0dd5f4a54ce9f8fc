"""Routes that are for others than callers of operations, by their rules."""

from flask import request

PROBES = frozenset(("/health", "/health/ready"))
OPERATORS = frozenset(("/health/deep", "/metrics"))

# probes and scrapers come by address and not by name, and no limit may keep them out
UNREFUSED = PROBES | OPERATORS


def keyless(*, operators_need_key: bool) -> frozenset[str]:
    """Return the rules of routes that never need a client key."""
    return PROBES if operators_need_key else PROBES | OPERATORS


def is_one_of(rules: frozenset[str]) -> bool:
    """Tell whether the current request is for a route of one of these rules, or for no route at all."""
    return request.url_rule is None or request.url_rule.rule in rules
