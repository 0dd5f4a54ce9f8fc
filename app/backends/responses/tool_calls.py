"""Normalizes tool calls: a list, arguments as a JSON string, and in streams id and name only once per call."""

from typing import Any

from app.backends.responses.tool_call_pieces import FUNCTION, Piece, ToolCall
from app.errors import UpstreamInvalidResponse
from app.ids import new_id

# no response has more
MAX_CALLS = 1000


class ToolCalls:
    """Normalizes the tool calls of one choice; matches the pieces of a call by index, id and name."""

    def __init__(self) -> None:
        self._count = 0
        # also without the index
        self._by_id: dict[tuple[int | None, str], ToolCall] = {}
        self._latest: dict[int, ToolCall] = {}

    def normalize(self, part: dict[str, Any], *, complete: bool) -> None:
        """Bring a part's `tool_calls` into OpenAI's form; raise UpstreamInvalidResponse if they are invalid.

        Each entry of a `complete` response is a call of its own. Types other than functions are passed on.
        """
        value = part["tool_calls"]
        entries = [value] if isinstance(value, dict) else value
        if not isinstance(entries, list):
            raise UpstreamInvalidResponse
        # an empty entry of a stream says nothing
        entries = [entry for entry in entries if entry is not None and (complete or entry != {})]
        seen: list[ToolCall] = []
        for position, entry in enumerate(entries):
            piece = Piece.read(entry, position)
            if complete and not piece.kind:
                raise UpstreamInvalidResponse
            call = None if complete else self._find(piece)
            if call is None or (piece.name and call in seen):
                call = self._begin(piece, entry)
            else:
                _continue(call, piece, entry)
            seen.append(call)
        part["tool_calls"] = entries

    def _begin(self, piece: Piece, entry: dict[str, Any]) -> ToolCall:
        """Make an entry the first piece of a call."""
        if self._count >= MAX_CALLS:
            raise UpstreamInvalidResponse
        before = self._latest.get(piece.index)
        call_id = piece.id or (before.next_id if before else "")
        if not call_id or (None, call_id) in self._by_id:
            call_id = f"call_{new_id()}"
        if before and before.named_again and piece.opens:
            piece.body.setdefault("name", before.name)
        call = ToolCall(self._count, call_id, piece.kind or FUNCTION, piece.name)
        call.add(piece.text)
        self._count += 1
        self._latest[piece.index] = call
        self._by_id[piece.index, call_id] = self._by_id[None, call_id] = call
        entry |= {"index": call.index, "id": call_id, "type": entry.get("type") or call.kind}
        _set_function(call, piece, entry)
        return call

    def _find(self, piece: Piece) -> ToolCall | None:
        """Return the call that a piece continues, None for the first piece of a call."""
        known = self._by_id.get((piece.index if piece.has_index else None, piece.id)) if piece.id else None
        call = known or self._latest.get(piece.index)
        if call is None or (piece.kind and piece.kind != call.kind):
            return None
        if piece.name and call.name and piece.name != call.name:
            return None
        if piece.opens and (piece.name or call.named_again) and call.is_complete:
            return known if known and piece.text == known.arguments else None
        if piece.id and not known:
            return call if _continues_under_new_id(call, piece) else None
        # without id, index and arguments nothing but the name tells two calls apart
        is_bare = not (piece.id or piece.has_index or piece.text or call.arguments)
        return None if is_bare and piece.name and call.name else call


def _continues_under_new_id(call: ToolCall, piece: Piece) -> bool:
    """Return whether a piece with a new id is no new call: arguments are unfinished, or come without a name."""
    if piece.name or piece.text is None:
        return call.is_unfinished
    return piece.has_index or not call.is_complete


def _continue(call: ToolCall, piece: Piece, entry: dict[str, Any]) -> None:
    """Make an entry a later piece of a call; OpenAI names a call in its first piece only."""
    entry["index"] = call.index
    entry.pop("type", None)
    if piece.id and piece.id != call.id:
        call.next_id = piece.id
    if piece.opens and call.is_complete and piece.text == call.arguments:
        piece.body["arguments"] = ""  # the whole call once more
    if call.name is None:
        call.name = piece.name
    else:
        call.named_again = piece.name is not None and call.is_complete
        piece.body.pop("name", None)
    call.add(piece.text)
    _set_function(call, piece, entry)


def _set_function(call: ToolCall, piece: Piece, entry: dict[str, Any]) -> None:
    """Give each piece of a function a `function` with arguments, and other pieces none that is null."""
    if call.kind == FUNCTION:
        entry[FUNCTION] = piece.body
        piece.body.setdefault("arguments", "")
    elif not isinstance(entry.get(FUNCTION), dict):
        entry.pop(FUNCTION, None)
