"""The kinds of personal data, and lists of them in headers and settings."""

import re
from collections.abc import Iterable

# found by rules, in the service's own process
RULE_KINDS = (
    "email",
    "phone",
    "iban",
    "card",
    "national_id",
    "passport",
    "date_of_birth",
    "ip",
    "mac",
    "crypto",
    "secret",
)
# found by a model
MODEL_KINDS = ("name", "address")
KINDS = (*RULE_KINDS, *MODEL_KINDS)
ALL = "all"


def parse_rule_kinds(value: str) -> frozenset[str]:
    """Return the kinds of a list separated by commas or `+`, or every rule kind for `all`.

    Raises ValueError, with a sentence that names the valid ones, if the list is empty or has another kind.
    """
    names = [name.strip() for name in re.split(r"[,+]", value)]
    if names == [ALL]:
        return frozenset(RULE_KINDS)
    if not set(names) <= set(RULE_KINDS):
        raise ValueError(f"{ALL}, or kinds from {joined(RULE_KINDS)}, separated by commas")
    return frozenset(names)


def joined(names: Iterable[str]) -> str:
    """Return names as a sentence lists them."""
    return ", ".join(names)
