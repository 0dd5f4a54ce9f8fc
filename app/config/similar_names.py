"""Recognizes misspelt names of settings and backends."""

from collections.abc import Iterable


def find_similar(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` is a misspelling of, or None.

    Names are similar if they differ only in case, hyphens and underscores, or become equal once each loses at most one
    letter. That covers a missing, an additional, a wrong and a swapped letter.
    """
    variants = _variants(name)
    return next((candidate for candidate in known if variants & _variants(candidate)), None)


def _variants(name: str) -> set[str]:
    letters = name.upper().replace("_", "").replace("-", "")
    return {letters, *(letters[:index] + letters[index + 1 :] for index in range(len(letters)))}
