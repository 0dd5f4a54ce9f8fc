"""Images and files in the outputs of tools.

Chat completions take only texts there: https://platform.openai.com/docs/api-reference/chat/create.
"""

from typing import Any

from app.schemas.openai_fields import Conversation

_MEDIA_FOLLOW = "The output is in the next message of the user."


def move_media(messages: Conversation) -> Conversation:
    """Return the messages with media of outputs in the user's next message, behind all outputs of a turn."""
    moved = Conversation()
    media: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] == "tool" and isinstance(message["content"], list):
            media += [part for part in message["content"] if part["type"] != "text"]
            message = {**message, "content": _texts(message["content"]) or _MEDIA_FOLLOW}
        elif message["role"] == "user" and media:
            message = {**message, "content": [*media, *_parts(message["content"])]}
            media = []
        elif message["role"] != "tool" and media:
            moved.append({"role": "user", "content": media})
            media = []
        moved.append(message)
    if media:
        moved.append({"role": "user", "content": media})
    return moved


def _texts(parts: list[dict[str, Any]]) -> str:
    return "\n".join(part["text"] for part in parts if part["type"] == "text")


def _parts(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
