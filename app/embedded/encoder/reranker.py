"""ms-marco-MiniLM-L-12: how well an English passage answers a question (https://arxiv.org/abs/2002.10957)."""

from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from app.embedded.encoder.files import RERANKER_MODEL, RERANKER_TOKENIZER

if TYPE_CHECKING:
    from app.embedded.encoder.models import Models

MAX_TOKENS = 512


class Reranker:
    """The model with its tokenizer."""

    def __init__(self, models: "Models") -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = models.threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(
            str(RERANKER_MODEL.checked()), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {one.name for one in self._session.get_inputs()}
        self._tokenizer = Tokenizer.from_file(str(RERANKER_TOKENIZER.checked()))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()

    def score(self, question: str, passage: str) -> tuple[float, int]:
        """Return a score of about -11 to 11, above 0 for a passage with an answer, and the tokens of both texts."""
        encoded = self._tokenizer.encode(question, passage)
        inputs = {
            "input_ids": np.array([encoded.ids], np.int64),
            "attention_mask": np.array([encoded.attention_mask], np.int64),
            "token_type_ids": np.array([encoded.type_ids], np.int64),
        }
        outputs = self._session.run(None, {name: inputs[name] for name in self._inputs})
        return float(outputs[0].ravel()[0]), len(encoded.ids)
