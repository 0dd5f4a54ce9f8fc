"""Anthropic's content blocks as parts of chat messages: texts and images."""

from collections.abc import Iterable, Mapping
from typing import Any

# where blocks that other APIs returned hold texts: results of searches, of code and of MCP servers
_READABLE = ("title", "url", "tool_name", "text", "content", "stdout", "stderr", "error_code")
_THINKING = ("thinking", "redacted_thinking")

Part = dict[str, Any]


def blocks_of(content: Any) -> list[dict[str, Any]]:
    """Return the blocks of a content, which may be a text or absent."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return content or []


def parts(blocks: Iterable[Mapping[str, Any]]) -> list[Part]:
    """Return the parts of blocks; empty texts and thinking have none."""
    return [part for block in blocks for part in _parts(block)]


def joined(found: list[Part]) -> str | list[Part]:
    """Return parts as a content: one string if all are texts, which every server takes."""
    return texts(found) if all(part["type"] == "text" for part in found) else found


def texts(found: list[Part]) -> str:
    """Return the texts of parts, each in a line of its own."""
    return "\n".join(part["text"] for part in found if part["type"] == "text")


def _parts(block: Mapping[str, Any]) -> list[Part]:
    kind = block["type"]
    if kind in _THINKING:
        return []
    if kind == "text":
        return _text_parts([block["text"]])
    if kind == "image":
        return [{"type": "image_url", "image_url": {"url": _image_url(block["source"])}}]
    if kind == "document":
        return _document_parts(block)
    if kind == "search_result":
        return _text_parts([block["title"], block["source"], texts(parts(block["content"]))])
    return _text_parts(_readable(block))


def _text_parts(lines: Iterable[str | None]) -> list[Part]:
    text = "\n".join(filter(None, lines))
    return [{"type": "text", "text": text}] if text else []


def _image_url(source: Mapping[str, Any]) -> str:
    if source["type"] == "url":
        return str(source["url"])
    return f"data:{source['media_type']};base64,{source['data']}"


def _document_parts(block: Mapping[str, Any]) -> list[Part]:
    source = block["source"]
    content = source["data"] if source["type"] == "text" else source["content"]
    return _text_parts([block.get("title"), block.get("context")]) + parts(blocks_of(content))


def _readable(value: Any) -> list[str]:
    """Return the texts of a block that another API returned, in the order of their fields."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for item in value for text in _readable(item)]
    if isinstance(value, dict):
        return [text for name in _READABLE if name in value for text in _readable(value[name])]
    return []
