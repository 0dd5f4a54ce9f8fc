"""The AI operations, one module each. A new operation needs two lines here."""

from app.operations import (
    chat,
    complete,
    completions,
    embeddings,
    generate,
    models,
    responses,
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
    responses,
    completions,
    embeddings,
    models,
)
