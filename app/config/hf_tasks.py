"""The text tasks of Hugging Face's inference API, by the names in its URLs and on its model pages.

https://huggingface.co/docs/inference-providers/tasks/index
"""

from collections.abc import Mapping

TEXT_GENERATION = "text-generation"
TEXT_CLASSIFICATION = "text-classification"
SUMMARIZATION = "summarization"
FEATURE_EXTRACTION = "feature-extraction"
SENTENCE_SIMILARITY = "sentence-similarity"
ZERO_SHOT_CLASSIFICATION = "zero-shot-classification"
TOKEN_CLASSIFICATION = "token-classification"  # noqa: S105 - a name
TRANSLATION = "translation"
QUESTION_ANSWERING = "question-answering"
TABLE_QUESTION_ANSWERING = "table-question-answering"
FILL_MASK = "fill-mask"
TEXT_RANKING = "text-ranking"

# tasks of the Hub whose models continue a text
GENERATOR_TASKS = (TEXT_GENERATION, "text2text-generation", "image-text-to-text")

# each task, and the operation whose permission and default model it has
TASK_OPERATIONS: Mapping[str, str] = {
    TEXT_GENERATION: "complete",
    TEXT_CLASSIFICATION: "sentiment",
    SUMMARIZATION: "summarize",
    FEATURE_EXTRACTION: "embeddings",
    SENTENCE_SIMILARITY: "embeddings",
    ZERO_SHOT_CLASSIFICATION: ZERO_SHOT_CLASSIFICATION,
    TOKEN_CLASSIFICATION: TOKEN_CLASSIFICATION,
    TRANSLATION: TRANSLATION,
    QUESTION_ANSWERING: QUESTION_ANSWERING,
    TABLE_QUESTION_ANSWERING: TABLE_QUESTION_ANSWERING,
    FILL_MASK: FILL_MASK,
    TEXT_RANKING: TEXT_RANKING,
}
# names of transformers, and of older model pages
TASK_ALIASES: Mapping[str, str] = {
    "text2text-generation": TEXT_GENERATION,
    "sentiment-analysis": TEXT_CLASSIFICATION,
    "ner": TOKEN_CLASSIFICATION,
}


def canonical_task(name: str) -> str | None:
    """Return a task by its name or alias; translation may name its languages; None for any other name."""
    if name.startswith("translation_") and "_to_" in name:
        return TRANSLATION
    return TASK_ALIASES.get(name, name) if name in TASK_ALIASES or name in TASK_OPERATIONS else None
