"""The names of the encoder's models that clients can name."""

MULTILINGUAL = "universal-sentence-encoder-multilingual-3"
ENGLISH = "bge-small-en-v1.5"
# the first is the default
EMBEDDING_MODELS = (MULTILINGUAL, ENGLISH)


def embedding_model(name: str) -> str | None:
    """Return the model of this name, in any case and with any owner before it; None if there is none."""
    short = name.rpartition("/")[2].lower()
    return short if short in EMBEDDING_MODELS else None
