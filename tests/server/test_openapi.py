"""The document of the interface, held against the running service: its examples, and cases made from its schemas."""

import json

import pytest
import requests
from jsonschema import ValidationError
from support.openapi import examples, holds, operations, resolved, validator

ENGINE_HAS_NONE = ("/v1/embeddings",)
GENERATE = "/v1/text/generate"
CHAT = "/v1/chat/completions"
REFUSED = {
    "fields at fault": ("post", GENERATE, {"json": {"prompt": " ", "max_tokens": "5", "colour": 1}}, 400),
    "fields at fault of OpenAI's": ("post", CHAT, {"json": {"messages": []}}, 400),
    "malformed HTTP": ("get", "/v1/models", {"headers": {"Host": "a b", "Transfer-Encoding": "x"}}, 400),
    "what the engine refuses": ("post", GENERATE, {"json": {"prompt": "word " * 3000}}, 400),
    "a backend that is not configured": ("post", GENERATE, {"json": {"prompt": "x", "model": "openai:x"}}, 404),
    "a backend that is not configured, of OpenAI's": (
        "post",
        CHAT,
        {"json": {"messages": [{"role": "user", "content": "x"}], "model": "openai:m"}},
        404,
    ),
    "an unknown model": ("get", "/v1/models/{model}", {"model": "org/unknown"}, 404),
    "no model": ("get", "/v1/models/{model}", {"model": "/a"}, 404),
    "another method": ("post", GENERATE, {"method": "delete"}, 405),
    "another method of OpenAI's": ("get", "/v1/models", {"method": "post"}, 405),
    "a large body": ("post", GENERATE, {"json": {"prompt": "x" * 2**20}}, 413),
    "a large body of OpenAI's": ("post", CHAT, {"json": {"x": "x" * 2**20}}, 413),
    "a long URL": ("get", "/v1/models/validate", {"params": {"model": "x" * 5000}}, 414),
    "a long URL of OpenAI's": ("get", "/v1/models/{model}", {"model": "x" * 5000}, 414),
    "another media type": ("post", GENERATE, {"data": "x", "headers": {"Content-Type": "text/plain"}}, 415),
    "another media type of OpenAI's": ("post", "/v1/completions", {"data": b"{}"}, 415),
    "large headers": ("get", "/health", {"headers": {"X-A": "x" * 10_000}}, 431),
    "what the engine cannot do": ("post", "/v1/embeddings", {"json": {"input": "A lighthouse."}}, 501),
    "too little time": ("post", GENERATE, {"json": {"prompt": "x"}, "headers": {"X-Request-Timeout": "1ms"}}, 504),
}


@pytest.fixture(scope="module")
def document(embedded):
    return embedded.get("/openapi.json").json()


def ask(service, method, path, operation, name, media_type):
    """Send the request of an example of an answer."""
    if method == "post":
        body = operation["requestBody"]["content"]["application/json"]["examples"][name]["value"]
        return requests.post(service.url + path, json=body, timeout=30)
    given = {
        parameter["name"]: parameter["schema"]["examples"][0]
        for parameter in operation["parameters"]
        if "examples" in parameter.get("schema", {})
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


@pytest.mark.parametrize(("method", "path", "options", "status"), REFUSED.values(), ids=REFUSED)
def test_an_error_is_as_the_document_says(embedded, document, method, path, options, status):
    options = dict(options)
    url = embedded.url + path.replace("{model}", options.pop("model", ""))
    answer = requests.request(options.pop("method", method), url, timeout=30, **options)
    assert answer.status_code == status
    response = resolved(document, document["paths"][path][method]["responses"][str(status)])
    needed = {name for name, header in response["headers"].items() if resolved(document, header).get("required")}
    assert needed <= set(answer.headers)
    content = response["content"]["application/json"]
    schema = validator(document, content["schema"])
    schema.validate(answer.json())
    with pytest.raises(ValidationError):
        schema.validate({"wrong": "shape"})
    assert any(same_error(answer.json(), example["value"]) for example in content["examples"].values())


def same_error(answer, example):
    """Tell whether an error is that of an example: in shape, and in what a program can decide by."""
    answer, example = answer.get("error", answer), example.get("error", example)
    if isinstance(example, str):
        return answer == example
    return set(example) <= set(answer) and (answer["type"], answer["code"]) == (example["type"], example["code"])


def test_a_key_that_came_with_another_body_is_refused_as_the_document_says(embedded, document):
    content = resolved(document, document["paths"]["/v1/text/sentiment"]["post"]["responses"]["422"])["content"]
    for text, status in (("Good.", 200), ("Bad.", 422)):
        answer = requests.post(
            f"{embedded.url}/v1/text/sentiment",
            json={"text": text},
            headers={"Idempotency-Key": "documented"},
            timeout=30,
        )
        assert answer.status_code == status
    validator(document, content["application/json"]["schema"]).validate(answer.json())
