"""The OpenAPI document, compared with the code that serves requests."""

import json
import string

import marshmallow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator
from support.openapi import operations, resolved, validator
from support.upstreams import OPENAI

from app import create_app
from app.config import Config
from app.config.model_ref import model_ref
from app.errors import ClientDisconnected, ServiceError
from app.openapi.components import PARAMETERS
from app.openapi.route_doc import route_doc_of
from app.openapi.spec import build_spec
from app.schemas.fields import NOT_BLANK
from app.schemas.openai_requests import ChatRequestSchema, CompletionsRequestSchema, EmbeddingsRequestSchema
from app.schemas.sentiment import SentimentRequestSchema
from app.schemas.summarize import SummarizeRequestSchema
from app.schemas.text import TextRequestSchema

LIMIT = 60
CONFIG = Config(max_input_chars=LIMIT)
DOCUMENT = build_spec(create_app({**OPENAI, "MAX_INPUT_CHARS": str(LIMIT)}), keys_required=False)
OPERATIONS = list(operations(DOCUMENT))
# with room for the texts of the examples
ROOMY = build_spec(create_app(OPENAI), keys_required=False)
# files of the page
UNDOCUMENTED = {"/docs/assets/<name>"}

MODELS = [
    "gpt2",
    "org/model",
    "a/b/c/d",
    "a/b:c",
    "openai",
    "openai:a/b",
    "openai:a:b",
    "x" * 200,
    "openai:" + "x" * 200,
]
NO_MODELS = [
    "",
    "..",
    "a/..",
    "a b",
    "a\n",
    "/a",
    "a/",
    "a//b",
    "a/b/c/d/e",
    "a:",
    "a:b:c",
    "openai:",
    "openai:.x",
    "é",
]
NO_MODELS += ["x" * 201, "openai:" + "x" * 201, 5, ["a"], {}]
TEXTS = ["a", " a ", "\ufeff", "\u200b", "\n a", "x" * LIMIT, "好" * LIMIT, "🙂" * LIMIT]
NO_TEXTS = ["", " \n\t", "\u2003", "\x1c\x85", "a\x00b", "\x00", "x" * (LIMIT + 1), 5, True, None, [], {}]
FIELDS = {
    "max_tokens": [1, 32_768, 5.0, 0, -1, 32_769, 5.7, "5", True, 1e30, []],
    "temperature": [0, 2, 0.5, -0.1, 2.1, "0.5", True, {}],
    "top_p": [1, 0.1, 0, -1, 1.01, "1", False],
    "stop": ["a", ["a", "b"], "x" * 200, "", [], [""], ["a"] * 5, [1], {}, 7, "x" * 201, "\x00", "a\x00"],
    "seed": [0, 2**63 - 1, -1, 2**63, 1.5, "1", True],
    "stream": [True, False, "true", 1, "yes"],
    "model": [*MODELS, *NO_MODELS],
    "unknown": [1],
}
SUMMARY_FIELDS = {"max_length": [5, 32_768, 4, 32_769, 9.5, "9"], "min_length": [0, 130, -1, 40_000, 1.5]}
OPENAI_FIELDS = {
    **{name: FIELDS[name] for name in ("temperature", "stop", "stream", "model", "unknown")},
    "max_tokens": [1, 1_000_000, 0, 1_000_001, 1.5],
    "top_p": [0, 1, 1.1],
    "frequency_penalty": [-2, 2, 2.1, "1"],
    "presence_penalty": [-2, 2, -2.1],
    "seed": [-(2**63), 2**63 - 1, 2**63, 1.5],
    "stream_options": [{}, {"include_usage": True}, {"include_usage": None}, {"x": 1}, {"include_usage": 1}, 5, []],
}
TOKENS = [[1, 2], [0], [5.0], [[1], [2, 3]], [1] * LIMIT, [2**31 - 1]]
NO_TOKENS = [[-1], [1.5], [True], [2**31], [[]], [[1], []], [[1], 2], ["a", 1], [1] * (LIMIT + 1), [["a"]], [None]]
PROMPTS = [*TEXTS, *NO_TEXTS, ["a"], ["a", "b"], [" "], ["a", ""], ["a"] * 2049, *TOKENS, *NO_TOKENS]
CONVERSATIONS = [
    [{"role": "user", "content": "Hi."}],
    [{"role": "user", "content": "Hi.", "name": "Ada"}, {"role": "assistant", "content": None, "tool_calls": []}],
    [{"role": "user", "content": [{"type": "text", "text": "Hi."}]}],
    [{"role": "user", "content": [{"type": "image_url"}]}],
    [{"role": "user", "content": []}, {"role": "user", "content": " "}],
    [{"role": "user", "content": [{"text": 5}]}],
    [],
    {},
    "Hi.",
    [5],
    [{"role": "user"}],
    [{"role": "user", "content": " "}],
    [{"role": "", "content": "Hi."}],
    [{"content": "Hi."}],
    [{"role": 5, "content": "Hi."}],
    [{"role": "user", "content": 5}],
    [{"role": "user", "content": {}}],
    [{"role": "user", "content": ["Hi."]}],
    [{"role": "user", "content": "a\x00"}],
    [{"role": "user", "content": [{"text": "a\x00"}]}],
    [{"role": "user", "content": "x" * (LIMIT + 1)}],
    [{"role": "user", "content": [{"text": "x" * (LIMIT + 1)}]}],
]


def bodies(base, **fields):
    """Return a body for each value of each field, the others as in `base`, and some bodies that are no object."""
    return [base, {}, *({**base, name: value} for name, values in fields.items() for value in values), [], "x", None]


REQUESTS = {
    "/v1/text/generate": (TextRequestSchema, bodies({"prompt": "x"}, prompt=[*TEXTS, *NO_TEXTS], **FIELDS)),
    "/v1/text/complete": (TextRequestSchema, bodies({"prompt": "x"}, seed=[None], stream=[None])),
    "/v1/text/sentiment": (
        SentimentRequestSchema,
        bodies({"text": "x"}, text=[*TEXTS, *NO_TEXTS], model=FIELDS["model"], unknown=[1]),
    ),
    "/v1/text/summarize": (
        SummarizeRequestSchema,
        bodies({"text": "x"}, text=[*TEXTS, *NO_TEXTS], **SUMMARY_FIELDS),
    ),
    "/v1/chat/completions": (
        ChatRequestSchema,
        bodies(
            {"messages": CONVERSATIONS[0]},
            messages=CONVERSATIONS,
            max_completion_tokens=[1, 0, None],
            **{name: [*values, None] for name, values in OPENAI_FIELDS.items()},
        ),
    ),
    "/v1/completions": (CompletionsRequestSchema, bodies({"prompt": "x"}, prompt=PROMPTS, **OPENAI_FIELDS)),
    "/v1/embeddings": (
        EmbeddingsRequestSchema,
        bodies(
            {"input": "x"},
            input=PROMPTS,
            encoding_format=["float", "base64", None, "hex", 5],
            dimensions=[1, 100_000, None, 0, 100_001, 1.5],
            model=["gpt2", None, ".."],
            user=["me"],
        ),
    ),
}


def body_schema(path):
    return DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]


def accepts(schema, payload):
    try:
        schema(CONFIG).load(payload)
    except marshmallow.ValidationError:
        return False
    return True


def test_the_document_is_valid_openapi_3_1():
    assert DOCUMENT["openapi"] == "3.1.0"
    assert not list(OpenAPIV31SpecValidator(json.loads(json.dumps(DOCUMENT))).iter_errors())


def test_every_route_is_documented(make_app):
    app = make_app()
    bare = {rule.rule for rule in app.url_map.iter_rules() if not route_doc_of(app.view_functions[rule.endpoint])}
    assert bare == UNDOCUMENTED
    assert len(OPERATIONS) == len(list(app.url_map.iter_rules())) - len(UNDOCUMENTED)


@pytest.mark.parametrize("path", REQUESTS)
def test_the_document_accepts_the_same_bodies_as_the_schema(path):
    schema, payloads = REQUESTS[path]
    documented = validator(DOCUMENT, body_schema(path))
    differing = [payload for payload in payloads if documented.is_valid(payload) != accepts(schema, payload)]
    assert not differing
    assert {documented.is_valid(payload) for payload in payloads} == {True, False}


def test_every_operation_with_a_body_is_compared_with_its_schema():
    assert set(REQUESTS) == {path for method, path, _ in OPERATIONS if method == "post"}


@given(st.text(st.sampled_from("ao:/._-\n") | st.characters(codec="utf-8"), max_size=8).map("openai:a".__add__))
def test_the_pattern_of_models_agrees_with_the_parser(name):
    _pattern_agrees(name)


@given(st.text(st.sampled_from(string.ascii_letters + ":/._-\n"), max_size=9))
def test_the_pattern_of_models_agrees_with_the_parser_without_a_backend(name):
    _pattern_agrees(name)


def _pattern_agrees(name):
    schema = DOCUMENT["components"]["schemas"]["SentimentRequest"]["properties"]["model"]
    try:
        model_ref(name)
        is_model = True
    except ValueError:
        is_model = False
    assert validator(DOCUMENT, schema).is_valid(name) == is_model


def test_the_pattern_of_texts_excludes_the_same_white_space_as_strip():
    blank = validator(DOCUMENT, {"pattern": NOT_BLANK})
    characters = [chr(code) for code in range(1, 0x3100)]
    assert [character for character in characters if blank.is_valid(character) != bool(character.strip())] == []


def test_limits_and_defaults_come_from_the_settings(make_app):
    settings = {"MAX_INPUT_CHARS": "77", "HUGGINGFACE_MAX_TOKENS": "33", "HUGGINGFACE_TEMPERATURE": "0.3"}
    schemas = build_spec(make_app(**settings), keys_required=False)["components"]["schemas"]
    fields = schemas["TextRequest"]["properties"]
    assert (fields["prompt"]["maxLength"], fields["max_tokens"]["default"]) == (77, 33)
    assert (fields["temperature"]["default"], fields["stream"]["default"]) == (0.3, False)
    assert schemas["SummarizeRequest"]["properties"]["max_length"]["default"] == 130


def test_every_request_field_has_a_description():
    requests = {name: schema for name, schema in DOCUMENT["components"]["schemas"].items() if name.endswith("Request")}
    assert len(requests) == len(REQUESTS) - 1
    assert not [
        (name, field)
        for name, schema in requests.items()
        for field, declared in schema["properties"].items()
        if not declared.get("description")
    ]


def test_every_example_matches_its_schema():
    checked = 0
    for _, _, operation in operations(ROOMY):
        parts = [resolved(ROOMY, response) for response in operation["responses"].values()]
        for part in [*parts, operation.get("requestBody", {"content": {}})]:
            for content in part["content"].values():
                for example in content.get("examples", {}).values():
                    validator(ROOMY, content["schema"]).validate(example["value"])
                    checked += 1
    assert checked > 200


def test_every_media_type_of_a_response_has_an_example():
    for _, path, operation in OPERATIONS:
        for media_type, content in operation["responses"]["200"]["content"].items():
            assert "examples" in content or media_type == "application/openmetrics-text", path


def test_every_error_type_is_documented():
    documented = set()
    for _, _, operation in OPERATIONS:
        for response in operation["responses"].values():
            for content in resolved(DOCUMENT, response)["content"].values():
                values = [example["value"] for example in content.get("examples", {}).values()]
                bodies = [value.get("error", value) for value in values if isinstance(value, dict)]
                documented |= {body["type"] for body in bodies if "type" in body}
    assert documented == {error.type for error in _below(ServiceError)} - {ClientDisconnected.type}


def _below(error):
    for one in error.__subclasses__():
        yield one
        yield from _below(one)


def test_errors_of_openais_routes_have_openais_shape_unless_the_server_raises_them():
    responses = DOCUMENT["paths"]["/v1/models"]["get"]["responses"]
    late = resolved(DOCUMENT, responses["504"])["content"]["application/json"]
    early = resolved(DOCUMENT, responses["414"])["content"]["application/json"]
    assert "error" in late["examples"]["upstream_timeout"]["value"]
    assert "error" not in early["examples"]["uri_too_long-by-server"]["value"]


def test_impossible_errors_of_a_route_are_not_documented():
    statuses = {path: set(operation["responses"]) for _, path, operation in OPERATIONS}
    assert not {"401", "403", "429", "404"} & (statuses["/health"] | statuses["/health/ready"])
    assert {"401", "429"} < statuses["/health/deep"] & statuses["/metrics"]
    assert not {"413", "415", "422"} & statuses["/v1/models/validate"]
    assert not any("499" in found for found in statuses.values())


def test_only_headers_that_are_validated_have_a_pattern():
    assert {name for name, (_, schema) in PARAMETERS.items() if "pattern" in schema} == {
        "X-Request-Timeout",
        "Idempotency-Key",
    }


@pytest.mark.parametrize(
    ("time", "is_valid"),
    [
        *[(time, True) for time in ("5s", "500ms", "1.5m", "3", "0.5h")],
        *[(time, False) for time in ("0s", "0.0", "-1s", "5 s", "", "s", "1d")],
    ],
)
def test_the_pattern_of_timeouts_agrees_with_the_parser(client, upstream, time, is_valid):
    schema = DOCUMENT["components"]["parameters"]["X-Request-Timeout"]["schema"]
    response = client.get("/v1/models/gpt2", headers={"X-Request-Timeout": time})
    assert validator(DOCUMENT, schema).is_valid(time) == is_valid == (response.status_code == 200)


def test_only_operations_with_a_body_have_an_idempotency_key():
    taking = {
        path
        for _, path, operation in OPERATIONS
        if {"$ref": "#/components/parameters/Idempotency-Key"} in operation["parameters"]
    }
    assert taking == set(REQUESTS)


def test_client_keys_are_optional_until_they_are_required(make_app):
    keys = [{"bearer": []}, {"header": []}]
    assert DOCUMENT["security"] == [{}, *keys]
    document = build_spec(make_app(), keys_required=True)
    assert document["security"] == keys
    assert document["paths"]["/health"]["get"]["security"] == []
    assert document["paths"]["/metrics"]["get"]["security"] == [{}, *keys]
    assert "security" not in document["paths"]["/v1/text/generate"]["post"]


def test_every_response_has_a_request_id():
    for _, path, operation in OPERATIONS:
        for response in operation["responses"].values():
            assert "X-Request-ID" in resolved(DOCUMENT, response)["headers"], path


def test_operation_ids_are_unique():
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)
