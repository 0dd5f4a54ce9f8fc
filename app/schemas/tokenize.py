"""Requests and responses of tokenize and detokenize, in the shapes of vLLM, TGI, TEI and llama.cpp."""

from marshmallow import fields

from app.schemas.fields import StrictBoolean
from app.schemas.json_shape import JsonShape
from app.schemas.openai_fields import Messages
from app.schemas.openai_inputs import AlternativesSchema, PlainText, PlainTexts, TokenIds
from app.schemas.openai_requests import OpenAIRequestSchema
from app.schemas.responses import PassthroughSchema


def _flag(description: str) -> StrictBoolean:
    return StrictBoolean(allow_none=True, metadata={"description": description})


class TokenizeRequestSchema(AlternativesSchema):
    """A text or a conversation to turn into tokens. The name of the input decides the shape of the response."""

    uses_tokens = False
    alternatives = ("prompt", "messages", "inputs", "content")

    prompt = PlainText(metadata={"description": "A text; the response has vLLM's shape."})
    messages = Messages(metadata={"description": "A conversation; the response has vLLM's shape."})
    inputs = PlainTexts(
        metadata={
            "description": "A text, whose response has TGI's shape; a list of texts, or a text beside "
            "`add_special_tokens`, has TEI's."
        }
    )
    content = PlainText(metadata={"description": "A text; the response has llama.cpp's shape."})
    tools = JsonShape(
        "a list of objects",
        {"type": "array", "items": {"type": "object"}},
        metadata={"description": "The tools of the conversation."},
    )
    chat_template_kwargs = JsonShape(
        "an object", {"type": "object"}, metadata={"description": "Variables of the chat template."}
    )
    add_generation_prompt = _flag("End a conversation with the beginning of a response, by default true.")
    continue_final_message = _flag("Leave the last message of a conversation open.")
    add_special_tokens = _flag("Add the tokens that begin or end each text, by default true.")
    return_token_strs = _flag("Return the text of each token too, in vLLM's shape.")
    add_special = _flag("The name of add_special_tokens beside `content`, by default false.")
    with_pieces = _flag("Return the text of each token too, in llama.cpp's shape.")


class TokenizeResponseSchema(PassthroughSchema):
    """The tokens of the input."""

    count = fields.Integer()
    max_model_len = fields.Integer(allow_none=True, metadata={"description": "The context; null if unknown."})
    tokens = fields.Raw(required=True, metadata={"type": "array"})
    token_strs = fields.List(fields.String(), allow_none=True)


class DetokenizeRequestSchema(OpenAIRequestSchema):
    """Token ids to turn into text."""

    uses_tokens = False

    tokens = TokenIds(required=True, metadata={"description": "The token ids."})


class DetokenizeResponseSchema(PassthroughSchema):
    """The text of the tokens, as `prompt` for clients of vLLM and as `content` for those of llama.cpp."""

    prompt = fields.String(required=True)
    content = fields.String(required=True)
