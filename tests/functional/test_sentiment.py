"""POST /v1/text/sentiment."""

import json
import math

import pytest
from support.upstreams import CHAT, EMBEDDED, HUGGINGFACE, PIPELINE, ROUTER_CHAT, chat_answer, sent

DEFAULT_PIPELINE = f"{PIPELINE}cardiffnlp/twitter-roberta-base-sentiment-latest"


def rate(client, **body):
    return client.post("/v1/text/sentiment", json={"text": "A fine film.", **body})


def logprobs(*tops):
    """The log-probabilities of a chat answer: for each token the probabilities of the likeliest."""
    content = [
        {
            "token": next(iter(top)),
            "logprob": 0,
            "top_logprobs": [{"token": token, "logprob": math.log(share)} for token, share in top.items()],
        }
        for top in tops
    ]
    return {"logprobs": {"content": content}}


def test_the_answer_has_the_documented_shape(make_client, upstream):
    labels = [
        {"label": "positive", "score": 0.9},
        {"label": "neutral", "score": 0.07},
        {"label": "negative", "score": 0.03},
    ]
    upstream.post(DEFAULT_PIPELINE, json=[labels])
    assert rate(make_client(HUGGINGFACE)).get_json() == {
        "text": "A fine film.",
        "sentiment": "positive",
        "score": 0.9,
        "confidence": 0.9,
        "scores": {"positive": 0.9, "negative": 0.03, "neutral": 0.07},
    }
    assert sent(upstream) == {"inputs": "A fine film."}


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
def test_labels_of_any_sentiment_model_are_mapped(make_client, upstream, model, labels, expected):
    upstream.post(PIPELINE + model, json=[{"label": label, "score": score} for label, score in labels.items()])
    scores = rate(make_client(HUGGINGFACE), model=model).get_json()["scores"]
    assert scores == pytest.approx(expected)


@pytest.mark.parametrize("labels", [["en", "fr"], ["LABEL_0", "LABEL_1"], ["joy", "positive"]])
def test_labels_that_say_no_sentiment_are_an_error_and_not_a_guess(make_client, upstream, labels):
    upstream.post(f"{PIPELINE}org/other", json=[[{"label": label, "score": 0.5} for label in labels]])
    answer = rate(make_client(HUGGINGFACE), model="org/other")
    assert (answer.status_code, answer.get_json()["type"]) == (501, "not_supported")
    assert answer.get_json()["details"]["model"] == "org/other"


def test_a_number_beyond_the_known_labels_is_an_error(make_client, upstream):
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
def test_a_pipeline_answer_of_another_shape_is_an_invalid_response(make_client, upstream, body):
    upstream.post(DEFAULT_PIPELINE, json=body)
    answer = rate(make_client(HUGGINGFACE))
    assert (answer.status_code, answer.get_json()["type"]) == (502, "upstream_invalid_response")


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
def test_where_the_pipeline_is_gone_the_chat_model_rates(make_client, upstream, gone):
    upstream.post(DEFAULT_PIPELINE, **gone)
    upstream.post(ROUTER_CHAT, json=chat_answer("Negative", **logprobs({"Negative": 0.75, "Positive": 0.25})))
    body = rate(make_client(HUGGINGFACE)).get_json()
    assert (body["sentiment"], body["score"]) == ("negative", 0.75)
    assert sent(upstream)["model"] == "meta-llama/Llama-3.1-8B-Instruct"


def test_token_probabilities_are_shares_of_the_three_words(client, upstream):
    top = {"Pos": 0.4, "positive": 0.2, " Neg": 0.2, "neutral": 0.1, "The": 0.1}
    upstream.post(CHAT, json=chat_answer("**Positive**", **logprobs({"**": 1.0}, top)))
    scores = rate(client).get_json()["scores"]
    assert scores == pytest.approx({"positive": 0.6667, "negative": 0.2222, "neutral": 0.1111})


def test_completions_style_log_probabilities_are_read_too(client, upstream):
    choice = {"tokens": ["negative"], "top_logprobs": [{"negative": math.log(0.8), "positive": math.log(0.2)}]}
    upstream.post(CHAT, json=chat_answer("negative", logprobs=choice))
    assert rate(client).get_json()["score"] == 0.8


@pytest.mark.parametrize(
    "text", ["Positive", "positive.", '"POSITIVE"', "<think>negative? no</think>\nThe text is positive."]
)
def test_without_log_probabilities_the_word_itself_counts(client, upstream, text):
    upstream.post(CHAT, json=chat_answer(text))
    body = rate(client).get_json()
    assert (body["sentiment"], body["scores"]) == ("positive", {"positive": 1, "negative": 0, "neutral": 0})


def test_a_server_that_refuses_log_probabilities_is_asked_without(client, upstream):
    upstream.post(CHAT, status=400, json={"error": {"message": "logprobs is not supported"}})
    upstream.post(CHAT, json=chat_answer("neutral"))
    assert rate(client).get_json()["sentiment"] == "neutral"
    assert "logprobs" not in sent(upstream)


def test_a_model_that_thinks_first_is_asked_again_with_room_to_think(client, upstream):
    upstream.post(CHAT, json=chat_answer("<think>Well,"))
    upstream.post(CHAT, json=chat_answer("<think>Well, it is fine.</think> positive"))
    assert rate(client).get_json()["sentiment"] == "positive"
    assert sent(upstream)["max_tokens"] > sent(upstream, 0)["max_tokens"]


@pytest.mark.parametrize("text", ["", "I cannot say.", "positive or negative"])
def test_an_answer_that_names_no_sentiment_is_an_error(client, upstream, text):
    upstream.post(CHAT, json=chat_answer(text))
    answer = rate(client)
    assert (answer.status_code, answer.get_json()["type"]) == (502, "upstream_invalid_response")


def test_a_sentiment_model_of_the_settings_is_the_primary_backends_only(make_client, upstream):
    client = make_client(**HUGGINGFACE, AI_BACKEND="huggingface", SENTIMENT_MODEL="org/rater", FALLBACK_MODELS="openai")
    upstream.post(f"{PIPELINE}org/rater", status=500)
    upstream.post(CHAT, json=chat_answer("neutral"))
    assert rate(client).get_json()["sentiment"] == "neutral"
    assert sent(upstream)["model"] == "org/small"


def test_a_sentiment_model_of_the_settings_is_used(make_client, upstream):
    upstream.post(CHAT, json=chat_answer("neutral"))
    rate(make_client(SENTIMENT_MODEL="org/rater"))
    assert sent(upstream)["model"] == "org/rater"


def test_the_embedded_engine_rates_by_one_token(make_client, upstream):
    top = {" positive": 0.7, " negative": 0.1, " Negative": 0.05, " neutral": 0.001}
    event = {"choices": [{"index": 0, "text": " positive", "finish_reason": "length", **logprobs(top)}]}
    upstream.post(
        "http://127.0.0.1:9/v1/completions", body=f"data: {json.dumps(event)}\n\n", content_type="text/event-stream"
    )
    body = rate(make_client(EMBEDDED)).get_json()
    assert body["sentiment"] == "positive"
    assert sum(body["scores"].values()) == pytest.approx(1, abs=0.001)
    assert sent(upstream)["max_tokens"] == 1
    assert sent(upstream)["prompt"].endswith("Text: A fine film.\nSentiment:")


@pytest.mark.parametrize("extra", [{}, {"logprobs": None}, {"logprobs": {"content": [{"top_logprobs": []}]}}])
def test_the_embedded_engine_without_log_probabilities_is_an_error(make_client, upstream, extra):
    event = {"choices": [{"index": 0, "text": " positive", "finish_reason": "length", **extra}]}
    upstream.post(
        "http://127.0.0.1:9/v1/completions", body=f"data: {json.dumps(event)}\n\n", content_type="text/event-stream"
    )
    assert rate(make_client(EMBEDDED)).get_json()["type"] == "not_supported"
