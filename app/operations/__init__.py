"""The AI operations, one module each. A new operation needs two lines here."""

from app.operations import (
    chat,
    complete,
    completions,
    embed,
    embeddings,
    generate,
    models,
    predict,
    rerank,
    sentiment,
    similarity,
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
    embed,
    predict,
    similarity,
    models,
)
