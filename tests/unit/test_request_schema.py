"""How bodies are loaded: each field once, and what is passed on as the caller has it."""

import pytest
from marshmallow import ValidationError

from app.config import Config
from app.schemas.openai_requests import CompletionsRequestSchema
from app.schemas.text import TextRequestSchema


def test_a_field_at_fault_is_checked_once(monkeypatch):
    schema, checked = TextRequestSchema(Config()), []
    check = schema.fields["prompt"]._deserialize
    monkeypatch.setattr(schema.fields["prompt"], "_deserialize", lambda *given: checked.append(1) or check(*given))
    with pytest.raises(ValidationError) as caught:
        schema.load({"prompt": " ", "max_tokens": 0})
    assert (list(caught.value.messages), checked) == (["prompt", "max_tokens"], [1])


def test_fields_that_are_known_come_in_the_order_of_the_schema_whatever_the_callers():
    one, other = {"prompt": "x", "seed": 1, "top_p": 0.5}, {"top_p": 0.5, "seed": 1, "prompt": "x"}
    assert list(TextRequestSchema(Config()).load(one)) == list(TextRequestSchema(Config()).load(other))


def test_fields_that_are_passed_on_keep_the_callers_order():
    extra = {f"extra{number}": number for number in range(9, 0, -1)}
    loaded = CompletionsRequestSchema(Config()).load({**extra, "prompt": "x"})
    assert list(loaded)[-9:] == list(extra)
