"""Keywords of English texts by the encoder, and of others by statistics."""

from typing import Any

from app.backends.encoder.calls import EncoderCalls
from app.backends.plan import Plan
from app.backends.tasks.keyword_search import keywords_by_statistics
from app.backends.text_types import Keyword, Keywords, KeywordsRequest
from app.backends.types import Usage
from app.errors import NotSupported

SOURCE = "noun_phrases"
MODEL = "en_core_web_sm"


def keywords_by_encoder(encoder: EncoderCalls, request: KeywordsRequest) -> Plan[Keywords]:
    """Return the noun phrases of an English text; for other languages, and without spaCy, keywords by statistics."""
    if request.language not in ("en", None):
        return keywords_by_statistics(request)

    def parse(output: Any, tokens: int) -> Keywords:
        found = [Keyword(start, end, score) for start, end, score in output]
        return Keywords(found, SOURCE, usage=Usage(tokens, 0), model=MODEL)

    try:
        result = yield encoder.call("keywords", request.text, {"max_keywords": request.max_keywords}, parse)
    except NotSupported:
        return keywords_by_statistics(request)
    return result if result.keywords else keywords_by_statistics(request)
