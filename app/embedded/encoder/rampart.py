"""Rampart, a BERT of 15 MB that finds names, addresses and ids of persons in English, German, French and Spanish.

The labels are those of its file config.json, in the scheme IOB2.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from app.embedded.encoder.files import RAMPART_MODEL, RAMPART_TOKENIZER
from app.texts.windows import MIN_CHARS, windows

if TYPE_CHECKING:
    from app.embedded.encoder.models import Models

LABELS = (
    "GIVEN_NAME",
    "SURNAME",
    "EMAIL",
    "PHONE",
    "URL",
    "TAX_ID",
    "BANK_ACCOUNT",
    "ROUTING_NUMBER",
    "GOVERNMENT_ID",
    "PASSPORT",
    "DRIVERS_LICENSE",
    "BUILDING_NUMBER",
    "STREET_NAME",
    "SECONDARY_ADDRESS",
    "CITY",
    "STATE",
    "ZIP_CODE",
)
# the model finds most in parts of about this length
WINDOW_CHARS = 480
# the positions of the model; a character may be three tokens
MAX_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Name:
    """A part of a text with one of LABELS, and the lowest probability of its tokens."""

    label: str
    start: int
    end: int
    score: float


class Rampart:
    """The model with its tokenizer."""

    def __init__(self, models: "Models") -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = models.threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(
            str(RAMPART_MODEL.checked()), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {one.name for one in self._session.get_inputs()}
        self._tokenizer = Tokenizer.from_file(str(RAMPART_TOKENIZER.checked()))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def find(self, text: str) -> tuple[list[Name], int]:
        """Return the names in the order of the text, whatever their probability, and the tokens of the text."""
        return self._find_in_parts(text, WINDOW_CHARS)

    def _find_in_parts(self, text: str, limit: int) -> tuple[list[Name], int]:
        names: list[Name] = []
        tokens = 0
        for start, end in windows(text, limit, len):
            found, count = self._find(text[start:end])
            tokens += count
            names += [replace(name, start=name.start + start, end=name.end + start) for name in found]
        return names, tokens

    def _find(self, text: str) -> tuple[list[Name], int]:
        encoded = self._tokenizer.encode(text)
        if len(encoded.ids) > MAX_TOKENS and len(text) > MIN_CHARS:
            return self._find_in_parts(text, len(text) // 2)
        ids = np.array([encoded.ids[:MAX_TOKENS]], np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        scores = self._session.run(None, {name: inputs[name] for name in self._inputs})[0][0]
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        names: list[Name] = []
        for (start, end), row in zip(encoded.offsets, shares, strict=False):
            best = int(row.argmax())
            if best == 0 or end <= start:
                continue
            label, is_first = LABELS[(best - 1) // 2], best % 2 == 1
            _add(names, Name(label, start, end, float(row[best])), text, is_first=is_first)
        return names, len(encoded.ids)


def _add(names: list[Name], name: Name, text: str, *, is_first: bool) -> None:
    """Add a token to the name that it continues, else as a name of its own."""
    last = names[-1] if names else None
    between = text[last.end : name.start] if last else ""
    continues = last is not None and last.label == name.label and (not between or not (is_first or between.strip()))
    if last is not None and continues:
        names[-1] = replace(last, end=name.end, score=min(last.score, name.score))
    else:
        names.append(name)
