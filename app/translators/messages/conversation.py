"""Anthropic's turns as the messages of a chat completion."""

from collections.abc import Iterable, Mapping
from itertools import chain, groupby
from typing import Any

import orjson

from app.schemas.message_blocks import ASSISTANT, SYSTEM, USER
from app.schemas.openai_fields import Conversation
from app.translators.messages.blocks import blocks_of, joined, parts, texts

# changes with every request of Claude Code, and so keeps servers from reusing what they know of the rest
_BILLING_HEADER = "x-anthropic-billing-header:"
# the form in which Claude Code itself puts instructions between texts of the user
_REMINDER = "<system-reminder>\n{}\n</system-reminder>"
_IMAGES_FOLLOW = "The images of this result are in the next message."
_FAILED = "Error: "

_Block = Mapping[str, Any]
_Message = dict[str, Any]


def chat_messages(system: Any, turns: Iterable[Mapping[str, Any]]) -> Conversation:
    """Return the system prompt and the turns as messages.

    Turns of one role that follow each other become one, as in Anthropic's API: servers want roles to alternate.
    """
    messages = _system_messages(blocks_of(system))
    for is_assistant, group in groupby(turns, key=lambda turn: turn["role"] == ASSISTANT):
        blocks = list(chain.from_iterable(map(_blocks_of_turn, group)))
        messages += _assistant_messages(blocks) if is_assistant else _user_messages(blocks)
    return Conversation(messages)


def _blocks_of_turn(turn: Mapping[str, Any]) -> Iterable[_Block]:
    """Return the blocks of a turn. Later instructions become texts of the user: many templates take them first only."""
    blocks = blocks_of(turn["content"])
    if turn["role"] != SYSTEM:
        return blocks
    return [{"type": "text", "text": _REMINDER.format(texts(parts(blocks)))}]


def _system_messages(blocks: Iterable[_Block]) -> list[_Message]:
    text = texts(parts(block for block in blocks if not block["text"].startswith(_BILLING_HEADER)))
    return [{"role": SYSTEM, "content": text}] if text else []


def _user_messages(blocks: list[_Block]) -> list[_Message]:
    """Return a message for each tool result, then one for the other blocks: calls need their results first.

    Results of tools are texts in chat completions, so their images move to the message of the user.
    """
    results = [block for block in blocks if block["type"] == "tool_result"]
    messages = [_tool_message(result) for result in results]
    found = [image for result in results for image in _images(result)]
    found += parts(block for block in blocks if block["type"] != "tool_result")
    if found or not results:
        messages.append({"role": USER, "content": joined(found)})
    return messages


def _tool_message(result: _Block) -> _Message:
    text = texts(parts(blocks_of(result.get("content"))))
    if not text and _images(result):
        text = _IMAGES_FOLLOW
    if result.get("is_error"):
        text = f"{_FAILED}{text}"
    return {"role": "tool", "tool_call_id": result["tool_use_id"], "content": text}


def _images(result: _Block) -> list[dict[str, Any]]:
    return [part for part in parts(blocks_of(result.get("content"))) if part["type"] != "text"]


def _assistant_messages(blocks: list[_Block]) -> list[_Message]:
    calls = [_tool_call(block) for block in blocks if block["type"] == "tool_use"]
    text = texts(parts(block for block in blocks if block["type"] not in ("tool_use", "image")))
    if calls:
        return [{"role": ASSISTANT, "content": text or None, "tool_calls": calls}]
    return [{"role": ASSISTANT, "content": text}] if text else []


def _tool_call(block: _Block) -> dict[str, Any]:
    function = {"name": block["name"], "arguments": orjson.dumps(block["input"]).decode()}
    return {"id": block["id"], "type": "function", "function": function}
