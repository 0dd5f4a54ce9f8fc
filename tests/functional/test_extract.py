"""POST /v1/text/extract."""

import json

import pytest
from support.upstreams import CHAT, EMBEDDED, HUGGINGFACE, ROUTER_CHAT, chat_response, sent, stream

ENGINE = "http://127.0.0.1:9/v1/chat/completions"
TEXT = "Invoice 2041: 3 chairs at 40 EUR."
SCHEMA = {
    "type": "object",
    "properties": {
        "invoice": {"type": "string"},
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "price": {"type": "number"}},
                "required": ["price"],
            },
        },
        "due": {"type": "string", "format": "date"},
    },
    "required": ["invoice"],
}
VALID = '{"invoice": "2041", "items": [{"name": "chair", "price": 40}]}'
INVALID = '{"invoice": "2041", "items": [{"name": "chair", "price": "forty"}]}'


def extract(client, text=TEXT, schema=SCHEMA, **body):
    return client.post("/v1/text/extract", json={"text": text, "schema": schema, **body})


def faults(response):
    return response.get_json()["details"]["schema"][0]


def forms(upstream):
    formats = [json.loads(call.request.body).get("response_format") for call in upstream.calls]
    return [response_format and response_format["type"] for response_format in formats]


def test_data_is_asked_for_under_the_schema(client, upstream):
    upstream.post(CHAT, json=chat_response(VALID))
    response = extract(client, instruction="Prices without currency.", max_tokens=200)
    assert response.get_json() == {"data": json.loads(VALID), "model": "org/small"}
    body = sent(upstream)
    expected = {"name": "data", "schema": SCHEMA, "strict": False}
    assert body["response_format"] == {"type": "json_schema", "json_schema": expected}
    assert (body["max_tokens"], body["temperature"]) == (200, 0)
    instruction = body["messages"][0]["content"]
    assert json.loads(instruction.partition("JSON Schema:\n")[2].partition("\n")[0]) == SCHEMA
    assert instruction.endswith("Prices without currency.")
    assert body["messages"][1] == {"role": "user", "content": TEXT}


def test_strict_is_set_for_schemas_that_openai_takes_strictly(client, upstream):
    upstream.post(CHAT, json=chat_response('{"a": {"b": "x"}}'))
    inner = {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]}
    for additional, is_strict in ((False, True), (True, False)):
        nested = {**inner, "additionalProperties": additional}
        extract(
            client,
            schema={"type": "object", "properties": {"a": nested}, "required": ["a"], "additionalProperties": False},
        )
        assert sent(upstream)["response_format"]["json_schema"]["strict"] is is_strict


def test_a_missing_type_of_the_schema_is_object(client, upstream):
    upstream.post(CHAT, json=chat_response('{"a": 1}'))
    assert extract(client, schema={"properties": {"a": {}}}).get_json()["data"] == {"a": 1}
    assert sent(upstream)["response_format"]["json_schema"]["schema"]["type"] == "object"


@pytest.mark.parametrize(
    "answer",
    [
        f"```json\n{VALID}\n```",
        f"Here is the data:\n\n```\n{VALID}\n```\nAnything else?",
        f"The data is {VALID}. Bye.",
        f"<think>{{}} is not enough.</think>\n{VALID}",
        f"\ufeff {VALID}\n",
    ],
)
def test_data_is_found_in_other_text(client, upstream, answer):
    upstream.post(CHAT, json=chat_response(answer))
    assert extract(client).get_json()["data"] == json.loads(VALID)
    assert len(upstream.calls) == 1


def test_integers_keep_all_their_digits(client, upstream):
    digits = "123456789012345678901234567890"
    upstream.post(CHAT, json=chat_response(f'{{"n": [{digits}, 7], "x": true}}'))
    schema = {"properties": {"n": {"items": {"type": "integer"}}}}
    assert f'{{"n":[{digits},7],"x":true}}' in extract(client, schema=schema).text


def test_an_invalid_answer_is_repaired_once(client, upstream):
    upstream.post(CHAT, json=chat_response(INVALID))
    upstream.post(CHAT, json=chat_response(VALID))
    response = extract(client).get_json()
    assert response == {"data": json.loads(VALID), "model": "org/small", "repaired": True}
    first, answer, correction = sent(upstream)["messages"][1:]
    assert (first["content"], answer) == (TEXT, {"role": "assistant", "content": INVALID})
    assert "$.items[0].price" in correction["content"]


@pytest.mark.parametrize(
    ("answer", "path", "reason"),
    [
        (INVALID, "$.items[0].price", 'is not of type "number"'),
        ("{}", "$.invoice", "is a required property"),
        ('{"invoice": "1", "due": "tomorrow"}', "$.due", 'is not a "date"'),
        ('{"invoice": "1", "invoice": "2"}', "$", 'the name "invoice" twice'),
        ('{"invoice": NaN}', "$", "NaN"),
        ('{"invoice": 1e999}', "$", "too large"),
        (f'{{"invoice": {"1" * 200}}}', "$", "more than 100 digits"),
        ("[1]", "$", "no JSON object"),
        ('{"invoice": "1"} {"invoice": "2"}', "$", "no complete JSON object"),
        ('{"a":' * 65 + "1" + "}" * 65, "$", "more than 64 levels"),
        ("I cannot do that.", "$", "no complete JSON object"),
        ("", "$", "no complete JSON object"),
    ],
)
def test_an_answer_that_stays_invalid_is_an_error_that_names_the_path(client, upstream, answer, path, reason):
    upstream.post(CHAT, json=chat_response(answer))
    response = extract(client)
    error = response.get_json()
    assert (response.status_code, error["type"]) == (422, "extraction_invalid")
    assert error["details"]["path"] == path
    assert reason in error["details"]["reason"]
    assert error["details"]["faults"][0] == {"path": path, "reason": error["details"]["reason"]}
    assert path in error["message"]
    assert len(upstream.calls) == 2


def test_names_that_are_no_identifiers_are_quoted_in_paths(client, upstream):
    upstream.post(CHAT, json=chat_response('{"it\'s a \\\\": 5}'))
    schema = {"properties": {"it's a \\": {"type": "string"}}}
    assert extract(client, schema=schema).get_json()["details"]["path"] == "$['it\\'s a \\\\']"


def test_many_faults_are_shortened(client, upstream):
    upstream.post(CHAT, json=chat_response(json.dumps({"a": ["x" * 500] * 30})))
    error = extract(client, schema={"properties": {"a": {"items": {"type": "null"}}}}).get_json()
    assert len(error["details"]["faults"]) == 10
    assert len(error["details"]["reason"]) == 200


def test_an_answer_that_is_cut_off_is_an_error(client, upstream):
    upstream.post(CHAT, json=chat_response(VALID, finish_reason="length"))
    error = extract(client, max_tokens=50).get_json()
    assert error["type"] == "extraction_invalid"
    assert "cut off at max_tokens, 50" in error["message"]
    assert len(upstream.calls) == 1


def test_a_server_without_json_schema_is_asked_for_json_then_by_the_prompt_only(client, upstream):
    refusal = {"error": {"message": "response_format.type is invalid", "type": "invalid_request_error"}}
    upstream.post(CHAT, status=400, json=refusal)
    upstream.post(CHAT, status=400, json=refusal)
    upstream.post(CHAT, json=chat_response(VALID))
    assert extract(client).get_json()["data"] == json.loads(VALID)
    assert forms(upstream) == ["json_schema", "json_object", None]
    extract(client, TEXT + " Thanks.")
    assert forms(upstream)[3:] == [None]
    extract(client, schema={"properties": {}})
    assert forms(upstream)[4:] == ["json_schema"]


def test_a_refusal_of_every_form_is_the_error_of_the_upstream(client, upstream):
    upstream.post(CHAT, status=400, json={"error": {"message": "The grammar is invalid."}})
    assert extract(client).get_json()["details"] == {"reason": "The grammar is invalid."}
    assert forms(upstream) == ["json_schema", "json_object", None]


def test_another_refusal_is_not_one_of_the_format(client, upstream):
    reason = "The prompt has 5000 tokens; at most 2048 are possible."
    upstream.post(CHAT, status=400, json={"error": {"message": reason}})
    response = extract(client)
    assert (response.status_code, response.get_json()["type"]) == (400, "upstream_rejected")
    assert len(upstream.calls) == 1


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"properties": {"a": {"type": "strng"}}}, "#/properties/a/type"),
        ({"properties": {"a": {"pattern": "("}}}, "#/properties/a/pattern"),
        ({"properties": {"a": {"pattern": "(?=a)"}}}, "#/properties/a/pattern"),
        ({"required": "a"}, "#/required"),
        ({"type": "array"}, "#/type"),
        ({"type": ["object", "null"]}, "#/type"),
        ({"properties": {"a": {"$ref": "https://schemas.test/a.json"}}}, "#/properties/a/$ref"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "#/properties/a/$ref"),
        ({"properties": {"a": {"$ref": "#anchor"}}}, "#/properties/a/$ref"),
        ({"properties": {"a": {"$ref": 5}}}, "#/properties/a/$ref"),
        ({"properties": {"a": {"$ref": "#/$defs/b"}}}, "no #/$defs/b, which it refers to at #/properties/a/$ref"),
        ({"allOf": [{"$ref": "#/allOf/7"}]}, "no #/allOf/7"),
        ({"$id": "https://schemas.test/", "properties": {}}, "$id"),
        ({"properties": {"a": {"$dynamicRef": "#b"}}}, "#/properties/a/$dynamicRef"),
        ({"properties": {"a": {"enum": ["x"] * 3000}}}, "2000 parts"),
        ({"properties": {"a": {"description": "x" * 70_000}}}, "bytes"),
        ({"properties": {"a": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}}}, "several times for one place"),
        ("x", "JSON Schema"),
        ({"properties": {"a": {"maximum": 123456789012345678901234567890}}}, "64 bits"),
    ],
)
def test_an_invalid_schema_is_refused_with_its_path(client, upstream, schema, reason):
    response = extract(client, schema=schema)
    assert (response.status_code, response.get_json()["type"]) == (400, "validation_error")
    assert reason in faults(response)
    assert len(upstream.calls) == 0


def nested(levels):
    schema = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def doubled(levels):
    definitions = {"a0": {"type": "string"}}
    for level in range(1, levels):
        part = {"$ref": f"#/$defs/a{level - 1}"}
        definitions[f"a{level}"] = {"anyOf": [part, part]}
    return {"$defs": definitions, "properties": {"x": {"$ref": f"#/$defs/a{levels - 1}"}}}


@pytest.mark.parametrize(("schema", "reason"), [(nested(40), "64 levels"), (doubled(16), "2000 parts")])
def test_schemas_that_are_too_large_when_written_out_are_refused(client, schema, reason):
    assert reason in faults(extract(client, schema=schema))


TREE = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "const": {"$ref": "#/$defs/a~1b%25"},
        "left": {"$ref": "#"},
        "any": True,
        "price": {"type": "number"},
        "right": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
        "pair": {"prefixItems": [{"$ref": "#/$defs/list/allOf/1"}], "const": [{"$ref": "https://data.test"}]},
    },
    "$defs": {"a/b%": {"type": "integer"}, "list": {"allOf": [{}, {"type": "integer"}]}},
    "required": ["name"],
}


def test_a_schema_may_refer_to_its_parts_and_to_itself(client, upstream):
    for _ in range(2):
        upstream.post(CHAT, json=chat_response('{"name": "a", "left": {"name": "b", "right": {"name": 5}}}'))
    upstream.post(CHAT, json=chat_response('{"name": "a", "price": 2.5, "left": {"name": "b", "const": 5}}'))
    assert extract(client, schema=TREE).get_json()["details"]["path"] == "$.left.right"
    assert extract(client, TEXT + "!", schema=TREE).get_json()["data"]["left"]["const"] == 5


def test_a_pattern_takes_linear_time(client, upstream):
    upstream.post(CHAT, json=chat_response(json.dumps({"a": "a" * 5000 + "!"})))
    error = extract(client, schema={"properties": {"a": {"pattern": "^(a+)+$"}}}).get_json()
    assert error["details"]["path"] == "$.a"


def test_several_texts_are_extracted_with_the_faults_beside_the_results(client, upstream):
    upstream.post(CHAT, json=chat_response(VALID))
    body = client.post("/v1/text/extract", json={"texts": [TEXT, ""], "schema": SCHEMA}).get_json()
    assert body["results"] == [{"index": 0, "id": "0", "data": json.loads(VALID), "model": "org/small"}]
    assert body["errors"][0]["error"]["type"] == "validation_error"


def test_equal_extractions_are_cached(client, upstream):
    upstream.post(CHAT, json=chat_response(VALID))
    statuses = [extract(client).headers["X-AI-Cache"] for _ in range(2)]
    assert statuses == ["miss", "hit"]


def test_the_router_of_hugging_face_is_asked_in_the_same_way(make_client, upstream):
    upstream.post(ROUTER_CHAT, json=chat_response(VALID))
    assert extract(make_client(HUGGINGFACE)).get_json()["data"] == json.loads(VALID)
    assert sent(upstream)["response_format"]["type"] == "json_schema"


def mock_engine(upstream, text):
    events = [{"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]}]
    upstream.post(ENGINE, body=stream(events), content_type="text/event-stream")


def test_the_embedded_engine_writes_under_a_grammar(make_client, upstream):
    mock_engine(upstream, VALID)
    assert extract(make_client(EMBEDDED)).get_json()["data"] == json.loads(VALID)
    assert sent(upstream)["response_format"]["json_schema"]["schema"] == SCHEMA


def test_a_schema_beyond_the_bounds_of_the_engine_is_left_to_the_prompt(make_client, upstream):
    mock_engine(upstream, '{"a": "x"}')
    schema = {"type": "object", "properties": {"a": {"enum": ["x", *map(str, range(600))]}}}
    assert extract(make_client(EMBEDDED), schema=schema).get_json()["data"] == {"a": "x"}
    assert sent(upstream)["response_format"] == {"type": "json_object"}


def test_the_quota_of_tokens_covers_schema_and_repair(make_client, upstream):
    upstream.post(CHAT, json=chat_response(VALID))
    client = make_client(TOKENS_PER_MINUTE="3000")
    assert extract(client, max_tokens=1400).status_code == 429
    assert extract(client, max_tokens=1000).status_code == 200
