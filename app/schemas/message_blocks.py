"""The contents of Anthropic's messages: texts, and blocks of the types that each role may send.

https://docs.claude.com/en/api/messages
"""

from collections.abc import Iterator, Mapping
from typing import Any

from app.schemas.fields import WITHOUT_NUL
from app.schemas.json_shape import has_shape

USER, ASSISTANT, SYSTEM = "user", "assistant", "system"

_STRING = {"type": "string"}
_TEXT = {**_STRING, "pattern": WITHOUT_NUL}
_NAME = {**_STRING, "pattern": r"^[^\u0000]+$"}
_OPTIONAL_TEXT = {**_TEXT, "type": ["string", "null"]}


def _object(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


def _block(kind: str, required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return _object({"type": {"const": kind}, **required}, optional)


def _list_of(*blocks: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": {"anyOf": list(blocks)}}


TEXT_BLOCK = _block("text", {"text": _TEXT})
_IMAGE_SOURCES = [
    _block("base64", {"media_type": _STRING, "data": _STRING}),
    _block("url", {"url": _STRING}),
]
_IMAGE_BLOCK = _block("image", {"source": {"anyOf": _IMAGE_SOURCES}})
_DOCUMENT_SOURCES = [
    _block("text", {"data": _TEXT}),
    _block("content", {"content": {"anyOf": [_TEXT, _list_of(TEXT_BLOCK, _IMAGE_BLOCK)]}}),
]
_TITLES = {"title": _OPTIONAL_TEXT, "context": _OPTIONAL_TEXT}
_DOCUMENT_BLOCK = _block("document", {"source": {"anyOf": _DOCUMENT_SOURCES}}, _TITLES)
_SEARCH_RESULT_BLOCK = _block("search_result", {"source": _TEXT, "title": _TEXT, "content": _list_of(TEXT_BLOCK)})
_TOOL_REFERENCE_BLOCK = _block("tool_reference", {"tool_name": _TEXT})
_RESULTS = _list_of(TEXT_BLOCK, _IMAGE_BLOCK, _DOCUMENT_BLOCK, _SEARCH_RESULT_BLOCK, _TOOL_REFERENCE_BLOCK)
_RESULT_CONTENT = {"anyOf": [{"type": "null"}, _TEXT, _RESULTS]}
_IS_ERROR = {"is_error": {"type": ["boolean", "null"]}}
_TOOL_RESULT_BLOCK = _block("tool_result", {"tool_use_id": _NAME}, {"content": _RESULT_CONTENT, **_IS_ERROR})
_TOOL_USE_BLOCK = _block("tool_use", {"id": _NAME, "name": _NAME, "input": {"type": "object"}})

_A_TEXT = "a text block must have a text without NUL characters"
_AN_IMAGE = "an image must have a source of the type base64, with media_type and data, or of the type url"
_A_DOCUMENT = "a document must have a source of the type text or content; send the text of other documents"
_NO_SUCH_BLOCK = "blocks of the type {} are not accepted in messages of the role {}"

# a block's type to its shape, and the sentence for a block of another shape
_Blocks = Mapping[str, tuple[Mapping[str, Any], str]]

_SYSTEM_BLOCKS: _Blocks = {"text": (TEXT_BLOCK, _A_TEXT)}
_USER_BLOCKS: _Blocks = {
    **_SYSTEM_BLOCKS,
    "image": (_IMAGE_BLOCK, _AN_IMAGE),
    "document": (_DOCUMENT_BLOCK, _A_DOCUMENT),
    "search_result": (_SEARCH_RESULT_BLOCK, "a search_result must have a title, a source and text blocks as content"),
    "tool_result": (
        _TOOL_RESULT_BLOCK,
        "a tool_result must have the tool_use_id of its call, and as content a text, or blocks of texts, images, text "
        "documents, search results and tool references",
    ),
}
_ASSISTANT_BLOCKS: _Blocks = {
    **_SYSTEM_BLOCKS,
    "tool_use": (_TOOL_USE_BLOCK, "a tool_use must have an id, a name and an object as input"),
}
_BLOCKS_OF: Mapping[str, _Blocks] = {USER: _USER_BLOCKS, ASSISTANT: _ASSISTANT_BLOCKS, SYSTEM: _SYSTEM_BLOCKS}


def message_error(message: Any) -> str | None:
    """Return the reason why a message is invalid, None for a valid one."""
    if not isinstance(message, dict):
        return "it must be an object."
    role = message.get("role")
    if not isinstance(role, str) or role not in _BLOCKS_OF:
        return f"its role must be {USER}, {ASSISTANT} or {SYSTEM}."
    return content_error(message.get("content"), role)


def content_error(content: Any, role: str) -> str | None:
    """Return the reason why the content of a role's message is invalid, None for a valid one."""
    if isinstance(content, str):
        return "it contains a NUL character." if "\x00" in content else None
    if not isinstance(content, list):
        return "its content must be a string or a list of blocks."
    return next(_block_errors(content, role), None)


def _block_errors(blocks: list[Any], role: str) -> Iterator[str]:
    known = _BLOCKS_OF[role]
    for index, block in enumerate(blocks):
        kind = block.get("type") if isinstance(block, dict) else None
        if not isinstance(kind, str):
            yield f"block {index} must be an object with a type."
        elif kind in known:
            shape, sentence = known[kind]
            if not has_shape(block, shape):
                yield f"block {index}: {sentence}."
        elif role != ASSISTANT:
            yield f"block {index}: {_NO_SUCH_BLOCK.format(kind[:50], role)}."


def message_schema() -> dict[str, Any]:
    """Return the JSON Schema of messages without an error."""
    return {"anyOf": [_object({"role": {"const": role}, "content": content_schema(role)}) for role in _BLOCKS_OF]}


def content_schema(role: str) -> dict[str, Any]:
    """Return the JSON Schema of the contents of a role's message."""
    known = _BLOCKS_OF[role]
    shapes = [shape for shape, _ in known.values()]
    if role == ASSISTANT:  # it may replay blocks of every API that it came from
        shapes.append(_object({"type": {"type": "string", "not": {"enum": list(known)}}}))
    return {"anyOf": [_TEXT, _list_of(*shapes)]}
