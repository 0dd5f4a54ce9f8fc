"""The multilingual Universal Sentence Encoder, version 3: vectors for texts in 16 languages, by numpy.

Its network averages the vectors of tokens and of n-grams, which convolutions make, and ends in a residual network of
three layers (https://arxiv.org/abs/1907.04307, the CNN variant). Names and forms of the weights are those of the file.
"""

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
# a token takes about 25 KB while it is read
PART_TOKENS = 1024
# a text of so many tokens takes about three seconds
MAX_TOKENS = 32_768

Matrix = np.ndarray[Any, np.dtype[np.float32]]


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
        """Return the vector of a text, of length 1, and its tokens.

        The n-grams of a long text end where its parts end. Raises InvalidInput above MAX_TOKENS.
        """
        tokens = np.array(self._pieces.encode(text, add_bos=True, add_eos=True))
        count = len(tokens)
        if count > MAX_TOKENS:
            raise InvalidInput(f"{count} tokens are too many: this model takes {MAX_TOKENS}; split the text.")
        features = sum(self._features(tokens[start : start + PART_TOKENS]) for start in range(0, count, PART_TOKENS))
        weights = self._weights
        mean = (features @ weights["cnn_W"] + count * weights["cnn_b"]) / np.sqrt(np.float32(count))
        return self._project(mean), count

    def _features(self, tokens: np.ndarray[Any, Any]) -> Matrix:
        """Return the sum of the features of all tokens, each with those of the n-grams around it."""
        weights, block = self._weights, tokens % BLOCKS
        rows = self._table[tokens] * weights["scale"][block, None] + weights["lo"][block, None]
        states = self._normalize(rows @ weights["proj_all"] + weights["proj_b_all"], "ln_g_all", "ln_b_all")
        grams = [
            self._convolve(states[:, start * FILTERS : (start + 1) * FILTERS], order, before)
            for start, (order, before) in enumerate(ORDERS)
        ]
        total: Matrix = self._normalize(np.concatenate([rows, *grams], axis=1), "ln_g", "ln_b").sum(axis=0)
        return total

    def _convolve(self, states: Matrix, order: int, before: int) -> Matrix:
        """Return the features of the n-grams around each token: two residual layers over `order` tokens."""
        for layer in (1, 2):
            padded = np.pad(states, ((before, order - 1 - before), (0, 0)))
            grams = np.concatenate([padded[start : start + len(states)] for start in range(order)], axis=1)
            weights, biases = self._weights[f"w{layer}_{order}"], self._weights[f"b{layer}_{order}"]
            states = states + np.maximum(grams @ weights + biases, 0)
        return states

    def _normalize(self, states: Matrix, gain: str, bias: str) -> Matrix:
        """Apply layer normalization to each row."""
        centered = states - states.mean(axis=1, keepdims=True)
        variance = (centered * centered).mean(axis=1, keepdims=True)
        normalized: Matrix = centered / np.sqrt(variance + self._weights["eps"])
        return normalized * self._weights[gain] + self._weights[bias]

    def _project(self, mean: Matrix) -> Matrix:
        weights = self._weights
        first = np.maximum(mean @ weights["d0"], 0)
        second = np.maximum(mean @ weights["p1"] + first @ weights["d1"], 0)
        third = np.maximum(second @ weights["d2"], 0)
        vector = np.tanh(second @ weights["p3"] + third @ weights["d3"])
        projected: Matrix = vector / np.sqrt(max(vector @ vector, weights["eps"]))
        return projected
