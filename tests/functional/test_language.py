"""POST /v1/text/language."""

import pytest
from support.upstreams import EMBEDDED, HUGGINGFACE, OPENAI

ROUTE = "/v1/text/language"
MIXED = "👍 Danke für die Hilfe. Could you call me tomorrow?"


def ask(client, **body):
    return client.post(ROUTE, json=body)


@pytest.mark.parametrize("backend", [HUGGINGFACE, OPENAI, EMBEDDED])
def test_each_backend_gets_the_same_response_without_a_call(make_client, upstream, backend):
    response = ask(make_client(backend), text="Wo ist mein Paket? Ich warte seit einer Woche.")
    body = response.get_json()
    assert (response.status_code, body["language"], body["name"]) == (200, "de", "German")
    assert body["confidence"] > 0.95
    assert "parts" not in body
    assert len(upstream.calls) == 0
    assert "X-AI-Backend" not in response.headers


def test_a_text_without_words_has_no_language(make_client):
    body = ask(make_client(), text="12345 👍").get_json()
    assert body == {"language": None, "name": None, "confidence": 0.0, "alternatives": []}


def test_an_uncertain_language_is_an_alternative(make_client):
    body = ask(make_client(), text="ok").get_json()
    assert body["language"] is body["name"] is None
    assert 0 < body["confidence"] < 0.5
    assert body["alternatives"][0]["confidence"] == body["confidence"]


def test_alternatives_have_no_higher_confidence_than_the_language(make_client):
    body = ask(make_client(), text="Grand prix").get_json()
    confidences = [body["confidence"], *(one["confidence"] for one in body["alternatives"])]
    assert len(confidences) > 2
    assert confidences == sorted(confidences, reverse=True)
    assert body["language"] not in [one["language"] for one in body["alternatives"]]


@pytest.mark.parametrize(
    ("unit", "encode"),
    [
        ("code_points", lambda text: list(text)),
        ("utf16", lambda text: text.encode("utf-16-le")),
        ("bytes", lambda text: text.encode()),
    ],
)
def test_parts_of_a_mixed_text_have_offsets_in_the_unit_asked_for(make_client, unit, encode):
    parts = ask(make_client(), text=MIXED, parts=True, offset_unit=unit).get_json()["parts"]
    width = 2 if unit == "utf16" else 1
    whole = encode(MIXED)
    texts = [whole[width * part["start"] : width * part["end"]] for part in parts]
    assert texts == [encode("👍 Danke für die Hilfe. "), encode("Could you call me tomorrow?")]
    assert [part["language"] for part in parts] == ["de", "en"]


def test_several_texts_have_results_and_errors(make_client):
    documents = [{"id": "a", "text": "Where is my parcel? It is late."}, {"id": "b", "text": " "}]
    body = ask(make_client(), documents=documents).get_json()
    assert [(one["id"], one["language"]) for one in body["results"]] == [("a", "en")]
    assert [(one["id"], one["error"]["type"]) for one in body["errors"]] == [("b", "validation_error")]
    assert body["usage"]["total_tokens"] == 0


@pytest.mark.parametrize("field", [{"language": "de"}, {"model": "gpt"}, {"offset_unit": "words"}, {"parts": 1}])
def test_fields_without_meaning_are_errors(make_client, field):
    response = ask(make_client(), text="Hello there.", **field)
    assert response.status_code == 400
    assert next(iter(field)) in response.get_json()["details"]
