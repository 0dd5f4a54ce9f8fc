"""Invalid input: a 400 with all errors at once. Nothing is sent upstream: an unexpected call would fail."""

import json
from io import BytesIO
from urllib.parse import quote

import pytest
from support.calls import refused
from support.upstreams import CHAT, HUGGINGFACE, chat_response

ROUTES = {
    "/v1/text/generate": "prompt",
    "/v1/text/complete": "prompt",
    "/v1/text/sentiment": "text",
    "/v1/text/summarize": "text",
}

HELLO = {"messages": [{"role": "user", "content": "Hi."}]}


def post(client, route, data, content_type="application/json", **options):
    return client.post(route, data=data, content_type=content_type, **options)


@pytest.mark.parametrize(("route", "field"), ROUTES.items())
@pytest.mark.parametrize(
    "value", ["", " \n\t", "\u2003", "a\x00b", 5, 5.5, True, None, [], ["x"], {}, "x" * 20_001], ids=repr
)
def test_a_text_that_is_no_string_or_blank_is_an_error(client, route, field, value):
    assert list(refused(client.post(route, json={field: value}))["details"]) == [field]


@pytest.mark.parametrize(("route", "field"), ROUTES.items())
def test_a_missing_text_is_an_error(client, route, field):
    [reason] = refused(client.post(route, json={}))["details"][field]
    assert reason.startswith("Missing data for required field")


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("payload", [b"[]", b"[{}]", b'"text"', b"5", b"null", b"true"])
def test_a_body_that_is_no_object_is_an_error(client, route, payload):
    assert refused(post(client, route, payload))["details"] == {"body": ["The body must be a JSON object."]}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"prompt": NaN}',
        b'{"prompt": Infinity}',
        b'{"prompt": "\xff"}',
        b'{"prompt": "\\ud800"}',
        b'{"prompt": "\x01"}',
        b'{"a": ' * 1100,
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        "{}".encode("utf-16"),
    ],
    ids=lambda data: repr(data[:20]),
)
def test_invalid_json_or_another_encoding_than_utf_8_is_an_error(client, route, data):
    [reason] = refused(post(client, route, data))["details"]["body"]
    assert reason.startswith("The body is not valid JSON in UTF-8: ")


def test_deeply_nested_json_is_an_error(client):
    for depth in (300, 1000, 2000):
        body = b'{"prompt":' + b"[" * depth + b"]" * depth + b"}"
        assert list(refused(post(client, "/v1/text/generate", body))["details"]) == ["body"]


@pytest.mark.parametrize(
    ("field", "values"),
    {
        "max_tokens": [0, -1, 32_769, 5.7, "5", True, None, 10**30, []],
        "temperature": [-0.1, 2.1, "0.5", True, None, {}],
        "top_p": [0, -1, 1.01, "1", False],
        "stop": ["", [], [""], ["a"] * 5, [1], {}, 7, "x" * 201, "\x00", None],
        "seed": [-1, 2**63, 1.5, "1", True],
        "stream": ["true", 1, None, "yes"],
    }.items(),
)
def test_parameters_have_strict_types_and_ranges(client, field, values):
    for value in values:
        body = json.dumps({"prompt": "x", field: value})
        assert list(refused(post(client, "/v1/text/generate", body))["details"]) == [field], value


# names that could change the path of a URL, or lines of a log
UNSAFE_NAMES = [
    "../etc/passwd",
    "a/../b",
    "a/..",
    "a\\..\\b",
    "..",
    ".",
    "%2e%2e/x",
    "a%2fb",
    "https://evil.test/model",
    "HTTP://evil.test",
    "//evil.test",
    " a",
    "a ",
    "a\n",
    "a\r\nX-Evil: 1",
    "a?x=1",
    "a\u202eb",
    "a\u2028b",
    "\x7f",
    "openai:",
    "openai:../x",
    "x" * 257,
    5,
    None,
    ["a"],
]
# names that OpenAI-compatible servers use
NAMES = [
    "ft:gpt-4o-mini:org::ID",
    "/models/llama.gguf",
    "@cf/meta/llama-3-8b-instruct",
    "claude-3@20240229",
    "openai/gpt-4o:online:nitro",
    "accounts/fireworks/models/m#accounts/me/deployments/d",
    "projects/p/locations/l/publishers/google/models/gemini-1.5",
    "user@example.com/Llama-3-2024",
    "C:\\models\\x.gguf",
    "s3://bucket/model",
    "DeepSeek R1 (Q4)",
    "a+b=c",
    "模型",
    "x" * 256,
]


@pytest.mark.parametrize("model", UNSAFE_NAMES, ids=repr)
def test_an_invalid_model_name_is_an_error(client, model):
    for route, field in ROUTES.items():
        assert list(refused(client.post(route, json={field: "x", "model": model}))["details"]) == ["model"]
    if isinstance(model, str):
        assert list(refused(client.get("/v1/models/validate", query_string={"model": model}))["details"]) == ["model"]


@pytest.mark.parametrize("model", [name for name in [*NAMES, *UNSAFE_NAMES] if name not in ("x" * 256, 5, None, ["a"])])
def test_a_name_that_goes_into_a_path_must_have_the_form_of_a_path(make_client, model):
    client = make_client(HUGGINGFACE)
    assert "model" in refused(client.post("/v1/chat/completions", json={**HELLO, "model": model}))["message"]
    assert list(refused(client.get("/v1/models/validate", query_string={"model": model}))["details"]) == ["model"]


@pytest.mark.parametrize("prefix", ["", "openai:"])
@pytest.mark.parametrize("model", NAMES)
def test_a_server_gets_the_name_that_its_client_sent(client, upstream, model, prefix):
    upstream.post(CHAT, json=chat_response("x"))
    for route, body in (("/v1/chat/completions", HELLO), ("/v1/text/generate", {"prompt": "x"})):
        assert client.post(route, json={**body, "model": prefix + model}).status_code == 200
    assert [json.loads(call.request.body)["model"] for call in upstream.calls] == [model, model]


@pytest.mark.parametrize("model", NAMES)
def test_a_model_of_any_name_can_be_looked_up(client, upstream, model):
    upstream.get("http://llm.test:8000/v1/models", json={"data": [{"id": model}]})
    for path in (quote(model, safe=""), quote(model)):
        assert client.get(f"/v1/models/{path}").get_json()["id"] == model
    found = client.get("/v1/models/validate", query_string={"model": model})
    assert found.get_json() == {"model": model, "valid": True}


def test_all_errors_of_a_request_are_reported_at_once(client):
    errors = refused(
        client.post("/v1/text/generate", json={"max_tokens": "5", "temperature": 9, "model": "..", "colour": 1})
    )["details"]
    assert set(errors) == {"prompt", "max_tokens", "temperature", "model", "colour"}
    assert all(isinstance(reason, str) for reasons in errors.values() for reason in reasons)


def test_all_errors_of_a_summary_are_reported_at_once(client):
    errors = refused(client.post("/v1/text/summarize", json={"text": " ", "max_length": 10, "min_length": 20, "x": 1}))[
        "details"
    ]
    assert set(errors) == {"text", "min_length", "x"}


@pytest.mark.parametrize("body", [{"max_length": 4}, {"max_length": 32_769}, {"min_length": -1}, {"max_length": 9.5}])
def test_summary_lengths_have_ranges(client, body):
    assert set(refused(client.post("/v1/text/summarize", json={"text": "x", **body}))["details"]) == set(body)


def test_model_validation_has_one_parameter(client):
    assert set(refused(client.get("/v1/models/validate"))["details"]) == {"model"}
    assert set(refused(client.get("/v1/models/validate?model=a&other=b"))["details"]) == {"other"}
    assert set(refused(client.get("/v1/models/validate?model=a&model=../b"))["details"]) == {"model"}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])
def test_another_media_type_is_a_415(client, content_type):
    refused(post(client, "/v1/text/generate", b'{"prompt": "x"}', content_type), 415, "unsupported_media_type")


def test_a_compressed_body_is_a_415(client):
    response = post(client, "/v1/text/generate", b"x", headers={"Content-Encoding": "gzip"})
    refused(response, 415, "unsupported_media_type")


def test_a_body_above_the_limit_is_a_413(make_client):
    client = make_client(MAX_BODY_BYTES="100")
    body = json.dumps({"prompt": " "}).encode()
    refused(post(client, "/v1/text/generate", body + b" " * (101 - len(body))), 413, "payload_too_large")
    refused(post(client, "/v1/text/generate", body + b" " * (100 - len(body))))


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [64 * 1024, 64 * 1024 + 1, 200_000])
def test_a_large_body_is_read_to_its_limit(make_client, upstream, chunked, size):
    client = make_client(MAX_BODY_BYTES="200000")
    upstream.post(CHAT, json=chat_response("x"))

    def send(body):
        options = {"input_stream": BytesIO(body), "environ_overrides": {"CONTENT_LENGTH": ""}}
        return post(client, "/v1/chat/completions", **({"data": None, **options} if chunked else {"data": body}))

    body = json.dumps(HELLO).encode()
    for _ in range(2):  # the bytes of the first body are given back
        assert send(body + b" " * (size - len(body))).status_code == 200
    assert send(body + b" " * (200_001 - len(body))).status_code == 413


def test_a_text_at_the_limit_is_accepted(make_client, upstream):
    client = make_client(MAX_INPUT_CHARS="10")
    upstream.post(CHAT, json=chat_response("x"))
    assert client.post("/v1/text/generate", json={"prompt": "é" * 10}).status_code == 200
    refused(client.post("/v1/text/generate", json={"prompt": "é" * 11}))


def test_a_body_of_a_task_has_room_for_its_text_only(make_client, upstream):
    upstream.post(CHAT, json=chat_response("x"))
    escaped = json.dumps({"prompt": "😀" * 200_000}).encode()  # 12 bytes for each character
    assert post(make_client(MAX_INPUT_CHARS="200000"), "/v1/text/generate", escaped).status_code == 200
    refused(post(make_client(), "/v1/text/generate", escaped), 413, "payload_too_large")
    refused(
        post(make_client(MAX_INPUT_CHARS="200000", MAX_BODY_BYTES="1MiB"), "/v1/text/generate", escaped),
        413,
        "payload_too_large",
    )
