"""Names and addresses of persons, by Rampart: a BERT of 6 layers for English, German, French and Spanish.

Source: https://huggingface.co/nationaldesignstudio/rampart, CC-BY-4.0. It knows more labels, such as those of accounts;
rules with check digits find these better.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from app.embedded.encoder.errors import InvalidInput
from app.embedded.encoder.files import RAMPART_MODEL, RAMPART_TOKENIZER
from app.embedded.encoder.models import Models

if TYPE_CHECKING:
    import numpy as np

_LABELS = (
    "GIVEN_NAME SURNAME EMAIL PHONE URL TAX_ID BANK_ACCOUNT ROUTING_NUMBER GOVERNMENT_ID PASSPORT DRIVERS_LICENSE "
    "BUILDING_NUMBER STREET_NAME SECONDARY_ADDRESS CITY STATE ZIP_CODE"
).split()
_TYPES = {
    "GIVEN_NAME": "name",
    "SURNAME": "name",
    **dict.fromkeys(("BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS", "CITY", "STATE", "ZIP_CODE"), "address"),
}
# a place alone is no address: one of these is needed
_STREETS = frozenset({"STREET_NAME", "BUILDING_NUMBER", "SECONDARY_ADDRESS", "ZIP_CODE"})
MIN_SCORE = 0.5
# the model finds most in short inputs; the overlap is longer than a name or an address
WINDOW_TOKENS, OVERLAP_TOKENS = 128, 32
# between the parts of one name or address
_JOINTS = frozenset(" \t\n,.-'’/")
MAX_JOINT_CHARS = 3


@dataclass(frozen=True)
class Span:
    """A part of a text with its type, the labels of its tokens and their lowest score."""

    type: str
    start: int
    end: int
    labels: frozenset[str]
    score: float


def load(models: Models) -> Callable[[Any, Mapping[str, Any]], tuple[Any, int]]:
    """Return the function that returns the names and addresses of a text, and its tokens."""
    rampart = models.get(Rampart)

    def run(text: Any, options: Mapping[str, Any]) -> tuple[Any, int]:
        if not isinstance(text, str):
            raise InvalidInput("Each input must be a text.")
        spans, tokens = rampart.find(text)
        return [
            {"type": span.type, "start": span.start, "end": span.end, "score": round(span.score, 4)} for span in spans
        ], tokens

    return run


class Rampart:
    """The model with its tokenizer."""

    def __init__(self, models: Models) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = models.threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(
            str(RAMPART_MODEL.checked()), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(RAMPART_TOKENIZER.checked()))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._marks = [self._tokenizer.token_to_id(mark) for mark in ("[CLS]", "[SEP]")]

    def find(self, text: str) -> tuple[list[Span], int]:
        """Return the names and addresses of a text in order, and its tokens; a long text is read in parts."""
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        tokens = [
            Span(_TYPES[label], *encoded.offsets[index], frozenset({label}), score)
            for index, (label, score) in sorted(self._classes(encoded.ids).items())
            if label in _TYPES and score >= MIN_SCORE
        ]
        return [span for span in _joined(text, tokens) if span.type == "name" or span.labels & _STREETS], len(encoded.ids)

    def _classes(self, ids: list[int]) -> dict[int, tuple[str, float]]:
        """Return label and probability of each token inside of an entity; of two windows the surer one decides."""
        found: dict[int, tuple[str, float]] = {}
        for start in range(0, max(1, len(ids) - OVERLAP_TOKENS), WINDOW_TOKENS - OVERLAP_TOKENS):
            for offset, row in enumerate(self._run(ids[start : start + WINDOW_TOKENS])):
                best = int(row.argmax())
                label, score = _LABELS[(best - 1) // 2] if best else "", float(row[best])
                if score > found.get(start + offset, ("", 0.0))[1]:
                    found[start + offset] = label, score
        return found

    def _run(self, ids: list[int]) -> "np.ndarray[Any, Any]":
        """Return the probabilities of the labels of each token."""
        import numpy as np

        first, last = self._marks
        inputs = np.array([[first, *ids, last]], np.int64)
        names = {
            "input_ids": inputs,
            "attention_mask": np.ones_like(inputs),
            "token_type_ids": np.zeros_like(inputs),
        }
        wanted = {one.name for one in self._session.get_inputs()}
        logits = self._session.run(None, {name: names[name] for name in names if name in wanted})[0][0, 1:-1]
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)


def _joined(text: str, tokens: list[Span]) -> Iterator[Span]:
    """Join neighbours of one type, such as given name and surname, or street and city."""
    current: Span | None = None
    for token in tokens:
        if current and current.type == token.type and _is_joint(text[current.end : token.start]):
            score = min(current.score, token.score)
            current = replace(current, end=token.end, labels=current.labels | token.labels, score=score)
            continue
        if current:
            yield current
        current = token
    if current:
        yield current


def _is_joint(between: str) -> bool:
    return len(between) <= MAX_JOINT_CHARS and set(between) <= _JOINTS
