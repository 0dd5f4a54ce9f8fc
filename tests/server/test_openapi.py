"""The document of the interface, held against the running service: its examples, and cases made from its schemas."""

import json

import pytest
import requests
from jsonschema import ValidationError
from support.openapi import examples, holds, operations, resolved, validator

ENGINE_HAS_NONE = ("/v1/embeddings",)


@pytest.fixture(scope="module")
def document(embedded):
    return embedded.get("/openapi.json").json()


def ask(service, method, path, operation, name, media_type):
    """Send the request of an example of an answer."""
    if method == "post":
        body = operation["requestBody"]["content"]["application/json"]["examples"][name]["value"]
        return requests.post(service.url + path, json=body, timeout=30)
    given = {
        parameter["name"]: parameter["schema"]["example"]
        for parameter in operation["parameters"]
        if "example" in parameter.get("schema", {})
    }
    query = {key: value for key, value in given.items() if f"{{{key}}}" not in path}
    return service.get(path.format(**given), params=query, headers={"Accept": media_type})


def test_every_example_is_answered_as_the_document_says(embedded, document):
    asked = []
    for method, path, operation in operations(document):
        for name, media_type, value in examples(document, operation, "200"):
            if path in ENGINE_HAS_NONE:
                continue
            answer = ask(embedded, method, path, operation, name, media_type)
            schema = operation["responses"]["200"]["content"][media_type]["schema"]
            assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (200, media_type), path
            if media_type == "application/json":
                validator(document, schema).validate(answer.json())
                assert holds(answer.json(), value), (path, answer.json())
            else:
                assert tells(answer.text, value), (path, answer.text)
            asked.append(path)
    assert set(asked) == set(document["paths"]) - set(ENGINE_HAS_NONE)


def tells(text, example):
    """Tell whether an event stream has the events of the example, or another text holds it."""
    if not example.startswith("data:"):
        return example.lower() in text.lower()
    return text.endswith("data: [DONE]\n\n") and holds(events(text), events(example))


def events(text):
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: {")]


def test_what_the_engine_cannot_do_is_answered_as_the_document_says(embedded, document):
    answer = embedded.post("/v1/embeddings", input="A lighthouse.")
    content = resolved(document, document["paths"]["/v1/embeddings"]["post"]["responses"]["501"])["content"]
    validator(document, content["application/json"]["schema"]).validate(answer.json())
    assert answer.status_code == 501


@pytest.mark.parametrize(
    ("status", "route", "options"),
    [
        (400, "/v1/text/generate", {"json": {}}),
        (404, "/v1/text/generate", {"json": {"prompt": "x", "model": "huggingface:org/model"}}),
        (413, "/v1/text/generate", {"data": b" " * 2_000_000, "headers": {"Content-Type": "application/json"}}),
        (415, "/v1/text/generate", {"data": b"{}"}),
        (400, "/v1/chat/completions", {"json": {}}),
        (404, "/v1/chat/completions", {"json": {"messages": [{"role": "user", "content": "x"}], "model": "openai:m"}}),
        (415, "/v1/completions", {"data": b"{}"}),
    ],
)
def test_errors_are_as_the_document_says(embedded, document, status, route, options):
    answer = requests.post(embedded.url + route, timeout=30, **options)
    content = resolved(document, document["paths"][route]["post"]["responses"][str(status)])["content"]
    assert answer.status_code == status
    schema = validator(document, content["application/json"]["schema"])
    schema.validate(answer.json())
    with pytest.raises(ValidationError):
        schema.validate({"wrong": "shape"})
