"""POST /v1/text/answer, with mocked pipelines, chat models and encoder."""

import json

import pytest
from support.upstreams import CHAT, EMBEDDED, HUGGINGFACE, OPENAI, PIPELINE, ROUTER_CHAT, chat_response, sent

ROUTE = "/v1/text/answer"
QA = f"{PIPELINE}deepset/roberta-base-squad2"
ENCODER = "http://127.0.0.1:10/answer"
TEXT = "👍 The library opened in 1932. Ruth  Calder designed it. Entry is free."
QUESTION = "Who designed the library?"
SPAN = (TEXT.index("Ruth"), TEXT.index("Ruth") + len("Ruth  Calder"))
NOTHING = {"answer": None, "start": None, "end": None, "sentence": None}


def ask(client, **body):
    texts = {} if {"texts", "documents"} & body.keys() else {"text": TEXT}
    return client.post(ROUTE, json={**texts, "question": QUESTION, **body})


def found(score=0.9, answer="Ruth  Calder", start=SPAN[0], end=SPAN[1]):
    return {"answer": answer, "score": score, "start": start, "end": end}


def chat_answer(answer):
    return chat_response(json.dumps({"answer": answer}))


@pytest.mark.parametrize("payload", [found(), [found(0.2, "free", 66, 70), found()], [[found()]]])
def test_a_pipeline_answers_with_a_place_and_its_sentence(make_client, upstream, payload):
    upstream.post(QA, json=payload)
    assert ask(make_client(HUGGINGFACE)).get_json() == {
        "answer": "Ruth  Calder",
        "start": SPAN[0],
        "end": SPAN[1],
        "score": 0.9,
        "sentence": "Ruth  Calder designed it.",
        "source": "question_answering",
    }
    assert sent(upstream) == {
        "inputs": {"question": QUESTION, "context": TEXT},
        "parameters": {"handle_impossible_answer": True},
    }


def test_the_text_may_be_named_context(make_client, upstream):
    upstream.post(QA, json=found())
    client = make_client(HUGGINGFACE)
    body = client.post(ROUTE, json={"context": TEXT, "question": QUESTION}).get_json()
    assert (body["answer"], body["start"]) == ("Ruth  Calder", SPAN[0])
    assert sent(upstream)["inputs"]["context"] == TEXT


@pytest.mark.parametrize("fields", [{"text": TEXT}, {"texts": [TEXT]}, {"stream": True}])
def test_a_context_beside_another_text_or_as_a_stream_is_refused(make_client, fields):
    response = make_client(HUGGINGFACE).post(ROUTE, json={"context": TEXT, "question": QUESTION, **fields})
    assert response.status_code == 400


@pytest.mark.parametrize(
    "payload", [found(0.97, "", 0, 0), found(0.01), found(0.8, "Ada Moor", 3, 9), found(0.8, "?!", 3, 9), []]
)
def test_an_empty_unlikely_or_invented_answer_of_a_pipeline_is_null(make_client, upstream, payload):
    upstream.post(QA, json=payload)
    body = ask(make_client(HUGGINGFACE)).get_json()
    assert {name: body[name] for name in NOTHING} == NOTHING
    assert 0 <= body["score"] <= 1


@pytest.mark.parametrize("wrong", [{"start": 0, "end": 4}, {"start": None}, {"start": 900, "end": 912}])
def test_an_answer_with_wrong_offsets_is_found_in_the_text(make_client, upstream, wrong):
    upstream.post(QA, json={**found(), **wrong})
    body = ask(make_client(HUGGINGFACE)).get_json()
    assert (body["start"], body["end"]) == SPAN


@pytest.mark.parametrize("payload", ["x", {"answer": "a"}, [{"score": 1}], [[]]])
def test_a_response_of_another_kind_is_no_answer(make_client, upstream, payload):
    upstream.post(QA, json=payload)
    response = ask(make_client(HUGGINGFACE))
    assert response.status_code == 502 or response.get_json()["answer"] is None


def test_without_the_pipeline_a_chat_model_is_asked(make_client, upstream):
    upstream.post(QA, json={"error": "Model not supported by provider hf-inference"}, status=400)
    upstream.post(ROUTER_CHAT, json=chat_answer("Ruth Calder"))
    body = ask(make_client(HUGGINGFACE)).get_json()
    assert (body["answer"], body["source"]) == ("Ruth  Calder", "chat_model")


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ("Ruth  Calder", "Ruth  Calder"),
        ("ruth calder.", "Ruth  Calder"),
        ("1932", "1932"),
        ("Mr. Calder designed it", "Ruth  Calder designed it."),
        ("Ada Moor", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_a_chat_models_answer_is_a_part_of_the_text_or_null(make_client, upstream, written, answer):
    upstream.post(CHAT, json=chat_answer(written))
    body = ask(make_client(OPENAI)).get_json()
    assert body["answer"] == answer
    assert answer is None or TEXT[body["start"] : body["end"]] == answer
    assert "score" not in body
    schema = sent(upstream)["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["answer"]["type"] == ["string", "null"]


def test_a_long_text_is_read_from_the_likeliest_part_until_one_answers(make_client, upstream):
    text = "Nothing happens here at all, as the days go by. " * 400 + TEXT
    upstream.post(CHAT, json=chat_answer("Ruth Calder"))
    body = ask(make_client(OPENAI), text=text).get_json()
    assert text[body["start"] : body["end"]] == body["answer"] == "Ruth  Calder"
    assert len(upstream.calls) == 1
    assert "Ruth  Calder" in sent(upstream)["messages"][1]["content"]


def test_a_long_text_without_an_answer_is_read_completely(make_client, upstream):
    upstream.post(CHAT, json=chat_answer(None))
    body = ask(make_client(OPENAI), text="Nothing happens here at all, as the days go by. " * 400).get_json()
    assert body["answer"] is None
    assert len(upstream.calls) > 1


@pytest.mark.parametrize(("unit", "shift"), [("code_points", 0), ("utf16", 1), ("bytes", 3)])
def test_the_encoder_answers_for_the_embedded_engine(make_client, upstream, unit, shift):
    upstream.post(ENCODER, json={"outputs": [{"span": list(SPAN), "score": 0.98123456}], "tokens": [40]})
    body = ask(make_client(EMBEDDED), offset_unit=unit).get_json()
    assert body == {
        "answer": "Ruth  Calder",
        "start": SPAN[0] + shift,
        "end": SPAN[1] + shift,
        "score": 0.9812,
        "sentence": "Ruth  Calder designed it.",
        "source": "reranker",
    }
    assert sent(upstream) == {"inputs": [TEXT], "question": QUESTION, "language": "en"}


def test_a_text_of_more_sentences_than_are_read_is_truncated(make_client, upstream):
    upstream.post(ENCODER, json={"outputs": [{"span": None, "score": 0.1, "truncated": True}], "tokens": [40]})
    assert ask(make_client(EMBEDDED)).get_json()["truncated"] is True


def test_each_text_is_answered_for_itself(make_client, upstream):
    outputs = [{"span": [0, 3], "score": 0.9}, {"span": None, "score": 0.1}]
    upstream.post(ENCODER, json={"outputs": outputs, "tokens": [4, 4]})
    body = ask(make_client(EMBEDDED), texts=["Ann designed it.", "It was a nice and sunny day."]).get_json()
    assert [result["answer"] for result in body["results"]] == ["Ann", None]
    assert len(upstream.calls) == 1


def test_markup_within_an_answer_is_named(make_client, upstream):
    html = "<p>The architect of the library was <b>Ruth</b> Calder.</p>"
    start = len("The architect of the library was ")
    upstream.post(ENCODER, json={"outputs": [{"span": [start, start + 11], "score": 0.9}], "tokens": [9]})
    body = ask(make_client(EMBEDDED), text=html, format="html").get_json()
    assert html[body["start"] : body["end"]] == body["answer"]
    assert body.get("plain_text", body["answer"]) == "Ruth Calder"


@pytest.mark.parametrize("field", [{"question": " "}, {"question": None}, {"question": 5}])
def test_a_question_is_required(make_client, field):
    assert ask(make_client(OPENAI), **field).status_code == 400


def test_another_model_than_the_engines_is_unknown(make_client):
    assert ask(make_client(EMBEDDED), model="gpt-4").get_json()["type"] == "model_not_found"
