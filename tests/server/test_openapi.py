"""Compare the running service with its OpenAPI document: examples and errors."""

import json

import pytest
import requests
from jsonschema import ValidationError
from support.openapi import examples, holds, operations, resolved, validator

# routes whose examples are not from the embedded models
OTHER_MODELS = (
    "/v1/text/extract",
    "/v1/text/translate",
    "/v1/embeddings",
    "/api/embed",
    "/api/embeddings",
    "/v1/rerank",
    "/v2/rerank",
    "/embed",
    "/rerank",
    "/similarity",
    "/v1/moderations",
)
GENERATE = "/v1/text/generate"
CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
REFUSED = {
    "invalid fields": ("post", GENERATE, {"json": {"prompt": " ", "max_tokens": "5", "colour": 1}}, 400),
    "invalid fields, OpenAI route": ("post", CHAT, {"json": {"messages": []}}, 400),
    "invalid fields, Responses API": ("post", "/v1/responses", {"json": {"input": []}}, 400),
    "invalid fields, Anthropic route": ("post", MESSAGES, {"json": {"messages": []}}, 400),
    "malformed HTTP": ("get", "/v1/models", {"headers": {"Host": "a b", "Transfer-Encoding": "x"}}, 400),
    "rejected by the engine": ("post", GENERATE, {"json": {"prompt": "word " * 3000}}, 400),
    "a backend that is not configured": ("post", GENERATE, {"json": {"prompt": "x", "model": "openai:x"}}, 404),
    "a backend that is not configured, OpenAI route": (
        "post",
        CHAT,
        {"json": {"messages": [{"role": "user", "content": "x"}], "model": "openai:m"}},
        404,
    ),
    "an unknown model": ("get", "/v1/models/{model}", {"model": "org/unknown"}, 404),
    "no model": ("get", "/v1/models/{model}", {"model": "/a"}, 404),
    "another method": ("post", GENERATE, {"method": "delete"}, 405),
    "another method, OpenAI route": ("get", "/v1/models", {"method": "post"}, 405),
    "a large body": ("post", GENERATE, {"json": {"prompt": "x" * 2**20}}, 413),
    "a large body, OpenAI route": ("post", CHAT, {"json": {"x": "x" * 2**24}}, 413),
    "a large body, Anthropic route": ("post", MESSAGES, {"json": {"x": "x" * 2**24}}, 413),
    "a long URL": ("get", "/v1/models/validate", {"params": {"model": "x" * 5000}}, 414),
    "a long URL, OpenAI route": ("get", "/v1/models/{model}", {"model": "x" * 5000}, 414),
    "another media type": ("post", GENERATE, {"data": "x", "headers": {"Content-Type": "text/plain"}}, 415),
    "another media type, OpenAI route": ("post", "/v1/completions", {"data": b"{}"}, 415),
    "large headers": ("get", "/health", {"headers": {"X-A": "x" * 10_000}}, 431),
    "invalid fields, Ollama's route": ("post", "/api/chat", {"json": {"messages": "x"}}, 400),
    "an unknown model, Ollama's route": ("post", "/api/show", {"json": {"model": "org/unknown"}}, 404),
    "unsupported by the engine, Ollama": (
        "post",
        "/api/generate",
        {"json": {"prompt": "x", "suffix": "y"}},
        501,
    ),
    "unsupported by the engine": ("post", "/v1/moderations", {"json": {"input": "A lighthouse."}}, 501),
    "too little time": ("post", GENERATE, {"json": {"prompt": "x"}, "headers": {"X-Request-Timeout": "1ms"}}, 504),
}


@pytest.fixture(scope="module")
def document(embedded):
    return embedded.get("/openapi.json").json()


def ask(service, method, path, operation, name, media_type):
    """Send the request that belongs to an example response."""
    given = {
        parameter["name"]: parameter["schema"]["examples"][0]
        for parameter in operation["parameters"]
        if "examples" in parameter.get("schema", {})
    }
    if method == "post":
        body = operation["requestBody"]["content"]["application/json"]["examples"][name]["value"]
        return requests.post(service.url + path.format(**given), json=body, timeout=30)
    query = {key: value for key, value in given.items() if f"{{{key}}}" not in path}
    return service.get(path.format(**given), params=query, headers={"Accept": media_type})


def test_response_to_every_example_matches_the_document(embedded, document):
    asked = []
    for method, path, operation in operations(document):
        for name, media_type, value in examples(document, operation, "200"):
            if path in OTHER_MODELS:
                continue
            response = ask(embedded, method, path, operation, name, media_type)
            schema = operation["responses"]["200"]["content"][media_type]["schema"]
            assert (response.status_code, response.headers["Content-Type"].split(";")[0]) == (200, media_type), path
            if media_type == "application/json":
                validator(document, schema).validate(response.json())
                assert holds(response.json(), value), (path, response.json())
            elif media_type == "application/x-ndjson":
                assert holds(lines(response.text), lines(value)), (path, response.text)
            else:
                assert has_text(response.text, value), (path, response.text)
            asked.append(path)
    assert set(asked) == set(document["paths"]) - set(OTHER_MODELS)


def has_text(text, example):
    """Return whether an event stream has the events of the example. Any other text must contain the example."""
    if not example.startswith(("data:", "event:")):
        return example.lower() in text.lower()
    ends = [one.split("\n\n")[-2] for one in (text, example)]
    return holds(events(text), events(example)) and (ends[0] == ends[1] or all("data: {" in end for end in ends))


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def events(text):
    lines = [line.removeprefix("data:").lstrip() for line in text.splitlines() if line.startswith("data:")]
    return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.mark.parametrize(("method", "path", "options", "status"), REFUSED.values(), ids=REFUSED)
def test_error_matches_the_document(embedded, document, method, path, options, status):
    options = dict(options)
    url = embedded.url + path.replace("{model}", options.pop("model", ""))
    response = requests.request(options.pop("method", method), url, timeout=30, **options)
    assert response.status_code == status
    documented = resolved(document, document["paths"][path][method]["responses"][str(status)])
    needed = {name for name, header in documented["headers"].items() if resolved(document, header).get("required")}
    assert needed <= set(response.headers)
    content = documented["content"]["application/json"]
    schema = validator(document, content["schema"])
    schema.validate(response.json())
    with pytest.raises(ValidationError):
        schema.validate({"wrong": "shape"})
    assert any(same_error(response.json(), example["value"]) for example in content["examples"].values())


def same_error(response, example):
    """Return whether an error is a text as the example is, or has its fields, `type` and `code`."""
    response, example = response.get("error", response), example.get("error", example)
    if isinstance(example, str):
        return isinstance(response, str)
    same_kind = all(response.get(name) == example.get(name) for name in ("type", "code"))
    return set(example) <= set(response) and same_kind


def test_error_for_a_reused_idempotency_key_matches_the_document(embedded, document):
    content = resolved(document, document["paths"]["/v1/text/sentiment"]["post"]["responses"]["422"])["content"]
    for text, status in (("Good.", 200), ("Bad.", 422)):
        response = requests.post(
            f"{embedded.url}/v1/text/sentiment",
            json={"text": text},
            headers={"Idempotency-Key": "documented"},
            timeout=30,
        )
        assert response.status_code == status
    validator(document, content["application/json"]["schema"]).validate(response.json())
