"""The request and the response of translate."""

from typing import Any

from marshmallow import fields

from app.schemas.texts import Language, TextResultSchema, TextsRequestSchema

# a translation has at most about twice the tokens of its text
_TOKENS_PER_TOKEN = 3


class TranslateRequestSchema(TextsRequestSchema):
    """Texts to translate."""

    target = Language(required=True, metadata={"description": "The language of the translation, such as `de`."})
    source = Language(
        metadata={"description": "The language of the texts, the same as `language`; by default it is found out."}
    )

    def needed_tokens(self, body: dict[str, Any], tokens: int, count: int) -> int:
        """Add the tokens of the translations."""
        return _TOKENS_PER_TOKEN * super().needed_tokens(body, tokens, count)


class TranslateResponseSchema(TextResultSchema):
    """The translation of a complete text."""

    translation = fields.String(required=True)
    source = fields.String(
        required=True, allow_none=True, metadata={"description": "The language of the text; null if it is unknown."}
    )
    target = fields.String(required=True)
    model = fields.String(
        required=True, allow_none=True, metadata={"description": "The model that translated; null if none was needed."}
    )
    chunks = fields.Integer(
        required=True,
        metadata={"description": "How many parts of the text were translated; 0 for a text in the target's language."},
    )
