"""The vectors of a text by both models: `english` (bge-small-en-v1.5) and `multilingual` (USE multilingual 3).

A script gets them by `Models().get(SentenceVectors)`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.embedded.encoder.bge import Bge, Vector
from app.embedded.encoder.use import Use

if TYPE_CHECKING:
    from app.embedded.encoder.models import Models


class SentenceVectors:
    """Both models, each loaded at its first use. Vectors have length 1; each comes with its number of tokens."""

    def __init__(self, models: "Models") -> None:
        self._models = models

    def english(self, text: str) -> tuple[Vector, int]:
        """Return a vector of 384 numbers and the tokens of the text."""
        return self._models.get(Bge).encode(text)

    def multilingual_all(self, texts: Sequence[str]) -> list[tuple[Vector, int]]:
        """Return what `multilingual` returns for each text; faster for short texts."""
        return self._models.get(Use).encode_all(texts)

    def multilingual(self, text: str) -> tuple[Vector, int]:
        """Return a vector of 512 numbers and the tokens of the text."""
        return self._models.get(Use).encode(text)
