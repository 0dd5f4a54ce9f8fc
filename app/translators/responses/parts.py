"""Parts of an input item's content, as parts of a chat message."""

from collections.abc import Mapping
from typing import Any

from app.errors import ValidationError

# chat completions have no other
_DETAILS = {"original": "high"}


def invalid_input(reason: str) -> ValidationError:
    """Return the error of an input that cannot be translated."""
    return ValidationError(details={"input": [reason]})


def chat_content(content: Any, where: str) -> str | list[dict[str, Any]]:
    """Return the content of a message or of a tool's output: a text, or parts if there are several or other media.

    `where` names the item in errors. Raises ValidationError for a part that chat completions lack.
    """
    if isinstance(content, str):
        return _checked(content, where)
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise invalid_input(f"{where}: its content must be a string or a list of parts.")
    parts = [_chat_part(part, where) for part in content]
    if not parts:
        return ""
    # many chat templates take plain text only
    return parts[0]["text"] if len(parts) == 1 and "text" in parts[0] else parts


def text_content(content: Any, where: str) -> str:
    """Return the content of a message of the model: its texts and refusals."""
    parts = chat_content(content, where)
    if isinstance(parts, str):
        return parts
    if any("text" not in part for part in parts):
        raise invalid_input(f"{where}: a message of the assistant must have texts only.")
    return "".join(part["text"] for part in parts)


def _chat_part(part: Mapping[str, Any], where: str) -> dict[str, Any]:
    kind = part.get("type")
    if kind in ("input_text", "output_text", "text", "summary_text", "reasoning_text"):
        return {"type": "text", "text": _checked(part.get("text"), where)}
    if kind == "refusal":
        return {"type": "text", "text": _checked(part.get("refusal"), where)}
    if kind == "input_image":
        return _image(part, where)
    if kind == "input_audio" and isinstance(part.get("input_audio"), dict):
        return {"type": "input_audio", "input_audio": part["input_audio"]}
    if kind == "input_file":
        return _file(part, where)
    raise invalid_input(f"{where}: parts of the type {str(kind)[:50]!r} are not supported.")


def _image(part: Mapping[str, Any], where: str) -> dict[str, Any]:
    url, detail = part.get("image_url"), part.get("detail")
    if not isinstance(url, str):
        raise invalid_input(f"{where}: send the image as `image_url`, a URL or a data URL; this service has no files.")
    details = {"detail": _DETAILS.get(detail, detail)} if isinstance(detail, str) else {}
    return {"type": "image_url", "image_url": {"url": url, **details}}


def _file(part: Mapping[str, Any], where: str) -> dict[str, Any]:
    data, name = part.get("file_data"), part.get("filename")
    if not isinstance(data, str):
        raise invalid_input(f"{where}: send the file as `file_data`, a data URL; this service has no files.")
    return {"type": "file", "file": {"file_data": data, **({"filename": name} if isinstance(name, str) else {})}}


def _checked(text: Any, where: str) -> str:
    if not isinstance(text, str):
        raise invalid_input(f"{where}: its text must be a string.")
    if "\x00" in text:
        raise invalid_input(f"{where}: it contains a NUL character.")
    return text
