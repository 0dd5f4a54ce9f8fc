"""bge-small-en-v1.5, a BERT of 12 layers in 8-bit numbers: vectors for English texts (https://arxiv.org/abs/2309.07597).

Its activations are quantized by the range of the whole input (DynamicQuantizeLinear), so the vector of a text depends
on what runs with it. For one vector whatever the list, texts run one by one.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from app.embedded.encoder.errors import InvalidInput
from app.embedded.encoder.files import BGE_MODEL, BGE_TOKENIZER

if TYPE_CHECKING:
    from app.embedded.encoder.models import Models

DIMENSIONS = 384
# the positions of the model
MAX_POSITIONS = 512
# a longer text is read in parts of this length: half the positions cost a third of the time
PART_TOKENS = 256
# a text of so many tokens takes about six seconds
MAX_TOKENS = 32_768

Vector = np.ndarray[Any, np.dtype[np.float32]]


class Bge:
    """The model with its tokenizer."""

    def __init__(self, models: "Models") -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = models.threads
        options.inter_op_num_threads = 1
        # the arena would keep the memory of the longest text
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(
            str(BGE_MODEL.checked()), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(BGE_TOKENIZER.checked()))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def encode(self, text: str) -> tuple[Vector, int]:
        """Return the vector of a text, of length 1, and its tokens.

        A text longer than the model reads is read in parts, whose vectors are averaged by their tokens. Raises
        InvalidInput above MAX_TOKENS.
        """
        tokens = self._tokenizer.encode(text).ids
        if len(tokens) > MAX_TOKENS:
            raise InvalidInput(f"{len(tokens)} tokens are too many: this model takes {MAX_TOKENS}; split the text.")
        vectors = [len(part) * self._run(part) for part in _parts(tokens)]
        return normalized(np.sum(vectors, axis=0)), len(tokens)

    def _run(self, tokens: list[int]) -> Vector:
        ids = np.array([tokens], np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        states = self._session.run(None, inputs)[0]
        return normalized(states[0, 0])


def _parts(tokens: list[int]) -> Iterator[list[int]]:
    """Return the tokens in parts of nearly equal length, each with the marks of beginning and end."""
    if len(tokens) <= MAX_POSITIONS:
        yield tokens
        return
    first, *inner, last = tokens
    count = math.ceil(len(inner) / (PART_TOKENS - 2))
    size = math.ceil(len(inner) / count)
    for start in range(0, len(inner), size):
        yield [first, *inner[start : start + size], last]


def normalized(vector: Vector) -> Vector:
    """Return the vector of length 1 in the same direction."""
    return vector / np.linalg.norm(vector)
