"""The request and the response of classify."""

from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate, validates_schema

from app.backends.text_types import Label
from app.schemas.fields import NOT_BLANK, WITHOUT_NUL, Number, StrictBoolean
from app.schemas.texts import ExcerptResultSchema, TextsRequestSchema

MAX_LABELS = 100
MAX_NAME_CHARS = 200
MAX_DESCRIPTION_CHARS = 1000
DEFAULT_THRESHOLD = 0.5
_KEYS = frozenset(("name", "description"))


class LabelList(fields.Field[tuple[Label, ...]]):
    """Labels: names, or objects with a name and a description."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[Label, ...]:
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_LABELS:
            raise ValidationError(f"This must be a list of 1 to {MAX_LABELS} labels.")
        labels = tuple(map(_label, value))
        if len({label.name for label in labels}) < len(labels):
            raise ValidationError("Each label may occur once.")
        return labels

    def json_schema(self) -> dict[str, Any]:
        name = {"type": "string", "pattern": NOT_BLANK, "maxLength": MAX_NAME_CHARS}
        properties = {
            "name": name,
            "description": {"type": "string", "pattern": WITHOUT_NUL, "maxLength": MAX_DESCRIPTION_CHARS},
        }
        described = {
            "type": "object",
            "properties": properties,
            "required": ["name"],
            "additionalProperties": False,
        }
        return {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_LABELS,
            "uniqueItems": True,
            "items": {"anyOf": [name, described]},
        }


def _label(value: Any) -> Label:
    name, description = (value.get("name"), value.get("description", "")) if isinstance(value, dict) else (value, "")
    if isinstance(value, dict) and (unknown := value.keys() - _KEYS):
        raise ValidationError(f"A label has a name and a description, and no {min(unknown)[:MAX_NAME_CHARS]}.")
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME_CHARS:
        raise ValidationError(f"Each label must have a name of 1 to {MAX_NAME_CHARS} characters.")
    if "\x00" in name or (isinstance(description, str) and "\x00" in description):
        raise ValidationError("A label contains a NUL character.")
    if not isinstance(description, str) or len(description) > MAX_DESCRIPTION_CHARS:
        raise ValidationError(f"A description must be a text of at most {MAX_DESCRIPTION_CHARS} characters.")
    return Label(name, description.strip())


class TextClassifyRequestSchema(TextsRequestSchema):
    """Texts, and the labels that they may have."""

    json_rules: ClassVar[dict[str, Any]] = {
        **TextsRequestSchema.json_rules,
        "anyOf": [
            {"properties": {"labels": {"minItems": 2}}},
            {"required": ["multi_label"], "properties": {"multi_label": {"const": True}}},
        ],
    }

    labels = LabelList(
        required=True,
        metadata={
            "description": "The labels to choose from, as names or as objects with `name` and `description`: two or "
            "more, or one with `multi_label`."
        },
    )
    multi_label = StrictBoolean(
        load_default=False, metadata={"description": "Whether a text may have several of the labels, or none."}
    )
    threshold = Number(
        0,
        1,
        load_default=DEFAULT_THRESHOLD,
        metadata={"description": "The score from which `labels` lists a label, with `multi_label`."},
    )

    @validates_schema
    def _enough_labels(self, data: dict[str, Any], **_: Any) -> None:
        if len(data["labels"]) == 1 and not data["multi_label"]:
            raise ValidationError("A single label is a choice with multi_label only; send two or more.", "labels")


class TextClassifyResultSchema(ExcerptResultSchema):
    """The labels of a text."""

    label = fields.String(required=True, metadata={"description": "The label with the highest score."})
    score = fields.Float(required=True, metadata={"description": "The score of `label`."})
    scores = fields.Dict(
        keys=fields.String(),
        values=fields.Float(),
        required=True,
        metadata={
            "description": "The score of each label: probabilities whose sum is 1, or with `multi_label` a "
            "probability of each label for itself."
        },
    )
    labels = fields.List(
        fields.String(),
        metadata={"description": "The labels with a score of at least `threshold`; present with `multi_label`."},
    )
    calibrated = fields.Boolean(metadata={"description": "Present if CALIBRATION_FILE has changed the scores."})
    source = fields.String(
        required=True,
        validate=validate.OneOf(("zero_shot_pipeline", "logprobs", "embeddings", "stated")),
        metadata={
            "description": "How the scores were made: by a zero-shot pipeline, from log-probabilities of a chat "
            "model, by comparing embeddings, or as a chat model stated them, which is the least reliable."
        },
    )
    model = fields.String(metadata={"description": "The model that rated the text, if it is known."})
    language = fields.String(
        required=True, allow_none=True, metadata={"description": "The language of the text (ISO 639-1)."}
    )
