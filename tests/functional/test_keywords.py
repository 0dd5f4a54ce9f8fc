"""POST /v1/text/keywords, with mocked chat models and encoder."""

import json

import pytest
from support.upstreams import CHAT, EMBEDDED, HUGGINGFACE, OPENAI, ROUTER_CHAT, chat_response, sent

ROUTE = "/v1/text/keywords"
ENCODER = "http://127.0.0.1:10/keywords"
TEXT = "👍 The hotel room was tiny. The breakfast in the Hotel Moor was excellent."
GERMAN = "Die Stadtwerke erhöhen die Strompreise, weil die Netzentgelte steigen."


def find(client, **body):
    texts = {} if "texts" in body else {"text": TEXT}
    return client.post(ROUTE, json={**texts, **body})


def named(body):
    return [keyword["text"] for keyword in body["keywords"]]


def chat_keywords(*keywords):
    return chat_response(json.dumps({"keywords": keywords}))


@pytest.mark.parametrize(("settings", "route"), [(OPENAI, CHAT), (HUGGINGFACE, ROUTER_CHAT)])
def test_a_chat_model_names_keywords_that_the_text_has(make_client, upstream, settings, route):
    answer = chat_keywords("Hotel room", "breakfast", "cleanliness", "hotel room", "", "roo", 5, "Hotel Moor")
    upstream.post(route, json=answer)
    body = find(make_client(settings)).get_json()
    assert named(body) == ["hotel room", "breakfast", "Hotel Moor"]
    assert all(TEXT[one["start"] : one["end"]] == one["text"] for one in body["keywords"])
    assert (body["source"], body["language"]) == ("chat_model", "en")
    assert "score" not in body["keywords"][0]
    schema = sent(upstream)["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["keywords"]["items"] == {"type": "string"}


def test_the_number_of_keywords_is_limited(make_client, upstream):
    upstream.post(CHAT, json=chat_keywords("room", "breakfast", "hotel"))
    assert named(find(make_client(OPENAI), max_keywords=2).get_json()) == ["room", "breakfast"]
    assert "2 most important" in sent(upstream)["messages"][0]["content"]


@pytest.mark.parametrize("answer", ['{"keywords": "room"}', '{"keywords": ["Atlantis"]}', '{"keywords": []}'])
def test_without_usable_keywords_of_a_model_words_are_counted(make_client, upstream, answer):
    upstream.post(CHAT, json=chat_response(answer))
    body = find(make_client(OPENAI)).get_json()
    assert body["source"] == "statistics"
    assert "breakfast" in named(body)
    assert body["keywords"][0]["score"] == 1.0


def test_complete_keywords_of_a_cut_answer_are_taken(make_client, upstream):
    upstream.post(CHAT, json=chat_response('{"keywords": ["breakfast", "hotel room", "hot', finish_reason="length"))
    body = find(make_client(OPENAI)).get_json()
    assert (named(body), body["source"]) == (["breakfast", "hotel room"], "chat_model")


def test_a_model_reads_the_beginning_of_a_long_text(make_client, upstream):
    text = "旅館の朝食は最高でした。" * 300
    upstream.post(CHAT, json=chat_keywords("朝食"))
    assert find(make_client(OPENAI), text=text).get_json()["truncated"] is True
    assert text.startswith(asked := sent(upstream)["messages"][1]["content"])
    assert len(asked) < len(text)


@pytest.mark.parametrize(("unit", "shift"), [("code_points", 0), ("utf16", 1), ("bytes", 3)])
def test_the_encoder_finds_noun_phrases_of_english_texts(make_client, upstream, unit, shift):
    upstream.post(ENCODER, json={"outputs": [[[6, 16, 1.0], [31, 40, 0.87654321]]], "tokens": [17]})
    body = find(make_client(EMBEDDED), offset_unit=unit, max_keywords=5).get_json()
    assert body["keywords"] == [
        {"text": "hotel room", "start": 6 + shift, "end": 16 + shift, "score": 1.0},
        {"text": "breakfast", "start": 31 + shift, "end": 40 + shift, "score": 0.8765},
    ]
    assert body["source"] == "noun_phrases"
    assert sent(upstream) == {"inputs": [TEXT], "max_keywords": 5}


def test_words_of_other_languages_are_counted_without_a_call(make_client, upstream):
    body = find(make_client(EMBEDDED), text=GERMAN).get_json()
    assert (set(named(body)), body["source"]) == ({"Stadtwerke", "Strompreise", "Netzentgelte"}, "statistics")
    assert len(upstream.calls) == 0


def test_words_are_counted_where_the_encoder_lacks_its_model(make_client, upstream):
    error = {"error": {"message": "spaCy is not installed.", "type": "not_supported"}}
    upstream.post(ENCODER, json=error, status=501)
    body = find(make_client(EMBEDDED)).get_json()
    assert (body["source"], "breakfast" in named(body)) == ("statistics", True)


def test_words_are_counted_in_a_text_without_noun_phrases(make_client, upstream):
    upstream.post(ENCODER, json={"outputs": [[]], "tokens": [17]})
    assert find(make_client(EMBEDDED)).get_json()["source"] == "statistics"


def test_a_text_without_words_has_no_keywords(make_client, upstream):
    body = find(make_client(EMBEDDED), text="?!", language="fr").get_json()
    assert body["keywords"] == []


@pytest.mark.parametrize("limit", [0, 101, "5", 1.5, True])
def test_a_number_of_keywords_out_of_range_is_an_error(make_client, limit):
    assert find(make_client(OPENAI), max_keywords=limit).status_code == 400
