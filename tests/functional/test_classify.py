"""POST /v1/text/classify."""

import json
import math

import pytest
from support.calls import post
from support.upstreams import CHAT, EMBEDDED, HUGGINGFACE, PIPELINE, ROUTER_CHAT, chat_response, sent

from app.backends.responses.token_estimate import estimated_tokens

TEXT = "I was charged twice, and the courier never came."
LABELS = ["billing", "shipping", "account"]
ENCODER = "http://127.0.0.1:10/classify"
ZERO_SHOT = f"{PIPELINE}facebook/bart-large-mnli"
SCORES = {"shipping": 0.6, "billing": 0.3, "account": 0.1}
FLAT = [{"label": label, "score": score} for label, score in SCORES.items()]
OLD = {"sequence": TEXT, "labels": list(SCORES), "scores": list(SCORES.values())}


def classify(client, text=TEXT, labels=LABELS, **options):
    return post(client, "/v1/text/classify", {"text": text, "labels": labels, **options})


def letters(shares):
    """A chat response whose first token has these probabilities."""
    top = [{"token": token, "logprob": math.log(share)} for token, share in shares.items()]
    return chat_response(
        max(shares, key=shares.get), logprobs={"content": [{"token": "B", "logprob": 0, "top_logprobs": top}]}
    )


@pytest.mark.parametrize("payload", [FLAT, OLD, [FLAT], [OLD]])
def test_a_zero_shot_pipeline_rates_all_labels_in_each_of_its_forms(make_client, upstream, payload):
    upstream.post(ZERO_SHOT, json=payload)
    assert classify(make_client(HUGGINGFACE)).get_json() == {
        "label": "shipping",
        "score": 0.6,
        "scores": {"billing": 0.3, "shipping": 0.6, "account": 0.1},
        "source": "zero_shot_pipeline",
        "model": "facebook/bart-large-mnli",
        "language": "en",
    }
    assert sent(upstream) == {"inputs": TEXT, "parameters": {"candidate_labels": LABELS, "multi_label": False}}


def test_a_label_is_described_to_the_model_and_answered_by_its_name(make_client, upstream):
    upstream.post(
        ZERO_SHOT, json=[{"label": "billing: invoices, payments", "score": 0.9}, {"label": "other", "score": 0.1}]
    )
    labels = [{"name": "billing", "description": "invoices, payments"}, {"name": "other"}]
    assert classify(make_client(HUGGINGFACE), labels=labels).get_json()["scores"] == {"billing": 0.9, "other": 0.1}


@pytest.mark.parametrize(("options", "found"), [({}, ["shipping"]), ({"threshold": 0.2}, ["shipping", "billing"])])
def test_with_multi_label_the_labels_above_the_threshold_are_listed(make_client, upstream, options, found):
    upstream.post(ZERO_SHOT, json=FLAT)
    assert classify(make_client(HUGGINGFACE), multi_label=True, **options).get_json()["labels"] == found
    assert sent(upstream)["parameters"]["multi_label"] is True


def test_texts_become_one_list_for_the_pipeline(make_client, upstream):
    upstream.post(ZERO_SHOT, json=[OLD, OLD])
    body = post(make_client(HUGGINGFACE), "/v1/text/classify", {"texts": ["One.", "Two."], "labels": LABELS}).get_json()
    assert [result["label"] for result in body["results"]] == ["shipping", "shipping"]
    assert sent(upstream)["inputs"] == ["One.", "Two."]


def test_a_text_longer_than_the_model_reads_is_cut_and_the_response_says_so(make_client, upstream):
    upstream.post(ZERO_SHOT, json=FLAT)
    assert classify(make_client(HUGGINGFACE), f"{TEXT} " * 90).get_json()["truncated"] is True
    assert 300 < estimated_tokens(sent(upstream)["inputs"]) <= 500


@pytest.mark.parametrize(
    "payload",
    [
        FLAT[:2],
        {**OLD, "scores": [1]},
        {"labels": "x", "scores": []},
        [{"label": "shipping", "score": 2}],
        5,
        [],
    ],
)
def test_a_pipeline_response_of_another_form_is_an_invalid_response(make_client, upstream, payload):
    upstream.post(ZERO_SHOT, json=payload)
    response = classify(make_client(HUGGINGFACE))
    assert (response.status_code, response.get_json()["type"]) == (502, "upstream_invalid_response")


def test_a_chat_model_classifies_if_the_pipelines_model_is_gone(make_client, upstream):
    upstream.post(ZERO_SHOT, status=404, body="Not Found", content_type="text/plain")
    upstream.post(ROUTER_CHAT, json=letters({"B": 0.8, "A": 0.2}))
    body = classify(make_client(HUGGINGFACE)).get_json()
    assert (body["label"], body["source"]) == ("shipping", "logprobs")


def test_log_probabilities_of_letters_are_the_scores(client, upstream):
    upstream.post(CHAT, json=letters({"B": 0.5, " A": 0.25, "b": 0.05, "Z": 0.2}))
    body = classify(client).get_json()
    assert (body["label"], body["source"]) == ("shipping", "logprobs")
    assert sum(body["scores"].values()) == pytest.approx(1, abs=0.001)
    # the third letter is not among the most likely tokens, so it has at most the least likely one's share
    assert body["scores"] == pytest.approx({"shipping": 0.6452, "billing": 0.3226, "account": 0.0323}, abs=0.0005)
    question = sent(upstream)["messages"][0]["content"]
    assert "A. billing\nB. shipping\nC. account" in question


@pytest.mark.parametrize("text", ["B", "(B)", "B. shipping", "The class is shipping.", "<think>A?</think> B"])
def test_without_log_probabilities_the_named_label_counts(client, upstream, text):
    upstream.post(CHAT, json=chat_response(text))
    body = classify(client).get_json()
    assert (body["label"], body["scores"], body["source"]) == (
        "shipping",
        {"billing": 0, "shipping": 1, "account": 0},
        "stated",
    )


@pytest.mark.parametrize(
    ("logprobs", "source"),
    [
        ([{"token": "Hm", "logprob": 0, "top_logprobs": [{"token": "B", "logprob": 0}]}], "stated"),
        ([{"token": "B", "logprob": 0, "top_logprobs": [{"token": "Hm", "logprob": 0}]}], "stated"),
        ([{"token": "B", "logprob": None, "top_logprobs": []}], "stated"),
        (
            [
                {"token": "**", "logprob": 0, "top_logprobs": [{"token": "**", "logprob": 0}]},
                {"token": "B", "logprob": 0, "top_logprobs": [{"token": "B", "logprob": 0}]},
            ],
            "logprobs",
        ),
    ],
)
def test_log_probabilities_count_where_a_letter_is_named(client, upstream, logprobs, source):
    upstream.post(CHAT, json=chat_response("B", logprobs={"content": logprobs}))
    body = classify(client).get_json()
    assert (body["label"], body["source"]) == ("shipping", source)


@pytest.mark.parametrize("first", ["I cannot say.", "A problem with billing or shipping", "Z", ""])
@pytest.mark.parametrize("answer", ['{"label": "shipping"}', '```json\n{"label": "Shipping!"}\n```'])
def test_a_model_that_names_no_label_is_asked_for_json(client, upstream, first, answer):
    upstream.post(CHAT, json=chat_response(first))
    upstream.post(CHAT, json=chat_response(answer))
    body = classify(client).get_json()
    assert (body["label"], body["source"]) == ("shipping", "stated")
    schema = sent(upstream)["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["label"]["enum"] == LABELS


def test_a_question_that_the_server_rejects_is_asked_in_another_form(client, upstream):
    upstream.post(CHAT, status=400, json={"error": "no"})
    upstream.post(CHAT, json=chat_response('{"label": "shipping"}'))
    assert classify(client).get_json()["label"] == "shipping"


def test_a_model_that_names_no_label_in_json_either_is_an_error(client, upstream):
    upstream.post(CHAT, json=chat_response("?"))
    upstream.post(CHAT, json=chat_response('{"label": "none"}'))
    assert classify(client).get_json()["type"] == "upstream_invalid_response"


def test_more_labels_than_letters_are_named_in_json(client, upstream):
    labels = [f"label {number}" for number in range(27)]
    upstream.post(CHAT, json=chat_response('{"label": "label 26"}'))
    assert classify(client, labels=labels).get_json()["label"] == "label 26"
    assert len(upstream.calls) == 1


def test_a_chat_model_rates_several_labels_in_percent(client, upstream):
    upstream.post(CHAT, json=chat_response('{"billing": 90, "shipping": 120, "account": "no"}'))
    body = classify(client, multi_label=True).get_json()
    assert body["scores"] == {"billing": 0.9, "shipping": 1, "account": 0}
    assert (body["label"], body["labels"], body["source"]) == ("shipping", ["shipping", "billing"], "stated")


def test_the_encoder_rates_labels_of_the_embedded_engine(make_client, upstream):
    upstream.post(ENCODER, json={"outputs": [[0.2, 0.7, 0.1]], "tokens": [11]})
    response = classify(make_client(EMBEDDED))
    assert response.get_json() == {
        "label": "shipping",
        "score": 0.7,
        "scores": {"billing": 0.2, "shipping": 0.7, "account": 0.1},
        "source": "embeddings",
        "model": "bge-small-en-v1.5",
        "language": "en",
    }
    assert sent(upstream) == {
        "inputs": [{"text": TEXT, "language": "en"}],
        "labels": LABELS,
        "multi_label": False,
    }


@pytest.mark.parametrize(
    ("labels", "options"),
    [
        ([], {}),
        (["one"], {}),
        ("one, two", {}),
        (["one", "one"], {}),
        (["one", " "], {}),
        (["one", 2], {}),
        (["one", {"name": "two", "color": "red"}], {}),
        (["one", {"description": "two"}], {}),
        (["one", {"name": "two", "description": 2}], {}),
        (["x" * 201, "two"], {}),
        ([str(number) for number in range(101)], {}),
    ],
)
def test_invalid_labels_are_named(client, labels, options):
    response = classify(client, labels=labels, **options)
    assert response.status_code == 400
    assert list(response.get_json()["details"]) == ["labels"]


def test_a_single_label_is_a_choice_with_multi_label(client, upstream):
    upstream.post(CHAT, json=chat_response(json.dumps({"urgent": 40})))
    assert classify(client, labels=["urgent"], multi_label=True).get_json()["labels"] == []
