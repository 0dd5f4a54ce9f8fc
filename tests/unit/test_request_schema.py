"""The loading of bodies: the same result as marshmallow's own, with each field validated once."""

import pytest
from marshmallow import Schema, ValidationError
from support.payloads import LIMIT, payloads, request_schemas
from support.upstreams import OPENAI

from app import create_app
from app.config import Config
from app.schemas.openai_requests import ChatRequestSchema, CompletionsRequestSchema, EmbeddingsRequestSchema
from app.schemas.text import TextRequestSchema
from app.schemas.token_estimate import TokenEstimator

SCHEMAS = request_schemas(create_app({**OPENAI, "MAX_INPUT_CHARS": str(LIMIT)}))


def loaded(schema, payload):
    """Return the loaded payload, or the errors."""
    try:
        return schema.load(payload)
    except ValidationError as error:
        return error.normalized_messages()


@pytest.mark.parametrize("path", SCHEMAS)
def test_a_schema_loads_a_body_like_marshmallow(path):
    schema = SCHEMAS[path]
    original = type("Original", (type(schema),), {"_deserialize": Schema._deserialize})(
        Config(max_input_chars=schema.max_input_chars)
    )
    bodies = list(payloads(schema))
    assert [loaded(schema, body) for body in bodies] == [loaded(original, body) for body in bodies]


def test_an_invalid_field_is_validated_once(monkeypatch):
    schema, checked = TextRequestSchema(Config()), []
    check = schema.fields["prompt"].deserialize
    monkeypatch.setattr(schema.fields["prompt"], "deserialize", lambda *args: checked.append(1) or check(*args))
    with pytest.raises(ValidationError) as caught:
        schema.load({"prompt": " ", "max_tokens": 0})
    assert (list(caught.value.messages), checked) == (["prompt", "max_tokens"], [1])


def test_known_fields_have_the_order_of_the_schema():
    one, other = {"prompt": "x", "seed": 1, "top_p": 0.5}, {"top_p": 0.5, "seed": 1, "prompt": "x"}
    assert list(TextRequestSchema(Config()).load(one)) == list(TextRequestSchema(Config()).load(other))


def test_unknown_fields_keep_the_order_of_the_request():
    extra = {f"extra{number}": number for number in range(9, 0, -1)}
    body = CompletionsRequestSchema(Config()).load({**extra, "prompt": "x"})
    assert list(body)[-9:] == list(extra)


def test_the_text_of_a_conversation_is_joined_from_its_messages():
    parts = [{"type": "text", "text": "b"}, {"type": "image_url"}, {"type": "text", "text": "c"}]
    messages = [{"role": "user", "content": "a"}, {"role": "user", "content": parts}, {"role": "user", "content": None}]
    body = ChatRequestSchema(Config()).load({"messages": messages})
    assert (body["messages"], body["messages"].text) == (messages, "a\nb\nc")


@pytest.mark.parametrize(
    ("schema", "body", "tokens"),
    [
        (ChatRequestSchema, {"messages": [{"role": "user", "content": "word"}]}, 1 + 100),
        (ChatRequestSchema, {"messages": [{"role": "user", "content": "word"}], "max_tokens": 7, "n": 3}, 1 + 7 * 3),
        (ChatRequestSchema, {"messages": [{"role": "user", "content": "word"}], "max_completion_tokens": 9}, 1 + 9),
        (CompletionsRequestSchema, {"prompt": ["word", "word"], "max_tokens": 1}, 2 + 2),
        (CompletionsRequestSchema, {"prompt": [1, 2, 3], "max_tokens": 1}, 3 + 1),
        (CompletionsRequestSchema, {"prompt": [[1, 2], [3]], "max_tokens": 1}, 3 + 2),
    ],
)
def test_the_estimate_of_a_request_is_its_input_and_its_longest_response(schema, body, tokens):
    fields = schema(Config())
    assert TokenEstimator(fields, 100).estimate(fields.load(body)) == tokens


@pytest.mark.parametrize(
    ("fields", "added"),
    [({}, True), ({"n_predict": 5}, True), ({"max_completion_tokens": 5}, False)],
)
def test_a_limit_that_a_body_lacks_is_added(fields, added):
    body = {"messages": [{"role": "user", "content": "word"}], **fields}
    assert TokenEstimator(ChatRequestSchema(Config()), 100).limit(body) is added
    assert ("max_tokens" in body) is added


def test_a_body_of_a_route_without_limits_stays_as_it_is():
    body = {"input": "word", "n_predict": 5}
    assert TokenEstimator(EmbeddingsRequestSchema(Config()), 100).limit(body) is False
    assert body == {"input": "word", "n_predict": 5}
