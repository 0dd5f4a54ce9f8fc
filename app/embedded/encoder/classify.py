"""Classification by the labels of the request."""

from collections.abc import Callable, Mapping
from typing import Any

from app.embedded.encoder.errors import InvalidInput
from app.embedded.encoder.inputs import text_with_language
from app.embedded.encoder.models import Models


def load(models: Models) -> Callable[[Any, Mapping[str, Any]], tuple[Any, int]]:
    """Return the function that returns the probability of each label, in their order.

    An input is {"text": text, "language": ISO 639-1 code or null}; the options are `labels` and `multi_label`.
    """
    from app.embedded.encoder.labels import LabelScorer

    scorer = models.get(LabelScorer)

    def run(item: Any, options: Mapping[str, Any]) -> tuple[Any, int]:
        text, language = text_with_language(item)
        labels = options.get("labels")
        if not isinstance(labels, list) or not labels or not all(isinstance(label, str) for label in labels):
            raise InvalidInput("`labels` must be a list of texts.")
        return scorer.rate(text, language, labels, multi_label=bool(options.get("multi_label")))

    return run
