"""Takes back request fields that the service added by itself and an upstream refuses.

Compatible servers differ in the fields that they take: `stream_options`, `logprobs`, the name of the token limit, the
edges of sampling parameters. Fields that the client sent are never changed.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar

from cachetools import TTLCache

from app.backends.base import UpstreamRequest
from app.errors import ModelNotFound, NotSupported, UpstreamAuthenticationError, UpstreamRejected, UpstreamReport

logger = logging.getLogger(__name__)

T = TypeVar("T")

# OpenAI refuses `logprobs` of some models with 403, and llama.cpp has 501 for what a model lacks
_REFUSAL_STATUSES = frozenset({400, 403, 422, 501})
_REFUSALS = (UpstreamRejected, ModelNotFound, UpstreamAuthenticationError, NotSupported)
# refusals of one call; each names another field
MAX_REFUSALS = 5
# pairs of a backend's route and model
MAX_REMEMBERED = 1000
# a server that was upgraded since may take the field again
REMEMBERED_SECONDS = 24 * 3600.0

_LEFT_OUT = "left out"
_RENAMED = "renamed"
_RAISED = "raised"
_SENT = "sent as it is"

# OpenAI's reasoning models take the new name only, most other servers the old one only
_NEW_NAMES = {"max_tokens": "max_completion_tokens"}
# text-generation-inference and others require a temperature above 0
_RAISED_VALUES = {"temperature": 0.01}
# inner names in refusals, and fields that are meaningless without another one
_OUTER_FIELDS = {"include_usage": "stream_options"}
_DEPENDENT_FIELDS = {"logprobs": ("top_logprobs",)}

_NOT_TAKEN = re.compile(
    r"unsupported|not (be |yet )?support|unrecogni[sz]ed|unknown|unexpected|not (be )?permitted|not (be )?allowed|extra"
    r"|forbidden|deprecated|instead|no longer|not accept|invalid (field|param|argument)|not a valid|additional propert"
    r"|does not (take|exist|allow)|cannot find|not implemented",
    re.IGNORECASE,
)
_MUST_BE_POSITIVE = re.compile(
    r"positive|greater than|above 0|> ?0|\(0|must be (in|between|at least|within)", re.IGNORECASE
)

# for each field of a body what is done to it
_Changes = dict[str, str]


class RefusedFields:
    """Sends calls without the added fields that their upstream is known to refuse.

    A refusal is remembered for the backend's route and model after the same call has succeeded without the field: an
    error text may quote the client's input.
    """

    def __init__(self, on_removed: Callable[[str, str], None]) -> None:
        """`on_removed` is called with backend and field when a call was sent once more without the field."""
        self._on_removed = on_removed
        self._known: TTLCache[tuple[str, str, str], _Changes] = TTLCache(MAX_REMEMBERED, REMEMBERED_SECONDS)
        self._knows_any = False  # a look into a TTLCache takes 1 % of a cached request

    def send(self, call: UpstreamRequest[Any], send: Callable[[UpstreamRequest[Any]], T]) -> T:
        """Return the result of `send` for the call, adapted to its upstream; raise the upstream's last error."""
        if not call.added:
            return send(call)
        key = (call.backend, call.route, call.model or "")
        known = self._known.get(key, {}) if self._knows_any else {}
        changes = dict(known)
        refusals = 0
        while True:
            try:
                result = send(_adapted(call, changes))
            except _REFUSALS as error:
                if refusals == MAX_REFUSALS or not _note_refusal(call, changes, error.report):
                    raise
                refusals += 1
            else:
                break
        if changes != known:
            self._remember(key, known, changes)
        return result

    def _remember(self, key: tuple[str, str, str], known: _Changes, changes: _Changes) -> None:
        self._known[key] = changes
        self._knows_any = True
        learnt = {field: change for field, change in changes.items() if change != known.get(field)}
        for field, change in learnt.items():
            values = (*key[:2], field, key[2], change)
            logger.warning("%s %s refuses the field %s for the model %r: from now on it is %s", *values)
            self._on_removed(key[0], field)


def _adapted(call: UpstreamRequest[T], changes: Mapping[str, str]) -> UpstreamRequest[T]:
    """Return the call with the changes applied to the fields that the service added."""
    if not changes:
        return call
    body = dict(call.body or {})
    for field, change in changes.items():
        if field not in call.added or field not in body or change == _SENT:
            continue
        value = body[field]
        if change == _RAISED:
            body[field] = value or _RAISED_VALUES[field]
            continue
        del body[field]
        if change == _RENAMED:
            body[_NEW_NAMES[field]] = value
        elif (clients_value := call.added[field]) is not None:
            body[field] = clients_value
    return call if body == call.body else replace(call, body=body)


def _note_refusal(call: UpstreamRequest[Any], changes: _Changes, report: UpstreamReport | None) -> bool:
    """Add the change that a refusal asks for; return False if it names no field that the service may change."""
    if report is None or report.status not in _REFUSAL_STATUSES or call.body is None:
        return False
    names = {
        _NEW_NAMES[field] if changes.get(field) == _RENAMED else field: field
        for field in call.added
        if field in call.body and changes.get(field) != _LEFT_OUT
    }
    name = _named(report, tuple(names), call.body)
    if name is None:
        return False
    field = names[name]
    change = _change(field, call.body[field], changes.get(field), report.reason)
    if change is None:
        return False
    changes.update(dict.fromkeys((field, *_DEPENDENT_FIELDS.get(field, ())), change))
    return True


def _change(field: str, value: Any, current: str | None, reason: str) -> str | None:
    """Return what to do to a field that was refused as `current`; None if there is nothing to do."""
    if field in _NEW_NAMES:  # a limit is never left out; a value that is too large has another message
        if current == _SENT or not _NOT_TAKEN.search(reason):
            return None
        return _SENT if current == _RENAMED else _RENAMED
    is_edge = field in _RAISED_VALUES and value == 0 and current is None
    if is_edge and (_MUST_BE_POSITIVE.search(reason) or not _NOT_TAKEN.search(reason)):
        return _RAISED
    return _LEFT_OUT


def _named(report: UpstreamReport, names: tuple[str, ...], body: Mapping[str, Any]) -> str | None:
    """Return the name that a refusal is about: that of a structured reason, else the first one in its text.

    Names further on in the text may be those of fields that the server takes. A structured reason that names another
    field of the body is about that one.
    """
    parts = [part for path in report.refused_fields for part in re.split(r"[.\[\]/]+", path)]
    found = [_OUTER_FIELDS.get(part, part) for part in parts]
    if named := next((name for name in found if name in names), None):
        return named
    if any(name in body for name in found):
        return None
    spellings = {
        **{name: name for name in names},
        **{inner: outer for inner, outer in _OUTER_FIELDS.items() if outer in names},
    }
    positions = [
        (match.start(), name)
        for spelling, name in spellings.items()
        if (match := _pattern(spelling).search(report.reason))
    ]
    return min(positions)[1] if positions else None


@lru_cache
def _pattern(name: str) -> re.Pattern[str]:
    """Return the pattern of a field's name as a word of its own, in snake case, camel case or plain words."""
    return re.compile(rf"(?<![A-Za-z0-9_]){name.replace('_', '[_ -]?')}(?![A-Za-z0-9_])", re.IGNORECASE)
