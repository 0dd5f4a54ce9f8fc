"""Translates by a pipeline of Hugging Face, line by line: its models know neither line breaks nor long texts."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from app.backends.plan import Plan, UpstreamRequest
from app.backends.responses.pipelines import parse_translations
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.long_texts import framed
from app.backends.tasks.text_parts import text_parts
from app.backends.tasks.translation.models import PairOfModel
from app.backends.text_types import Translation
from app.backends.types import Usage
from app.backends.upstream_response import UpstreamResponse

# takes the model, further fields of the body, the parser, and the inputs
MakeCall = Callable[
    [str, dict[str, Any], Callable[[UpstreamResponse], list[str]], str | list[str]], UpstreamRequest[list[str]]
]

# the models read 512 tokens, and newer pipelines write 256
TOKENS_OF_PART = 200
# T5 has a default of 20 tokens
MAX_LENGTH = 512
MAX_INPUTS = 16
_LINES = re.compile(r"[^\n]*\n|[^\n]+\Z")


def translate(make_call: MakeCall, pair: PairOfModel, text: str) -> Plan[Translation]:
    """Return the translation of all lines of a text; those of more than TOKENS_OF_PART tokens in several parts."""
    frames = [framed(part) for part in _parts(text)]
    cores = [core for _, core, _ in frames if core]
    options = {"parameters": {**pair.parameters, "max_length": MAX_LENGTH}}
    translated: list[str] = []
    for start in range(0, len(cores), MAX_INPUTS):
        inputs = [pair.prefix + core for core in cores[start : start + MAX_INPUTS]]
        parse = partial(parse_translations, count=len(inputs))
        translated += yield make_call(pair.model, options, parse, inputs[0] if len(inputs) == 1 else inputs)
    rest = iter(translated)
    result = "".join(f"{before}{next(rest)}{after}" if core else before + after for before, core, after in frames)
    usage = Usage(estimated_tokens(text), estimated_tokens(result), estimated=True)
    return Translation(result, len(cores), usage=usage, model=pair.model)


def _parts(text: str) -> Iterator[str]:
    for line in _LINES.findall(text):
        yield from text_parts(line, TOKENS_OF_PART)
