"""The operations of the encoder, by the last part of their path.

To add one, write a module with `load(models)`. It returns a function that takes one input and the options of the
request, and returns its output, which is JSON or a numpy array, and the number of tokens read. `load` imports and loads
what the function needs; `models.get(...)` shares a model among operations. The function raises InvalidInput for an
input or options that it cannot use. An operation that is faster on several short inputs returns Grouped instead.
"""

from collections.abc import Callable, Mapping

from app.embedded.encoder import answer, classify, embeddings, entities, keywords, pii, sentiment
from app.embedded.encoder.groups import Grouped, Run
from app.embedded.encoder.models import Models

Load = Callable[[Models], Run | Grouped]

OPERATIONS: Mapping[str, Load] = {
    "answer": answer.load,
    "classify": classify.load,
    "embeddings": embeddings.load,
    "entities": entities.load,
    "keywords": keywords.load,
    "pii": pii.load,
    "sentiment": sentiment.load,
}
