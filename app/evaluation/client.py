"""Calls a running service."""

import json
import time
from collections.abc import Mapping
from typing import Any

import requests

TIMEOUT_SECONDS = 900.0
ATTEMPTS = 5
MAX_WAIT_SECONDS = 60.0
# the status of a response that is not the service's
NO_SERVICE = 404
# no response, and the statuses after which a later attempt may succeed
_TEMPORARY = (0, 429, 503)


class CallFailed(Exception):
    """The service returned an error, or no response: `status` is then 0. `error` has its `type` and `message`."""

    def __init__(self, status: int, error: Mapping[str, Any], retry_after: float | None = None) -> None:
        self.status = status
        self.error = {name: error[name] for name in ("type", "message", "details") if name in error}
        self.retry_after = retry_after
        details = f" {json.dumps(error['details'], ensure_ascii=False)}" if error.get("details") else ""
        super().__init__(f"{error.get('type')}: {error.get('message')}{details}")


class Client:
    """Posts JSON to a service, and waits where the service asks for it."""

    def __init__(self, url: str, key: str | None) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        # a cached response has no time of its own
        self._session.headers["Cache-Control"] = "no-store"
        if key:
            self._session.headers["Authorization"] = f"Bearer {key}"

    def post(self, route: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the response to a request; raise CallFailed after ATTEMPTS."""
        for attempt in range(1, ATTEMPTS):
            try:
                return self._post(route, body)
            except CallFailed as failed:
                if failed.status not in _TEMPORARY:
                    raise
                time.sleep(min(failed.retry_after or 2.0**attempt, MAX_WAIT_SECONDS))
        return self._post(route, body)

    def _post(self, route: str, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            response = self._session.post(self._url + route, json=body, timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            raise CallFailed(0, {"type": "no_response", "message": f"no response of {self._url}: {error}"}) from None
        try:
            content = response.json()
        except ValueError:
            content = None
        if response.ok and isinstance(content, dict):
            return content
        found = content if isinstance(content, dict) else {}
        if isinstance(found.get("error"), dict):  # the shape of OpenAI's routes
            found = found["error"]
        if "type" not in found:
            message = f"{response.url} returned {response.status_code} and no error of the service"
            found = {"type": "no_service", "message": message}
        status = NO_SERVICE if response.ok else response.status_code
        seconds = response.headers.get("Retry-After", "")
        raise CallFailed(status, found, float(seconds) if seconds.isdecimal() else None)
