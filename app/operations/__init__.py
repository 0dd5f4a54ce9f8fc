"""The AI operations, one module each. A new operation needs two lines here."""

from app.operations import (
    chat,
    complete,
    completions,
    count_tokens,
    embed,
    embeddings,
    generate,
    messages,
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
    messages,
    count_tokens,
    rerank,
    embed,
    predict,
    similarity,
    models,
)
