"""What a detector finds in a text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Personal data between two offsets of a text, in code points.

    `checked` means that a checksum or the rules of a numbering plan confirm it, and `labelled` that a word before it
    says what it is. `name` and `country` say which identifier it is, such as `nir` and `FR`; None where the kind has
    no countries.
    """

    kind: str
    start: int
    end: int
    checked: bool = False
    labelled: bool = False
    country: str | None = None
    name: str | None = None
