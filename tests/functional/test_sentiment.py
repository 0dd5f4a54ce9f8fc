"""POST /v1/text/sentiment."""

import math

import pytest
from support.calls import rate
from support.upstreams import CHAT, HUGGINGFACE, PIPELINE, ROUTER_CHAT, chat_response, sent

from app.backends.responses.token_estimate import estimated_tokens

DEFAULT_PIPELINE = f"{PIPELINE}cardiffnlp/twitter-roberta-base-sentiment-latest"


def logprobs(*tops):
    """The log-probabilities of a chat response: for each token, the probabilities of the most likely tokens."""
    content = [
        {
            "token": next(iter(top)),
            "logprob": 0,
            "top_logprobs": [{"token": token, "logprob": math.log(share)} for token, share in top.items()],
        }
        for top in tops
    ]
    return {"logprobs": {"content": content}}


def test_the_response_has_the_documented_fields(make_client, upstream):
    labels = [
        {"label": "positive", "score": 0.9},
        {"label": "neutral", "score": 0.07},
        {"label": "negative", "score": 0.03},
    ]
    upstream.post(DEFAULT_PIPELINE, json=[labels])
    assert rate(make_client(HUGGINGFACE), language="en").get_json() == {
        "text": "fine",
        "sentiment": "positive",
        "score": 0.9,
        "confidence": 0.9,
        "scores": {"positive": 0.9, "negative": 0.03, "neutral": 0.07},
        "model": "cardiffnlp/twitter-roberta-base-sentiment-latest",
        "language": "en",
    }
    assert sent(upstream) == {"inputs": "fine"}


TENSORS = {"error": "The size of tensor a (602) must match the size of tensor b (512) at non-singleton dimension 1"}


def test_a_text_that_the_classifier_refuses_is_asked_once_more_with_half_of_it(make_client, upstream):
    upstream.post(DEFAULT_PIPELINE, json=TENSORS, status=400)
    upstream.post(DEFAULT_PIPELINE, json=[[{"label": "positive", "score": 1.0}]])
    text = "The food was good. " * 90
    assert rate(make_client(HUGGINGFACE), text).get_json()["truncated"] is True
    assert sent(upstream, -2)["inputs"] == text
    assert 150 < estimated_tokens(sent(upstream)["inputs"]) <= 250


def test_a_half_of_a_moderated_text_is_not_asked_for(make_client, upstream):
    upstream.post(DEFAULT_PIPELINE, json={"error": {"code": "content_filter", "message": "Moderated."}}, status=403)
    assert rate(make_client(HUGGINGFACE), "The food was good. " * 90).status_code == 400
    assert len(upstream.calls) == 1


@pytest.mark.parametrize(("text", "calls"), [("fine", 1), ("The food was good. " * 90, 2)])
def test_a_text_that_the_classifier_refuses_again_is_rejected(make_client, upstream, text, calls):
    upstream.post(DEFAULT_PIPELINE, json=TENSORS, status=400)
    response = rate(make_client(HUGGINGFACE), text)
    assert (response.status_code, response.get_json()["type"]) == (400, "upstream_rejected")
    assert len(upstream.calls) == calls


@pytest.mark.parametrize(
    "text",
    [
        "The food was good and the room was clean. " * 60,
        "good " * 600,
        "食べ物はとても美味しかったです。" * 60,
        "Oh, no! " * 3 + "bad " * 600,
        "very" * 700,
    ],
)
def test_a_text_longer_than_a_classifier_reads_is_cut_and_the_response_says_so(make_client, upstream, text):
    upstream.post(DEFAULT_PIPELINE, json=[[{"label": "positive", "score": 1.0}]])
    assert rate(make_client(HUGGINGFACE), text).get_json()["truncated"] is True
    inputs = sent(upstream)["inputs"]
    assert text.startswith(inputs)
    assert 300 < estimated_tokens(inputs) <= 500


def test_a_long_text_is_cut_between_sentences(make_client, upstream):
    upstream.post(DEFAULT_PIPELINE, json=[[{"label": "positive", "score": 1.0}]])
    rate(make_client(HUGGINGFACE), "The food was good and the room was clean. " * 60)
    assert sent(upstream)["inputs"].endswith("the room was clean.")


@pytest.mark.parametrize(
    ("model", "labels", "expected"),
    [
        ("org/sst", {"POSITIVE": 0.2, "NEGATIVE": 0.8}, {"positive": 0.2, "negative": 0.8, "neutral": 0}),
        ("org/short", {"POS": 0.1, "NEU": 0.7, "NEG": 0.2}, {"positive": 0.1, "negative": 0.2, "neutral": 0.7}),
        (
            "org/five",
            {"Very Positive": 0.1, "Positive": 0.3, "Neutral": 0.2, "Negative": 0.1, "Very Negative": 0.3},
            {"positive": 0.4, "negative": 0.4, "neutral": 0.2},
        ),
        (
            "nlptown/stars",
            {"1 star": 0.1, "2 stars": 0.2, "3 stars": 0.1, "4 stars": 0.2, "5 stars": 0.4},
            {"positive": 0.6, "negative": 0.3, "neutral": 0.1},
        ),
        (
            "cardiffnlp/twitter-roberta-base-sentiment",
            {"LABEL_0": 0.7, "LABEL_1": 0.2, "LABEL_2": 0.1},
            {"positive": 0.1, "negative": 0.7, "neutral": 0.2},
        ),
        (
            "blanchefort/rubert-base-cased-sentiment",
            {"LABEL_0": 0.7, "LABEL_1": 0.2, "LABEL_2": 0.1},
            {"positive": 0.2, "negative": 0.1, "neutral": 0.7},
        ),
        (
            "ProsusAI/finbert",
            {"positive": 0.5, "negative": 0.2, "neutral": 0.3},
            {"positive": 0.5, "negative": 0.2, "neutral": 0.3},
        ),
    ],
)
def test_labels_of_known_sentiment_models_are_mapped(make_client, upstream, model, labels, expected):
    upstream.post(PIPELINE + model, json=[{"label": label, "score": score} for label, score in labels.items()])
    scores = rate(make_client(HUGGINGFACE), model=model).get_json()["scores"]
    assert scores == pytest.approx(expected)


@pytest.mark.parametrize("labels", [["en", "fr"], ["LABEL_0", "LABEL_1"], ["joy", "positive"]])
def test_labels_other_than_sentiments_are_an_error(make_client, upstream, labels):
    upstream.post(f"{PIPELINE}org/other", json=[[{"label": label, "score": 0.5} for label in labels]])
    response = rate(make_client(HUGGINGFACE), model="org/other")
    assert (response.status_code, response.get_json()["type"]) == (501, "not_supported")
    assert response.get_json()["details"]["model"] == "org/other"


def test_a_label_number_out_of_range_is_an_error(make_client, upstream):
    upstream.post(f"{PIPELINE}lvwerra/distilbert-imdb", json=[{"label": "LABEL_2", "score": 1}])
    assert rate(make_client(HUGGINGFACE), model="lvwerra/distilbert-imdb").status_code == 501


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        [[]],
        [1],
        [{"label": "positive"}],
        [{"label": "positive", "score": "0.5"}],
        "x",
        [{"label": 5, "score": 0.5}],
        [{"label": "positive", "score": 7.5}],
        [{"label": "positive", "score": True}],
    ],
)
def test_a_pipeline_response_of_another_form_is_an_invalid_response(make_client, upstream, body):
    upstream.post(DEFAULT_PIPELINE, json=body)
    response = rate(make_client(HUGGINGFACE))
    assert (response.status_code, response.get_json()["type"]) == (502, "upstream_invalid_response")


@pytest.mark.parametrize(
    "gone",
    [
        {"status": 410, "json": {"error": "The requested model is deprecated and no longer supported by provider"}},
        {"status": 404, "body": "Not Found", "content_type": "text/plain"},
        {"status": 400, "json": {"error": "Model not supported by provider hf-inference"}},
        {"status": 400, "json": {"error": {"message": "x", "code": "model_not_supported"}}},
        {"status": 400, "body": "The endpoint is paused, ask a maintainer to restart it", "content_type": "text/plain"},
    ],
)
def test_a_chat_model_rates_if_the_pipelines_model_is_gone(make_client, upstream, gone):
    upstream.post(DEFAULT_PIPELINE, **gone)
    upstream.post(ROUTER_CHAT, json=chat_response("Negative", **logprobs({"Negative": 0.75, "Positive": 0.25})))
    body = rate(make_client(HUGGINGFACE)).get_json()
    assert (body["sentiment"], body["score"]) == ("negative", 0.75)
    assert sent(upstream)["model"] == "meta-llama/Llama-3.1-8B-Instruct"


def test_scores_are_shares_of_the_three_labels_among_the_top_tokens(client, upstream):
    top = {"Pos": 0.4, "positive": 0.2, " Neg": 0.2, "neutral": 0.1, "The": 0.1}
    upstream.post(CHAT, json=chat_response("**Positive**", **logprobs({"**": 1.0}, top)))
    scores = rate(client).get_json()["scores"]
    assert scores == pytest.approx({"positive": 0.6667, "negative": 0.2222, "neutral": 0.1111})


def test_log_probabilities_in_the_form_of_completions_are_parsed(client, upstream):
    choice = {"tokens": ["negative"], "top_logprobs": [{"negative": math.log(0.8), "positive": math.log(0.2)}]}
    upstream.post(CHAT, json=chat_response("negative", logprobs=choice))
    assert rate(client).get_json()["score"] == 0.8


@pytest.mark.parametrize(
    "text", ["Positive", "positive.", '"POSITIVE"', "<think>negative? no</think>\nThe text is positive."]
)
def test_the_label_in_the_text_counts_without_log_probabilities(client, upstream, text):
    upstream.post(CHAT, json=chat_response(text))
    body = rate(client).get_json()
    assert (body["sentiment"], body["scores"]) == ("positive", {"positive": 1, "negative": 0, "neutral": 0})


def test_a_server_that_rejects_log_probabilities_is_called_again_without_them(client, upstream):
    upstream.post(CHAT, status=400, json={"error": {"message": "logprobs is not supported"}})
    upstream.post(CHAT, json=chat_response("neutral"))
    assert rate(client).get_json()["sentiment"] == "neutral"
    assert "logprobs" not in sent(upstream)


def test_a_reasoning_model_is_called_again_with_more_tokens(client, upstream):
    upstream.post(CHAT, json=chat_response("<think>Well,"))
    upstream.post(CHAT, json=chat_response("<think>Well, it is fine.</think> positive"))
    assert rate(client).get_json()["sentiment"] == "positive"
    assert sent(upstream)["max_tokens"] > sent(upstream, 0)["max_tokens"]


@pytest.mark.parametrize("text", ["", "I cannot say.", "positive or negative"])
def test_a_text_that_names_no_single_sentiment_is_an_error(client, upstream, text):
    upstream.post(CHAT, json=chat_response(text))
    response = rate(client)
    assert (response.status_code, response.get_json()["type"]) == (502, "upstream_invalid_response")


def test_the_configured_sentiment_model_applies_to_the_primary_backend_only(make_client, upstream):
    client = make_client(**HUGGINGFACE, AI_BACKEND="huggingface", SENTIMENT_MODEL="org/rater", FALLBACK_MODELS="openai")
    upstream.post(f"{PIPELINE}org/rater", status=500)
    upstream.post(CHAT, json=chat_response("neutral"))
    assert rate(client).get_json()["sentiment"] == "neutral"
    assert sent(upstream)["model"] == "org/small"


def test_the_configured_sentiment_model_is_used(make_client, upstream):
    upstream.post(CHAT, json=chat_response("neutral"))
    rate(make_client(SENTIMENT_MODEL="org/rater"))
    assert sent(upstream)["model"] == "org/rater"


def test_a_question_that_is_rejected_without_a_named_field_is_asked_without_log_probabilities(client, upstream):
    upstream.post(CHAT, status=400, json={"error": "no"})
    upstream.post(CHAT, json=chat_response("positive"))
    assert rate(client).get_json()["sentiment"] == "positive"
    assert "logprobs" not in sent(upstream, -1)


def test_equal_sentences_of_a_text_are_sent_once(make_client, upstream):
    model = f"{PIPELINE}cardiffnlp/twitter-roberta-base-sentiment-latest"
    upstream.post(model, json=[[{"label": "positive", "score": 0.9}]] * 2)
    body = rate(make_client(HUGGINGFACE), "Fine.\n" * 3, granularity="sentence").get_json()
    assert len(body["sentences"]) == 3
    assert [text.strip() for text in sent(upstream)["inputs"]] == ["Fine.\nFine.\nFine.", "Fine."]
