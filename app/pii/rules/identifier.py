"""The form of a national identifier, and what makes a number one."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from app.pii.context import symbols, words


class Evidence(Enum):
    """The evidence, beside check digits, that a number of the right form is the identifier."""

    FORM = "its form, unless a word before it says that it is another number"
    GROUPS = "its separators, or a word before it"
    LABEL = "a word before it"


@dataclass(frozen=True, slots=True)
class Identifier:
    """A national identifier. `is_valid` gets the characters without separators; None without a check."""

    country: str
    name: str
    pattern: re.Pattern[str]
    evidence: Evidence
    label: re.Pattern[str]
    is_valid: Callable[[str], bool] | None = None


# no other digits or letters may touch a number
_END = r"(?![0-9A-Za-z]|[-./]\d)"


def identifier(
    country: str,
    name: str,
    form: str,
    evidence: Evidence,
    label: str,
    is_valid: Callable[[str], bool] | None = None,
    plain: str = "",
) -> Identifier:
    """Return an identifier; `plain` are words of languages that put no spaces between them."""
    pattern = re.compile(rf"(?:{form}){_END}", re.IGNORECASE)
    return Identifier(country, name, pattern, evidence, symbols(label, plain) if plain else words(label), is_valid)


def has_check_digit(compact: str, weights: tuple[int, ...], modulus: int, expected: int) -> bool:
    """Return whether the weighted sum of the digits leaves the expected rest."""
    return sum(int(digit) * weight for digit, weight in zip(compact, weights, strict=False)) % modulus == expected
