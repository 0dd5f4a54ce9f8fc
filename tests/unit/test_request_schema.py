"""How bodies are loaded: each field once, and what is passed on as the caller has it."""

import pytest
from marshmallow import ValidationError

from app.config import Config
from app.schemas.openai_requests import CompletionsRequestSchema
from app.schemas.text import TextRequestSchema


def test_an_invalid_field_is_validated_once(monkeypatch):
    schema, checked = TextRequestSchema(Config()), []
    check = schema.fields["prompt"]._deserialize
    monkeypatch.setattr(schema.fields["prompt"], "_deserialize", lambda *given: checked.append(1) or check(*given))
    with pytest.raises(ValidationError) as caught:
        schema.load({"prompt": " ", "max_tokens": 0})
    assert (list(caught.value.messages), checked) == (["prompt", "max_tokens"], [1])


def test_known_fields_have_the_order_of_the_schema():
    one, other = {"prompt": "x", "seed": 1, "top_p": 0.5}, {"top_p": 0.5, "seed": 1, "prompt": "x"}
    assert list(TextRequestSchema(Config()).load(one)) == list(TextRequestSchema(Config()).load(other))


def test_unknown_fields_keep_the_order_of_the_request():
    extra = {f"extra{number}": number for number in range(9, 0, -1)}
    loaded = CompletionsRequestSchema(Config()).load({**extra, "prompt": "x"})
    assert list(loaded)[-9:] == list(extra)
