"""How many tokens a model reads, as its upstream has said when it refused a text."""

import re

from cachetools import TTLCache

from app.backends.tasks.long_texts import is_too_long
from app.errors import UpstreamRejected

MAX_REMEMBERED = 1000
# a server may get another model of the same name
REMEMBERED_SECONDS = 3600.0
# for the instructions, beside the text and the answer
PROMPT_TOKENS = 250
MIN_TOKENS = 100
# a text may have more tokens than the estimate, such as one with many numbers
_CERTAIN = 0.85
_COUNT = re.compile(r"\d[\d,]{2,9}")


class ReadLimits:
    """Remembers for each model how many tokens of a text it reads, as estimated by the service."""

    def __init__(self) -> None:
        self._limits: TTLCache[str | None, int] = TTLCache(MAX_REMEMBERED, REMEMBERED_SECONDS)

    def of(self, model: str | None) -> int | None:
        """Return the limit of a model, None if it is unknown."""
        return self._limits.get(model)

    def learn(self, model: str | None, error: UpstreamRejected, tokens: int, answer_tokens: int) -> int | None:
        """Return a lower limit than the `tokens` of a text that was refused; None if that was for another reason.

        It is the lowest number in the upstream's reason, without prompt and answer; else half of the text.
        """
        if not is_too_long(error) or tokens < 2 * MIN_TOKENS:
            return None
        counts = [int(count.replace(",", "")) for count in _COUNT.findall(error.report.reason if error.report else "")]
        shown = int(_CERTAIN * min(counts, default=0)) - PROMPT_TOKENS - answer_tokens
        limit = shown if MIN_TOKENS <= shown < tokens else tokens // 2
        self._limits[model] = limit
        return limit
