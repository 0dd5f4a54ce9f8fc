"""The request and the response of similarity."""

from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validates_schema

from app.schemas.rerank_fields import RankedTexts
from app.schemas.texts import TextResultSchema, TextsRequestSchema

MAX_CANDIDATES = 1000


class Candidates(RankedTexts):
    """A list of up to MAX_CANDIDATES texts, none of them blank."""

    max_items = MAX_CANDIDATES


class TextSimilarityRequestSchema(TextsRequestSchema):
    """Texts, and the candidates that each is compared with; several texts without candidates with each other."""

    json_rules: ClassVar[dict[str, Any]] = {
        **TextsRequestSchema.json_rules,
        "anyOf": [{"required": [name]} for name in ("candidates", "texts", "documents")],
    }

    candidates = Candidates(
        metadata={"description": "The texts to compare with; without them `texts` are compared with each other."}
    )

    @validates_schema(skip_on_field_errors=False)
    def _candidates_for_one(self, data: dict[str, Any], **_: Any) -> None:
        if "text" in data and "candidates" not in data:
            raise ValidationError("A single text needs candidates to be compared with.", "candidates")


class TextSimilarityResultSchema(TextResultSchema):
    """How similar a text is to each of the others."""

    scores = fields.List(
        fields.Float(allow_none=True),
        required=True,
        metadata={
            "description": "The cosine for each candidate, or for each of the texts, in their order: from -1 to 1, and "
            "1 for equal meaning. null for a text of `texts` that is invalid."
        },
    )
    best = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "The index of the most similar one, other than the text itself; null without any."},
    )
    model = fields.String(required=True, metadata={"description": "The model whose vectors are compared."})
