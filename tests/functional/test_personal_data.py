"""POST /v1/text/pii, /v1/text/redact and /v1/text/restore."""

import json

import pytest
from support.keys import made
from support.upstreams import CHAT, EMBEDDED, HUGGINGFACE, OPENAI, PIPELINE, ROUTER_CHAT, chat_response, sent

TEXT = "🙂 Ada Moor, ada@example.com, +44 20 7946 0958; ada@example.com"
ENCODER = "http://127.0.0.1:10/pii"
NAME = {"type": "name", "start": 2, "end": 10, "score": 0.98765}


def find(client, text=TEXT, headers=None, **options):
    response = client.post("/v1/text/pii", json={"text": text, **options}, headers=headers)
    assert response.status_code == 200, response.text
    return response.get_json()


def redact(client, text=TEXT, **options):
    response = client.post("/v1/text/redact", json={"text": text, **options})
    assert response.status_code == 200, response.text
    return response.get_json()


def found(result):
    return [(entity["type"], entity["text"]) for entity in result["entities"]]


def test_rules_need_no_backend(client, upstream):
    result = find(client)
    assert found(result) == [
        ("email", "ada@example.com"),
        ("phone", "+44 20 7946 0958"),
        ("email", "ada@example.com"),
    ]
    assert [TEXT[entity["start"] : entity["end"]] for entity in result["entities"]] == [one for _, one in found(result)]
    assert {entity["source"] for entity in result["entities"]} == {"rule"}
    assert [entity["checked"] for entity in result["entities"]] == [False, True, False]
    assert {"type": "iban", "source": "rules"} in result["searched"]
    assert not upstream.calls


def test_offsets_are_in_the_wanted_unit(client):
    [entity] = find(client, types=["phone"], offset_unit="utf16")["entities"]
    assert TEXT.encode("utf-16-le")[2 * entity["start"] : 2 * entity["end"]].decode("utf-16-le") == "+44 20 7946 0958"


def test_types_and_countries_select(client):
    text = "44051401359 and 12345678Z"
    assert found(find(client, text, types=["email"])) == []
    [entity] = find(client, text, countries=["ES"])["entities"]
    assert (entity["text"], entity["country"], entity["name"], entity["checked"]) == ("12345678Z", "ES", "dni", True)


@pytest.mark.parametrize("options", [{"types": ["mail"]}, {"types": []}, {"countries": ["xx"]}, {"mode": "hide"}])
def test_unknown_kinds_countries_and_modes_are_refused(client, options):
    response = client.post("/v1/text/redact", json={"text": TEXT, **options})
    assert response.status_code == 400
    assert set(response.get_json()["details"]) == set(options)


def test_markup_stays_and_offsets_are_those_of_the_source(client):
    text = '<p>Mail <a href="mailto:ada&#64;example.com">ada@example.com</a></p>'
    result = redact(client, text, format="html")
    assert result["text"] == '<p>Mail <a href="mailto:[EMAIL_1]">[EMAIL_2]</a></p>'
    assert result["mapping"] == {"[EMAIL_1]": "ada&#64;example.com", "[EMAIL_2]": "ada@example.com"}


def test_equal_values_get_equal_placeholders_and_none_that_is_there(client):
    result = redact(client, f"{TEXT} [EMAIL_1]")
    assert result["text"] == "🙂 Ada Moor, [EMAIL_2], [PHONE_1]; [EMAIL_2] [EMAIL_1]"
    assert result["mapping"] == {"[EMAIL_2]": "ada@example.com", "[PHONE_1]": "+44 20 7946 0958"}
    assert [entity["replacement"] for entity in result["entities"]] == ["[EMAIL_2]", "[PHONE_1]", "[EMAIL_2]"]


@pytest.mark.parametrize(("mode", "text"), [("mask", "call *** ** **** ****."), ("remove", "call .")])
def test_masked_and_removed_values_are_nowhere_in_the_response(client, mode, text):
    result = redact(client, "call +44 20 7946 0958.", mode=mode)
    assert result["text"] == text
    assert "mapping" not in result
    assert "7946" not in json.dumps(result)


def test_each_of_several_texts_has_a_mapping_of_its_own(client):
    body = {"texts": ["a@b.com", "c@d.com"], "types": ["email"]}
    results = client.post("/v1/text/redact", json=body).get_json()["results"]
    assert [one["mapping"] for one in results] == [{"[EMAIL_1]": "a@b.com"}, {"[EMAIL_1]": "c@d.com"}]


def test_what_redact_replaced_restore_puts_back(client):
    result = redact(client, f"{TEXT} [EMAIL_1]")
    body = {"text": result["text"], "mapping": result["mapping"]}
    assert client.post("/v1/text/restore", json=body).get_json() == {"text": f"{TEXT} [EMAIL_1]"}


def test_restore_takes_several_texts_and_keeps_json_valid(client):
    body = {"texts": ['{"to": "[EMAIL_1]"}', "To [Email 1], [EMAIL_2]"], "mapping": {"[EMAIL_1]": 'a"@b.com'}}
    results = client.post("/v1/text/restore", json=body).get_json()["results"]
    assert [one["text"] for one in results] == ['{"to": "a\\"@b.com"}', 'To a"@b.com, [EMAIL_2]']


@pytest.mark.parametrize("mapping", [None, {}, {"a": 1}, [], {"": "a"}])
def test_a_mapping_is_an_object_of_texts(client, mapping):
    response = client.post("/v1/text/restore", json={"text": "a", "mapping": mapping})
    assert response.status_code == (200 if mapping == {} else 400)


def test_a_chat_model_finds_names_and_addresses_as_the_text_has_them(client, upstream):
    items = [{"text": text, "type": kind} for text, kind in (("Ada Moor", "name"), ("Bob", "name"), ("Ada", "person"))]
    upstream.post(CHAT, json=chat_response(json.dumps({"entities": [*items, 5]})))
    result = find(client, types=["name", "address", "email"])
    assert found(result) == [("name", "Ada Moor"), ("email", "ada@example.com"), ("email", "ada@example.com")]
    assert result["entities"][0] == {"type": "name", "source": "model", "start": 2, "end": 10, "text": "Ada Moor"}
    assert result["searched"][1:] == [{"type": kind, "source": "chat_model"} for kind in ("name", "address")]
    assert sent(upstream)["response_format"]["type"] == "json_schema"


def test_a_finding_of_a_model_that_overlaps_one_of_a_rule_is_left_out(client, upstream):
    upstream.post(CHAT, json=chat_response('{"entities": [{"text": "ada@example.com", "type": "name"}]}'))
    assert [kind for kind, _ in found(find(client, types=["name", "email"]))] == ["email", "email"]
    upstream.post(CHAT, json=chat_response('{"entities": "none"}'))
    assert found(find(client, "Nobody", types=["name"])) == []


def test_a_model_that_answers_without_json_is_an_error(client, upstream):
    upstream.post(CHAT, json=chat_response("There are none."))
    response = client.post("/v1/text/pii", json={"text": TEXT, "types": ["name"]})
    assert (response.status_code, response.get_json()["type"]) == (502, "upstream_invalid_response")


def test_the_encoder_finds_names_on_the_embedded_engine(make_client, upstream):
    upstream.post(ENCODER, json={"outputs": [[NAME]], "tokens": [9]})
    result = find(make_client(EMBEDDED), types=["name"])
    assert result["entities"] == [
        {"type": "name", "source": "model", "score": 0.9877, "start": 2, "end": 10, "text": "Ada Moor"}
    ]
    assert result["searched"] == [{"type": "name", "source": "name_model"}]
    assert sent(upstream) == {"inputs": [TEXT]}


def test_offsets_of_a_model_that_got_placeholders_are_those_of_the_text(make_client, upstream):
    text = "ada@example.com is the mail of Ada Moor"
    redacted = "[EMAIL_1] is the mail of Ada Moor"
    start = redacted.index("Ada")
    upstream.post(ENCODER, json={"outputs": [[{**NAME, "start": start, "end": start + 8}]], "tokens": [9]})
    result = find(make_client(EMBEDDED), text, headers={"X-AI-Redact": "email"}, types=["name"])
    assert found(result) == [("name", "Ada Moor")]
    assert sent(upstream) == {"inputs": [redacted]}


def test_the_pipeline_finds_names_on_hugging_face_and_a_chat_model_addresses(make_client, upstream):
    client = make_client(HUGGINGFACE)
    entity = {"entity_group": "PER", "word": "Ada Moor", "score": 0.99, "start": 2, "end": 10}
    other = {"entity_group": "ORG", "word": "ada", "score": 0.99, "start": 12, "end": 15}
    upstream.assert_all_requests_are_fired = False
    upstream.post(f"{PIPELINE}dslim/bert-base-NER", json=[entity, other])
    result = find(client, types=["name"])
    assert found(result) == [("name", "Ada Moor")]
    assert result["searched"] == [{"type": "name", "source": "token_classification"}]
    upstream.post(ROUTER_CHAT, json=chat_response('{"entities": []}'))
    assert find(client, types=["name", "address"])["searched"][0]["source"] == "chat_model"


def test_names_have_placeholders_too(client, upstream):
    upstream.post(CHAT, json=chat_response('{"entities": [{"text": "Ada Moor", "type": "name"}]}'))
    assert redact(client, types=["name", "phone"])["text"] == "🙂 [NAME_1], ada@example.com, [PHONE_1]; ada@example.com"


def test_a_key_needs_the_permission_for_each_route(make_client):
    key, line = made("team", "operations=pii")
    client = make_client(OPENAI, API_KEYS=line)
    headers = {"Authorization": f"Bearer {key}"}
    assert find(client, headers=headers)
    assert client.post("/v1/text/redact", json={"text": TEXT}, headers=headers).status_code == 403
