"""JSON of the app's answers, by orjson: several times faster than the standard library's."""

from typing import Any

import orjson
from flask.json.provider import JSONProvider

from app.web.response import Response


class OrjsonProvider(JSONProvider):
    """Flask's interface over orjson."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        return Response(orjson.dumps(self._prepare_response_obj(args, kwargs)), mimetype="application/json")
