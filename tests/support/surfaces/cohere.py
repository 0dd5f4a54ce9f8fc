"""Cohere's rerank."""

import json
from typing import Any

from cohere import RerankResponse
from cohere.v2.types import V2RerankResponse
from support.surfaces.dialect import Dialect


class Rerank(Dialect):
    """Cohere's rerank, in both of its versions."""

    def check(self, body: Any) -> None:
        for kind in (RerankResponse, V2RerankResponse):
            kind.model_validate(body)

    def text(self, body: Any) -> str:
        return json.dumps(body["results"])

    def error(self, body: Any) -> str:
        assert set(body) - {"debug"} == {"id", "message", "detail", "type", "details"}
        assert body["message"] == body["detail"]
        return str(body["type"])
