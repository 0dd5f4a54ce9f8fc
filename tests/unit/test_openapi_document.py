"""The OpenAPI document, compared with the code that serves requests."""

import json
import re
import string

import marshmallow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator
from support.openapi import operations, resolved, validator
from support.payloads import LIMIT, payloads, request_schemas
from support.upstreams import OPENAI

from app import create_app
from app.config.model_ref import model_ref
from app.errors import ClientDisconnected, ServiceError
from app.openapi.components import PARAMETERS
from app.openapi.route_doc import route_doc_of
from app.openapi.spec import build_spec
from app.schemas.fields import MAX_TOKENS, NOT_BLANK

APP = create_app({**OPENAI, "MAX_INPUT_CHARS": str(LIMIT)})
DOCUMENT = build_spec(APP, keys_required=False)
SCHEMAS = request_schemas(APP)
OPERATIONS = list(operations(DOCUMENT))
# with room for the texts of the examples
ROOMY = build_spec(create_app(OPENAI), keys_required=False)
# files of the page
UNDOCUMENTED = {"/docs/assets/<name>"}


def template(rule):
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)


def body_schema(path):
    return DOCUMENT["paths"][template(path)]["post"]["requestBody"]["content"]["application/json"]["schema"]


def accepts(schema, payload):
    try:
        schema.load(payload)
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


@pytest.mark.parametrize("path", SCHEMAS)
def test_the_document_accepts_the_same_bodies_as_the_schema(path):
    # JSON Schema cannot compare min_length with max_length
    bodies = [
        body for body in payloads(SCHEMAS[path]) if not body or body == "x" or body.get("min_length") != MAX_TOKENS
    ]
    documented = validator(DOCUMENT, body_schema(path))
    assert not [body for body in bodies if documented.is_valid(body) != accepts(SCHEMAS[path], body)]
    assert {documented.is_valid(body) for body in bodies} == {True, False}


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
    assert len(requests) == len({type(schema) for schema in SCHEMAS.values()})
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
        for response in (value for status, value in operation["responses"].items() if status >= "400"):
            for content in resolved(DOCUMENT, response)["content"].values():
                values = [example["value"] for example in content.get("examples", {}).values()]
                objects = [value for value in values if isinstance(value, dict)]
                bodies = [one["error"] if isinstance(one.get("error"), dict) else one for one in objects]
                types = [body.get("details", {}).get("error_code") or body.get("type") for body in bodies]
                documented |= set(filter(None, types))
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
        "X-AI-Redact",
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
    assert taking == set(map(template, SCHEMAS))


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
