"""The tasks behind the operations of other APIs."""

from collections.abc import Mapping

# operation to the task that it runs in the form of another API; all others are tasks of their own
_TASKS: Mapping[str, str] = {
    "count_tokens": "chat",
    "embed": "embeddings",
    "messages": "chat",
    "ollama_chat": "chat",
    "ollama_embed": "embeddings",
    "ollama_generate": "chat",
    "ollama_models": "models",
    "predict": "sentiment",
    "responses": "chat",
    "similarity": "embeddings",
    "vectors": "embeddings",
    "tei_similarity": "embeddings",
    "tgi": "complete",
    "vllm_classify": "sentiment",
}
# operations that run the task which the body of the request names
BY_BODY = frozenset(("task",))


def task_of(operation: str) -> str:
    """Return the task that an operation runs. Permissions and default models of the task hold for the operation."""
    return _TASKS.get(operation, operation)
