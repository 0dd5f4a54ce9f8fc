"""POST /v1/text/entities, with mocked pipelines and chat models."""

import json

import pytest
from support.upstreams import CHAT, EMBEDDED, HUGGINGFACE, OPENAI, PIPELINE, ROUTER_CHAT, chat_response, sent

ROUTE = "/v1/text/entities"
NER = f"{PIPELINE}dslim/bert-base-NER"
TEXT = "👍 Ada Moor of Moor & Sons paid $1,200 in Köln on 3 May 2024. Write to ada@moor.example."
MODEL = [
    {"entity_group": "PER", "word": "Ada Moor", "start": 2, "end": 10, "score": 0.99871},
    {"entity_group": "ORG", "word": "Moor & Sons", "start": 14, "end": 25, "score": 0.9},
    {"entity_group": "LOC", "word": "Köln", "start": 42, "end": 46, "score": 0.8},
]
CHAT_ENTITIES = [
    {"text": "Ada Moor", "type": "person"},
    {"text": "Moor & Sons", "type": "ORGANIZATION"},
    {"text": "Köln", "type": "place"},
    {"text": "Atlantis", "type": "place"},
    {"text": "paid", "type": "verb"},
    "Köln",
]
EXPECTED = [
    ("Ada Moor", "person"),
    ("Moor & Sons", "organization"),
    ("$1,200", "money"),
    ("Köln", "place"),
    ("3 May 2024", "date"),
    ("ada@moor.example", "email"),
]


def find(client, **body):
    return client.post(ROUTE, json={"text": TEXT, **body} if "texts" not in body else body)


def named(body):
    return [(entity["text"], entity["type"]) for entity in body["entities"]]


def test_a_pipeline_and_rules_find_entities_at_their_places(make_client, upstream):
    upstream.post(NER, json=MODEL)
    body = find(make_client(HUGGINGFACE)).get_json()
    assert named(body) == EXPECTED
    assert all(TEXT[entity["start"] : entity["end"]] == entity["text"] for entity in body["entities"])
    assert [entity.get("score") for entity in body["entities"]] == [0.9987, 0.9, None, 0.8, None, None]
    assert (body["language"], body["source"]) == ("en", "token_classification")
    assert sent(upstream) == {"inputs": TEXT, "parameters": {"aggregation_strategy": "simple"}}


@pytest.mark.parametrize(
    ("unit", "encode"), [("utf16", lambda text: text.encode("utf-16-le")), ("bytes", lambda text: text.encode())]
)
def test_offsets_have_the_unit_asked_for(make_client, upstream, unit, encode):
    upstream.post(NER, json=MODEL)
    width, whole = (2 if unit == "utf16" else 1), encode(TEXT)
    entities = find(make_client(HUGGINGFACE), offset_unit=unit).get_json()["entities"]
    parts = [whole[width * entity["start"] : width * entity["end"]] for entity in entities]
    assert parts == [encode(text) for text, _ in EXPECTED]


def test_types_select_entities(make_client, upstream):
    upstream.post(NER, json=MODEL)
    assert named(find(make_client(HUGGINGFACE), types=["place", "email"]).get_json()) == [EXPECTED[3], EXPECTED[5]]


def test_several_texts_are_one_call_of_a_pipeline(make_client, upstream):
    upstream.post(NER, json=[[MODEL[0]], [], [MODEL[0]]])
    body = find(make_client(HUGGINGFACE), texts=["Ann sang.", "Nobody sang.", "Bob sang."]).get_json()
    assert [result["index"] for result in body["results"]] == [0, 1, 2]
    assert len(upstream.calls) == 1


def test_a_long_text_is_read_in_parts_with_offsets_in_the_complete_text(make_client, upstream):
    def respond(request):
        part = json.loads(request.body)["inputs"]
        places = [place for place in range(len(part)) if part.startswith("Köln", place)]
        found = [
            {"entity_group": "LOC", "word": "Köln", "start": place, "end": place + 4, "score": 1} for place in places
        ]
        return 200, {}, json.dumps(found)

    upstream.add_callback("POST", NER, respond)
    text = "The train to Köln was late again, and nobody told us why. " * 60
    entities = find(make_client(HUGGINGFACE), text=text).get_json()["entities"]
    assert len(entities) == 60
    assert all(text[entity["start"] : entity["end"]] == "Köln" for entity in entities)
    assert len(upstream.calls) > 1


def test_a_part_that_the_pipeline_refuses_is_asked_in_halves(make_client, upstream):
    upstream.post(NER, json={"error": "The size of tensor a (602) must match the size of tensor b (512)"}, status=400)
    upstream.post(NER, json=[])
    text = "The train was late again. " * 60
    response = find(make_client(HUGGINGFACE), text=text)
    assert (response.status_code, len(upstream.calls) > 2) == (200, True)
    assert len(sent(upstream)["inputs"]) < len(sent(upstream, 0)["inputs"])


@pytest.mark.parametrize(("status", "text"), [(400, "Short."), (403, "The train was late again. " * 60)])
def test_a_text_that_is_refused_in_any_length_is_rejected(make_client, upstream, status, text):
    upstream.post(NER, json={"error": {"message": "No.", "code": "content_filter"}}, status=status)
    response = find(make_client(HUGGINGFACE), text=text)
    assert (response.status_code, response.get_json()["type"], len(upstream.calls)) == (400, "upstream_rejected", 1)


def test_without_the_pipeline_a_chat_model_is_asked(make_client, upstream):
    upstream.post(NER, json={"error": "Model not supported by provider hf-inference"}, status=400)
    upstream.post(ROUTER_CHAT, json=chat_response(json.dumps({"entities": CHAT_ENTITIES})))
    body = find(make_client(HUGGINGFACE)).get_json()
    assert (named(body), body["source"]) == (EXPECTED, "chat_model")


def test_a_chat_model_answers_in_the_form_of_a_schema_and_invents_nothing(make_client, upstream):
    upstream.post(CHAT, json=chat_response(json.dumps({"entities": CHAT_ENTITIES})))
    body = find(make_client(OPENAI)).get_json()
    assert named(body) == EXPECTED
    assert all(TEXT[entity["start"] : entity["end"]] == entity["text"] for entity in body["entities"])
    asked = sent(upstream)
    schema = asked["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert schema["schema"]["properties"]["entities"]["items"]["required"] == ["text", "type"]
    assert asked["messages"][1] == {"role": "user", "content": TEXT}
    assert asked["temperature"] == 0


def test_a_chat_model_is_asked_for_the_selected_types_only(make_client, upstream):
    upstream.post(CHAT, json=chat_response(json.dumps({"entities": CHAT_ENTITIES})))
    assert named(find(make_client(OPENAI), types=["person"]).get_json()) == [("Ada Moor", "person")]
    items = sent(upstream)["response_format"]["json_schema"]["schema"]["properties"]["entities"]["items"]
    assert items["properties"]["type"]["enum"] == ["person"]


def test_a_repeated_name_is_found_at_each_place(make_client, upstream):
    upstream.post(CHAT, json=chat_response('{"entities": [{"text": "Ann", "type": "person"}]}'))
    entities = find(make_client(OPENAI), text="Ann saw Anna, and Ann left.").get_json()["entities"]
    assert [entity["start"] for entity in entities] == [0, 18]


@pytest.mark.parametrize(
    "answer",
    [
        '```json\n{"entities": [{"text": "Köln", "type": "place"}]}\n```',
        '<think>{"a": 1}</think>Here: {"entities": [{"text": "Köln", "type": "place"}]} Done.',
        '{"note": {"x": 1}} {"entities": [{"text": "Köln", "type": "place"}]}',
        '{"entities": [{"text": "Köln", "type": "place"}, {"text": 5, "type": "place"}, 7]}',
        '{"entities": [{"text": "Köln", "type": "place"}, {"text": "Köln", "ty',
    ],
)
def test_answers_of_servers_without_schemas_are_read(make_client, upstream, answer):
    upstream.post(CHAT, json=chat_response(answer))
    assert named(find(make_client(OPENAI), types=["place"]).get_json()) == [("Köln", "place")]


def test_a_server_that_refuses_schemas_is_asked_without(make_client, upstream):
    upstream.post(CHAT, json={"error": {"message": "response_format is not supported"}}, status=400)
    upstream.post(CHAT, json=chat_response('{"entities": []}'))
    assert find(make_client(OPENAI)).status_code == 200
    assert "response_format" not in sent(upstream)


@pytest.mark.parametrize("answer", ["I found none.", "{", '{"names": []}', ""])
def test_an_answer_without_json_is_an_error(make_client, upstream, answer):
    upstream.post(CHAT, json=chat_response(answer))
    response = find(make_client(OPENAI))
    assert (response.status_code, response.get_json()["type"]) == (502, "upstream_invalid_response")


def test_entities_that_are_no_list_are_none(make_client, upstream):
    upstream.post(CHAT, json=chat_response('{"entities": "none"}'))
    assert named(find(make_client(OPENAI), types=["person"]).get_json()) == []


@pytest.mark.parametrize("field", [{"types": ["city"]}, {"types": "person"}, {"offset_unit": "chars"}])
def test_unknown_types_and_units_are_errors(make_client, field):
    response = find(make_client(OPENAI), **field)
    assert (response.status_code, response.get_json()["type"]) == (400, "validation_error")


ENCODER = "http://127.0.0.1:10/entities"


def test_the_encoder_and_rules_find_entities_for_the_embedded_engine(make_client, upstream):
    listed = [["person", 2, 10, None], ["organization", 14, 25, None], ["place", 41, 45, 0.9], ["date", 50, 55, None]]
    upstream.post(ENCODER, json={"outputs": [{"entities": listed, "source": "spacy"}], "tokens": [20]})
    body = find(make_client(EMBEDDED)).get_json()
    assert (named(body), body["source"]) == (EXPECTED, "spacy")
    assert sent(upstream) == {"inputs": [TEXT], "language": "en"}


def test_the_language_of_the_request_selects_the_encoders_model(make_client, upstream):
    upstream.post(ENCODER, json={"outputs": [{"entities": [], "source": "name_model"}], "tokens": [20]})
    body = find(make_client(EMBEDDED), language="de-AT").get_json()
    assert (body["language"], body["source"]) == ("de", "name_model")
    assert sent(upstream)["language"] == "de"


def test_markup_within_an_entity_is_named(make_client, upstream):
    html = "<p>Ask <b>Ada</b> Moor.</p>"
    upstream.post(
        ENCODER, json={"outputs": [{"entities": [["person", 4, 12, None]], "source": "spacy"}], "tokens": [4]}
    )
    (entity,) = find(make_client(EMBEDDED), text=html, format="html").get_json()["entities"]
    assert html[entity["start"] : entity["end"]] == entity["text"]
    assert entity.get("plain_text", entity["text"]) == "Ada Moor"
