"""The multilingual Universal Sentence Encoder, version 3: vectors for texts in 16 languages, by numpy.

Its network averages the vectors of tokens and of n-grams, which convolutions make, and ends in a residual network of
three layers (https://arxiv.org/abs/1907.04307, the CNN variant). Names and forms of the weights are those of the file.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sentencepiece import SentencePieceProcessor

from app.embedded.encoder.errors import InvalidInput
from app.embedded.encoder.files import USE_PIECES, USE_WEIGHTS

if TYPE_CHECKING:
    from app.embedded.encoder.models import Models

DIMENSIONS = 512
# the rows of the token table are quantized in 17 blocks, each with a scale of its own
BLOCKS = 17
BLOCK_ROWS = 7530
FILTERS = 256
# the length of an n-gram, and how many of its tokens stand before the current one
ORDERS = ((2, 0), (3, 1), (5, 2))
# rows between texts that are read as one: more than an n-gram reaches
GAP = 2
# a token takes about 25 KB while it is read
PART_TOKENS = 1024
# a text of so many tokens takes about three seconds
MAX_TOKENS = 32_768

Matrix = np.ndarray[Any, np.dtype[np.float32]]
Indices = np.ndarray[Any, Any]


class Use:
    """The model with its tokenizer."""

    def __init__(self, _models: "Models") -> None:
        self._pieces = SentencePieceProcessor(model_file=str(USE_PIECES.checked()))
        with np.load(USE_WEIGHTS.checked(), allow_pickle=False) as file:
            self._table = np.empty((BLOCKS * BLOCK_ROWS, DIMENSIONS), np.uint8)
            for block in range(BLOCKS):
                self._table[block::BLOCKS] = file[f"q{block + 1}"]
            self._weights = {name: file[name].astype(np.float32) for name in file.files if not name.startswith("q")}
        for name in ("proj", "proj_b", "ln_g", "ln_b"):
            parts = [self._weights[f"{name}{order}"] for order, _ in ORDERS]
            self._weights[f"{name}_all"] = np.concatenate(parts, axis=-1)

    def encode(self, text: str) -> tuple[Matrix, int]:
        """Return the vector of a text, of length 1, and its tokens, as `encode_all` does."""
        return self.encode_all([text])[0]

    def encode_all(self, texts: Sequence[str]) -> list[tuple[Matrix, int]]:
        """Return the vector of each text, of length 1, and its tokens; for several short texts in half of the time.

        A vector depends on the other texts by its rounding only. The n-grams of a long text end where its parts end.
        Raises InvalidInput above MAX_TOKENS.
        """
        tokens = [np.array(self._pieces.encode(text, add_bos=True, add_eos=True)) for text in texts]
        counts = [len(one) for one in tokens]
        if max(counts) > MAX_TOKENS:
            raise InvalidInput(f"{max(counts)} tokens are too many: this model takes {MAX_TOKENS}; split the text.")
        features = np.zeros((len(texts), len(self._weights["cnn_W"])), np.float32)
        for start in range(0, max(counts), PART_TOKENS):
            places = [place for place, count in enumerate(counts) if count > start]
            features[places] += self._features([tokens[place][start : start + PART_TOKENS] for place in places])
        vectors = self._project(features, np.array(counts, np.float32)[:, None])
        return list(zip(vectors, counts, strict=True))

    def _features(self, parts: Sequence[Indices]) -> Matrix:
        """Return for each part the sum of the features of its tokens, each with those of the n-grams around it.

        All parts are read as one; rows of zeros between them keep n-grams apart.
        """
        weights, lengths = self._weights, [len(part) + GAP for part in parts]
        tokens = np.concatenate([np.pad(part, (0, GAP), constant_values=-1) for part in parts])
        inside = (tokens >= 0)[:, None]
        block = tokens % BLOCKS
        rows = (self._table[tokens] * weights["scale"][block, None] + weights["lo"][block, None]) * inside
        states = self._normalize(rows @ weights["proj_all"] + weights["proj_b_all"], "ln_g_all", "ln_b_all") * inside
        grams = [
            self._convolve(states[:, start * FILTERS : (start + 1) * FILTERS], order, before, inside)
            for start, (order, before) in enumerate(ORDERS)
        ]
        features = self._normalize(np.concatenate([rows, *grams], axis=1), "ln_g", "ln_b") * inside
        total: Matrix = np.add.reduceat(features, np.cumsum([0, *lengths[:-1]]), axis=0)
        return total

    def _convolve(self, states: Matrix, order: int, before: int, inside: Indices) -> Matrix:
        """Return the features of the n-grams around each token: two residual layers over `order` tokens."""
        for layer in (1, 2):
            padded = np.pad(states, ((before, order - 1 - before), (0, 0)))
            grams = np.concatenate([padded[start : start + len(states)] for start in range(order)], axis=1)
            weights, biases = self._weights[f"w{layer}_{order}"], self._weights[f"b{layer}_{order}"]
            states = (states + np.maximum(grams @ weights + biases, 0)) * inside
        return states

    def _normalize(self, states: Matrix, gain: str, bias: str) -> Matrix:
        """Apply layer normalization to each row."""
        centered = states - states.mean(axis=1, keepdims=True)
        variance = (centered * centered).mean(axis=1, keepdims=True)
        normalized: Matrix = centered / np.sqrt(variance + self._weights["eps"])
        return normalized * self._weights[gain] + self._weights[bias]

    def _project(self, features: Matrix, counts: Matrix) -> Matrix:
        """Return the vectors of texts from the sums of their features and the numbers of their tokens."""
        weights = self._weights
        mean = (features @ weights["cnn_W"] + counts * weights["cnn_b"]) / np.sqrt(counts)
        first = np.maximum(mean @ weights["d0"], 0)
        second = np.maximum(mean @ weights["p1"] + first @ weights["d1"], 0)
        third = np.maximum(second @ weights["d2"], 0)
        vectors = np.tanh(second @ weights["p3"] + third @ weights["d3"])
        projected: Matrix = vectors / np.sqrt(
            np.maximum((vectors * vectors).sum(axis=1, keepdims=True), weights["eps"])
        )
        return projected
