"""Requests and responses of Anthropic's Messages API. Fields that are not declared here are accepted and ignored."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from marshmallow import INCLUDE, ValidationError, fields, post_load, validate

from app.config import Config
from app.schemas.fields import MAX_ERRORS, Integer, Model, Number, RequestSchema, StrictBoolean
from app.schemas.json_shape import JsonShape, has_shape
from app.schemas.message_blocks import SYSTEM, content_error, content_schema, message_error, message_schema
from app.schemas.openai_fields import MAX_MESSAGES
from app.schemas.openai_requests import MAX_COMPLETION_TOKENS
from app.schemas.responses import PassthroughSchema, StrictSchema

_STRING = {"type": "string"}
_OBJECT = {"type": "object"}
_OPTIONAL_STRING = {"type": ["string", "null"]}
_OPTIONAL_BOOLEAN = {"type": ["boolean", "null"]}
_NAME = {"type": "string", "pattern": r"^[^\u0000]+$"}
_CUSTOM_TOOL = {
    "type": "object",
    "required": ["name", "input_schema"],
    "properties": {
        "type": {"anyOf": [{"type": "null"}, {"const": "custom"}]},
        "name": _NAME,
        "description": _OPTIONAL_STRING,
        "input_schema": _OBJECT,
        "strict": _OPTIONAL_BOOLEAN,
    },
}
# tools that clients execute, and the search for tools, which is not needed: the model gets all of them at once
_VERSIONED_TOOL = {
    "type": "object",
    "required": ["type", "name"],
    "properties": {
        "type": {"type": "string", "pattern": r"^(bash|text_editor|memory|tool_search_tool_(bm25|regex))(_[0-9]{8})?$"},
        "name": _NAME,
    },
}
_TOOL_CHOICE = {
    "type": "object",
    "anyOf": [
        {"type": "object", "required": ["type"], "properties": {"type": {"const": kind}}}
        for kind in ("auto", "any", "none")
    ]
    + [{"type": "object", "required": ["type", "name"], "properties": {"type": {"const": "tool"}, "name": _NAME}}],
}
_FORMAT = {"type": "object", "properties": {"type": _STRING, "schema": _OBJECT}}


class MessageList(fields.Field[list[dict[str, Any]]]):
    """The turns of a conversation: objects with a role and a content, which is a text or a list of blocks."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[dict[str, Any]]:
        if not isinstance(value, list) or not value:
            raise ValidationError("This must be a list of at least one message.")
        if len(value) > MAX_MESSAGES:
            raise ValidationError(f"At most {MAX_MESSAGES} messages are accepted.")
        reasons = ((index, message_error(message)) for index, message in enumerate(value))
        errors = (f"Message {index}: {reason}" for index, reason in reasons if reason)
        if found := list(islice(errors, MAX_ERRORS)):
            raise ValidationError(found)
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "array", "minItems": 1, "maxItems": MAX_MESSAGES, "items": message_schema()}


class SystemPrompt(fields.Field[Any]):
    """The instructions for the model: a text or a list of text blocks."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if error := content_error(value, SYSTEM):
            raise ValidationError(f"System: {error}")
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"anyOf": [*content_schema(SYSTEM)["anyOf"], {"type": "null"}]}


class ToolList(fields.Field[list[dict[str, Any]]]):
    """Tools that clients execute: their own with a schema, and those of Anthropic with a known schema."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[dict[str, Any]]:
        if not isinstance(value, list):
            raise ValidationError("This must be a list of tools.")
        reasons = ((index, _tool_error(tool)) for index, tool in enumerate(value))
        errors = (f"Tool {index}: {reason}" for index, reason in reasons if reason)
        if found := list(islice(errors, MAX_ERRORS)):
            raise ValidationError(found)
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": ["array", "null"], "items": {"anyOf": [_CUSTOM_TOOL, _VERSIONED_TOOL]}}


def _tool_error(tool: Any) -> str | None:
    if has_shape(tool, _CUSTOM_TOOL) or has_shape(tool, _VERSIONED_TOOL):
        return None
    kind = tool.get("type") if isinstance(tool, dict) else None
    if isinstance(kind, str) and kind != "custom":
        return (
            f"this service has no tool of the type {kind[:50]}, and runs no tools itself; declare a tool of your own "
            "with a name and an input_schema, and run it in the client."
        )
    return "it must be an object with a name and an input_schema."


class ToolChoice(fields.Field[dict[str, Any]]):
    """Which tool the model calls: auto, any, none, or tool with a name."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not has_shape(value, _TOOL_CHOICE):
            raise ValidationError("This must be an object of the type auto, any, none, or tool with a name.")
        return dict(value)

    def json_schema(self) -> dict[str, Any]:
        return {"anyOf": [*_TOOL_CHOICE["anyOf"], {"type": "null"}]}


def _shape(description: str, shape: Mapping[str, Any], meaning: str) -> JsonShape:
    return JsonShape(description, shape, metadata={"description": meaning})


class CountTokensRequestSchema(RequestSchema):
    """A conversation whose tokens to count. A field with null counts as absent."""

    class Meta:
        unknown = INCLUDE

    model = Model(allow_none=True, metadata={"description": "The model to use, by default the configured one."})
    messages = MessageList(required=True, metadata={"description": "The conversation so far."})
    system = SystemPrompt(
        allow_none=True, metadata={"description": "Instructions for the model: a text or text blocks."}
    )
    tools = ToolList(allow_none=True, metadata={"description": "The tools that the model may call."})
    tool_choice = ToolChoice(allow_none=True, metadata={"description": "Which tool the model calls."})
    thinking = _shape(
        "an object with a type",
        {"type": "object", "properties": {"type": _STRING, "budget_tokens": {"type": "number"}}},
        "Whether the response shows how the model reasons; `budget_tokens` chooses its effort.",
    )
    output_config = _shape(
        "an object with an effort or a format",
        {
            "type": "object",
            "properties": {"effort": _OPTIONAL_STRING, "format": {**_FORMAT, "type": ["object", "null"]}},
        },
        "The effort of the model, and the JSON Schema of the response.",
    )
    output_format = _shape("an object with a JSON Schema", _FORMAT, "The older place of the format of output_config.")
    mcp_servers = fields.List(
        fields.Raw(),
        allow_none=True,
        validate=validate.Length(max=0, error="This service connects to no MCP servers; connect the client to them."),
        metadata={"description": "Empty: this service connects to no MCP servers."},
    )

    def body_limit(self, config: Config) -> int:
        """Return MAX_BODY_BYTES: the length of the input is for the model to judge."""
        return config.max_body_bytes

    @post_load
    def _without_nulls(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        return {name: value for name, value in data.items() if value is not None or name not in self.fields}


class MessagesRequestSchema(CountTokensRequestSchema):
    """A conversation to respond to."""

    max_tokens = Integer(
        0, MAX_COMPLETION_TOKENS, required=True, metadata={"description": "The maximum length of the response."}
    )
    stream = StrictBoolean(
        allow_none=True, metadata={"description": "Send the response in parts, as server-sent events."}
    )
    stop_sequences = _shape("a list of strings", {"type": "array", "items": _STRING}, "Texts that end the response.")
    temperature = Number(
        0, 1, allow_none=True, metadata={"description": "The sampling temperature; 0 selects the most likely token."}
    )
    top_p = Number(
        0,
        1,
        allow_none=True,
        metadata={"description": "Sample from the most likely tokens of this total probability."},
    )
    top_k = Integer(
        0, 2**31 - 1, allow_none=True, metadata={"description": "Sample from this many of the most likely tokens."}
    )
    metadata = _shape(
        "an object",
        {"type": "object", "properties": {"user_id": _OPTIONAL_STRING}},
        "`user_id` is an identifier of the end user.",
    )


class MessageUsageSchema(PassthroughSchema):
    """Token counts. `estimated` is present, and true, only if the backend returned none."""

    input_tokens = fields.Integer(required=True, metadata={"description": "Without those that a cache had."})
    output_tokens = fields.Integer(required=True)
    cache_creation_input_tokens = fields.Integer(required=True)
    cache_read_input_tokens = fields.Integer(required=True)
    estimated = fields.Boolean()


class ContentBlockSchema(PassthroughSchema):
    """A part of the response: text, thinking or tool_use."""

    type = fields.String(required=True)


class MessageResponseSchema(PassthroughSchema):
    """The response of the model."""

    id = fields.String(required=True)
    type = fields.String(required=True, validate=validate.Equal("message"))
    role = fields.String(required=True, validate=validate.Equal("assistant"))
    model = fields.String(required=True, metadata={"description": "The model that generated the response."})
    content = fields.List(fields.Nested(ContentBlockSchema), required=True)
    stop_reason = fields.String(required=True)
    stop_sequence = fields.String(required=True, allow_none=True)
    usage = fields.Nested(MessageUsageSchema, required=True)


class TokenCountSchema(PassthroughSchema):
    """The tokens of a conversation."""

    input_tokens = fields.Integer(required=True)


class AnthropicErrorObjectSchema(StrictSchema):
    """The error object of Anthropic's API."""

    type = fields.String(required=True)
    message = fields.String(required=True, metadata={"description": "A sentence with advice."})
    details = fields.Dict(
        required=True, metadata={"description": "`error_code` is the type of this service; others are facts."}
    )


class AnthropicErrorSchema(StrictSchema):
    """An error in the shape of Anthropic's API."""

    type = fields.String(required=True, validate=validate.Equal("error"))
    error = fields.Nested(AnthropicErrorObjectSchema, required=True)
    request_id = fields.String(required=True)
