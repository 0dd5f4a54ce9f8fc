"""POST /v1/text/summarize."""

import json

import pytest
from support.upstreams import CHAT, EMBEDDED, HUGGINGFACE, PIPELINE, ROUTER_CHAT, chat_response, sent, stream

from app.backends.responses.token_estimate import estimated_tokens

BART = f"{PIPELINE}facebook/bart-large-cnn"
ENGINE = "http://127.0.0.1:9/v1/chat/completions"
TEXT = (
    "The old lighthouse stands on the northern cliff. It was built in 1852 by Ada Moor. "
    "Its lamp warned ships of the rocks for a century. The keeper kept a diary of every storm. "
    "Today the lighthouse is a museum of the sea. Visitors climb its two hundred steps."
)


def summarize(client, text=TEXT, **body):
    return client.post("/v1/text/summarize", json={"text": text, **body})


def test_the_response_has_the_documented_fields(make_client, upstream):
    upstream.post(BART, json=[{"summary_text": " The lighthouse is a museum. "}])
    body = summarize(make_client(HUGGINGFACE), max_length=50, min_length=5).get_json()
    expected = round(len("The lighthouse is a museum.") / len(TEXT), 4)
    assert body == {"original_text": TEXT, "summary": "The lighthouse is a museum.", "compression": expected}
    assert sent(upstream) == {"inputs": TEXT, "parameters": {"max_length": 50, "min_length": 5}}


def test_the_default_length_is_130_tokens(make_client, upstream):
    upstream.post(BART, json={"summary_text": "A museum."})
    summarize(make_client(HUGGINGFACE))
    assert sent(upstream)["parameters"] == {"max_length": 130, "min_length": 0}


def test_a_text_that_the_pipeline_refuses_is_shortened_once_more(make_client, upstream):
    upstream.post(BART, json={"error": "`inputs` must have less than 512 tokens. Given: 602"}, status=422)
    upstream.post(BART, json={"summary_text": "A museum."})
    text = " ".join(f"Keeper{n} saw ship{n} near rock{n}." for n in range(60))
    assert summarize(make_client(HUGGINGFACE), text).get_json()["truncated"] is True
    assert sent(upstream, -2)["inputs"] == text
    assert estimated_tokens(sent(upstream)["inputs"]) <= 450


def test_a_text_that_is_too_long_for_the_pipeline_is_shortened_to_central_sentences(make_client, upstream):
    upstream.post(BART, json={"summary_text": "A museum."})
    text = " ".join(f"Keeper{n} saw ship{n} near rock{n}." for n in range(300))
    response = summarize(make_client(HUGGINGFACE), text).get_json()
    assert response["truncated"] is True
    inputs = sent(upstream)["inputs"]
    assert 1000 < len(inputs) < 3600
    assert all(f"{sentence}." in text for sentence in inputs.rstrip(".").split(". "))


def test_a_chat_model_summarizes_if_the_pipelines_model_is_gone(make_client, upstream):
    upstream.post(BART, status=410, json={"error": "The requested model is deprecated"})
    upstream.post(ROUTER_CHAT, json=chat_response("It is a museum. It was bui", finish_reason="length"))
    body = summarize(make_client(HUGGINGFACE), min_length=8).get_json()
    assert body["summary"] == "It is a museum."
    assert sent(upstream)["max_tokens"] == 130
    assert "at least 6 and at most 78 words" in sent(upstream)["messages"][0]["content"]


@pytest.mark.parametrize(
    "body", [[], {}, [1], {"summary_text": 5}, "x", [{"generated_text": "x"}], [{"summary_text": " "}]]
)
def test_a_pipeline_response_of_another_form_is_an_invalid_response(make_client, upstream, body):
    upstream.post(BART, json=body)
    assert summarize(make_client(HUGGINGFACE)).get_json()["type"] == "upstream_invalid_response"


def test_reasoning_is_stripped_from_the_summary(client, upstream):
    upstream.post(CHAT, json=chat_response("<think>Hm. Long.</think>\n\nIt is a museum."))
    assert summarize(client).get_json()["summary"] == "It is a museum."


@pytest.mark.parametrize("text", ["", " ", "<think>I cannot stop"])
def test_an_empty_summary_is_an_invalid_response(client, upstream, text):
    upstream.post(CHAT, json=chat_response(text))
    assert summarize(client).get_json()["type"] == "upstream_invalid_response"


def test_the_configured_summarization_model_is_used(make_client, upstream):
    upstream.post(CHAT, json=chat_response("A museum."))
    summarize(make_client(SUMMARIZATION_MODEL="org/writer"))
    assert sent(upstream)["model"] == "org/writer"


def mock_engine(upstream, text):
    events = [{"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]}]
    upstream.post(ENGINE, body=stream(events), content_type="text/event-stream")


def test_the_embedded_model_selects_sentences_of_the_text(make_client, upstream):
    mock_engine(upstream, "The old lighthouse stands on the northern cliff. It was built in 1852 by Ada Moor. ")
    summary = summarize(make_client(EMBEDDED)).get_json()["summary"]
    assert summary == "The old lighthouse stands on the northern cliff. It was built in 1852 by Ada Moor."
    assert sent(upstream)["grammar"].startswith('root ::= ("The old lighthouse stands on the northern cliff. ")')


def test_a_sentence_that_the_embedded_model_cut_off_is_left_out(make_client, upstream):
    mock_engine(upstream, "The old lighthouse stands on the northern cliff. It was built in 18")
    assert summarize(make_client(EMBEDDED)).get_json()["summary"] == "The old lighthouse stands on the northern cliff."


def test_the_most_central_sentence_is_the_summary_if_the_embedded_model_completes_none(make_client, upstream):
    mock_engine(upstream, "The old light")
    assert summarize(make_client(EMBEDDED), max_length=20).get_json()["summary"] in TEXT


def test_central_sentences_are_added_up_to_the_minimum_length(make_client, upstream):
    mock_engine(upstream, "The old lighthouse stands on the northern cliff. ")
    short = summarize(make_client(EMBEDDED)).get_json()["summary"]
    filled = summarize(make_client(EMBEDDED), min_length=40).get_json()["summary"]
    assert len(filled) > len(short)
    assert all(f"{sentence}." in TEXT for sentence in filled.rstrip(".").split(". "))


def test_a_text_without_words_is_returned_unchanged(make_client, upstream):
    assert summarize(make_client(EMBEDDED), "*** ---").get_json()["summary"] == "*** ---"


def test_lengths_beyond_the_context_of_the_engine_are_limited(make_client, upstream):
    mock_engine(upstream, "")
    text = " ".join(f"Keeper{n} saw ship{n} near rock{n}." for n in range(500))
    body = summarize(make_client(EMBEDDED), text, max_length=32_768, min_length=30_000)
    assert 1000 < len(body.get_json()["summary"]) < 4000
    assert len(sent(upstream)["messages"][0]["content"]) < 1500
    assert sent(upstream)["max_tokens"] == 260


def test_the_engine_is_not_called_for_a_text_without_sentences(make_client, upstream):
    summary = summarize(make_client(EMBEDDED), "word " * 4000, max_length=50).get_json()["summary"]
    assert summary.startswith("word word")
    assert summary.endswith("…")
    assert len(upstream.calls) == 0


def test_quotes_and_backslashes_are_escaped_in_the_grammar(make_client, upstream):
    text = 'He said "stop \\ now" to the whole crew. The crew of the ship did not listen to him at all.'
    mock_engine(upstream, "")
    summarize(make_client(EMBEDDED), text)
    grammar = sent(upstream)["grammar"]
    assert json.loads(grammar.partition("(")[2].partition(")")[0]).startswith(("He said", "The crew"))
