"""The routes of text-embeddings-inference (TEI)."""

import json
from typing import Any

from support.surfaces.dialect import Dialect

_WORDS = {
    **dict.fromkeys(("overloaded", "rate_limit_exceeded", "upstream_rate_limited"), "Overloaded"),
    **dict.fromkeys(("upstream_unavailable", "upstream_invalid_response", "upstream_timeout"), "Backend"),
    **dict.fromkeys(("upstream_authentication_error", "upstream_quota_exhausted", "circuit_open"), "Backend"),
    **dict.fromkeys(("model_not_found", "model_loading", "not_supported"), "Backend"),
}


class Tei(Dialect):
    """The routes of text-embeddings-inference, whose responses are lists."""

    def check(self, body: Any) -> None:
        assert isinstance(body, list)

    def text(self, body: Any) -> str:
        return json.dumps(body)

    def error(self, body: Any) -> str:
        assert set(body) - {"debug"} == {"error", "error_type", "type", "request_id"}
        assert isinstance(body["error"], str)
        return str(body["error_type"])

    def word(self, kind: str) -> str:
        return _WORDS.get(kind, "Validation")
