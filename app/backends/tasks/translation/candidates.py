"""Translates by the first model of Hugging Face that is served for a pair of languages, else by a chat model."""

from cachetools import TTLCache

from app.backends.plan import Plan
from app.backends.tasks.translation import pipeline
from app.backends.tasks.translation.models import PairOfModel, candidates, pair_of_model
from app.backends.text_types import TranslateRequest, Translation
from app.errors import ModelNotFound, NotSupported, UpstreamRejected

MAX_REMEMBERED = 1000
# Hugging Face changes the models that it keeps loaded
REMEMBERED_SECONDS = 3600.0


class PipelineTranslator:
    """Asks the translation pipelines, and remembers which models are not served."""

    def __init__(self) -> None:
        self._lacking: TTLCache[str, bool] = TTLCache(MAX_REMEMBERED, REMEMBERED_SECONDS)

    def translate(
        self, make_call: pipeline.MakeCall, request: TranslateRequest, model: str | None
    ) -> Plan[Translation | None]:
        """Return the translation; None if no pipeline serves the model, or any model for the languages.

        Raises UpstreamRejected if the model does not know the languages.
        """
        for pair in _pairs(request, model):
            if pair.model in self._lacking:
                continue
            try:
                return (yield from pipeline.translate(make_call, pair, request.text))
            except (ModelNotFound, NotSupported):
                self._lacking[pair.model] = True
        return None


def _pairs(request: TranslateRequest, model: str | None) -> list[PairOfModel]:
    if model is None:
        return list(candidates(request.source, request.target)) if request.source else []
    try:
        return [pair_of_model(model, request.source, request.target)]
    except ValueError as error:
        raise UpstreamRejected(str(error)) from None
