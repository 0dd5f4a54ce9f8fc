"""The AI operations, one module each. A new operation needs two lines here."""

from app.operations import (
    chat,
    complete,
    completions,
    embeddings,
    generate,
    models,
    rerank,
    sentiment,
    summarize,
    validate,
)

OPERATIONS = (
    generate,
    complete,
    sentiment,
    summarize,
    validate,
    chat,
    completions,
    embeddings,
    rerank,
    models,
)
