"""The shape of errors by path: each API that the service speaks has its own, so that its clients raise their errors."""

import re

from app.web.error_shapes.anthropic import ANTHROPIC
from app.web.error_shapes.base import ErrorShape
from app.web.error_shapes.cohere import COHERE
from app.web.error_shapes.huggingface import HUGGINGFACE
from app.web.error_shapes.native import NATIVE
from app.web.error_shapes.ollama import OLLAMA
from app.web.error_shapes.openai import OPENAI
from app.web.error_shapes.tei import TEI

# the first match decides
_SHAPES: tuple[tuple[re.Pattern[str], ErrorShape], ...] = (
    (re.compile(r"/v1/text(/|$)|/v1/models/validate$"), NATIVE),
    (re.compile(r"/v1/messages(/|$)"), ANTHROPIC),
    (re.compile(r"/v[12]/rerank$"), COHERE),
    (re.compile(r"/(embed|predict|rerank|similarity)$"), TEI),
    (re.compile(r"(/hf-inference)?/models/.+/v1/(chat/)?completions$"), OPENAI),
    (re.compile(r"(/hf-inference)?/models/|/pipeline/|/generate(_stream)?$|/info$|/$"), HUGGINGFACE),
    # vLLM's own routes, and the names that OpenAI's API does not have
    (re.compile(r"/(classify|tokenize|detokenize)$"), OPENAI),
    # also the routes of OpenAI's API that this service lacks
    (re.compile(r"/v1/"), OPENAI),
    # also those of Ollama's API
    (re.compile(r"/api/"), OLLAMA),
)


def shape_of(path: str) -> ErrorShape:
    """Return the shape of errors for a path, or for the URL rule of a route."""
    return next((shape for pattern, shape in _SHAPES if pattern.match(path)), NATIVE)
