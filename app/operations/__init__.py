"""The AI operations, one module each. A new operation needs two lines here."""

from app.operations import (
    chat,
    complete,
    completions,
    count_tokens,
    embeddings,
    generate,
    messages,
    models,
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
    messages,
    count_tokens,
    models,
)
