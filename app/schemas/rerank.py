"""Requests and responses of rerank, in the shape of Cohere's and Jina's APIs."""

from typing import Any

from marshmallow import INCLUDE, fields, post_load

from app.config import Config
from app.schemas.fields import Integer, Model, PromptText, RequestSchema, StrictBoolean
from app.schemas.json_shape import JsonShape
from app.schemas.rerank_fields import Documents
from app.schemas.responses import OperationSchema, PassthroughSchema

MAX_COUNT = 1_000_000


def _count(description: str) -> Integer:
    return Integer(1, MAX_COUNT, allow_none=True, metadata={"description": description})


class RerankRequestSchema(RequestSchema):
    """A query, and the documents to rank by their relevance to it. A field with null counts as absent."""

    class Meta:
        unknown = INCLUDE

    model = Model(allow_none=True, metadata={"description": "The model to use, by default the configured one."})
    query = PromptText(required=True, metadata={"description": "The text to compare the documents with; not blank."})
    documents = Documents(
        required=True,
        metadata={
            "description": "Texts, or objects with their text in the field `text`. Other fields of an object return "
            "unchanged."
        },
    )
    rank_fields = JsonShape(
        "a list of strings",
        {"type": "array", "items": {"type": "string"}},
        metadata={"description": "The fields of documents to rank by, in this order."},
    )
    top_n = _count("The number of documents to return, by default all.")
    return_documents = StrictBoolean(allow_none=True, metadata={"description": "Whether results have their document."})
    max_tokens_per_doc = _count("The number of tokens, as estimated, to which each document is cut.")
    max_chunks_per_doc = JsonShape(
        "a number", {"type": "number"}, metadata={"description": "Ignored: documents are not cut into chunks."}
    )
    relevant_spans = JsonShape(
        "an object", {"type": "object"}, metadata={"description": "Ignored: no spans are found."}
    )
    priority = JsonShape("a number", {"type": "number"}, metadata={"description": "Ignored: all requests are equal."})

    def body_limit(self, config: Config) -> int:
        """Return MAX_BODY_BYTES: the length of the documents is for the model to judge."""
        return config.max_body_bytes

    @post_load
    def _without_nulls(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        return {name: value for name, value in data.items() if value is not None or name not in self.fields}


class RerankResultSchema(PassthroughSchema):
    """One document. `document` has its fields; that of a text has the field `text`."""

    index = fields.Integer(required=True, metadata={"description": "The place of the document in the request."})
    relevance_score = fields.Float(required=True, metadata={"description": "The higher, the more relevant."})
    document = fields.Dict()


class RerankUsageSchema(PassthroughSchema):
    """Token counts, as Jina has them. `estimated` is present, and true, only if the backend returned none."""

    prompt_tokens = fields.Integer(required=True)
    total_tokens = fields.Integer(required=True)
    estimated = fields.Boolean()


class RerankResponseSchema(OperationSchema):
    """The most relevant documents first; documents with equal scores in the order of the request."""

    id = fields.String(required=True)
    object = fields.String(required=True)
    model = fields.String(required=True, metadata={"description": "The model that ranked the documents."})
    results = fields.List(fields.Nested(RerankResultSchema), required=True)
    usage = fields.Nested(RerankUsageSchema, required=True)
    meta = fields.Dict(required=True, metadata={"description": "Cohere's form of usage, and its warnings."})
