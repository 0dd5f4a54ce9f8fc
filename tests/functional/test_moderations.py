"""POST /v1/moderations, in OpenAI's shape."""

import pytest
from openai.types import ModerationCreateResponse
from support.calls import refused
from support.upstreams import CHAT, HUGGINGFACE, OPENAI, PIPELINE, ROUTER_CHAT, chat_response, sent

from app.backends.tasks.moderation_ratings import CATEGORIES

ROUTE = "http://llm.test:8000/v1/moderations"
TOXIC = "unitary/toxic-bert"
GUARD = "meta-llama/Llama-Guard-3-8B"
QWEN = "Qwen/Qwen3Guard-Gen-8B"
MISSING = {"status": 404, "json": {"detail": "Not Found"}}


def moderate(client, value="I will hurt you.", **body):
    return client.post("/v1/moderations", json={"input": value, **body})


def results(response):
    assert response.status_code == 200, response.text
    body = response.get_json()
    ModerationCreateResponse.model_validate(body, strict=True)
    assert body["id"].startswith("modr-")
    for result in body["results"]:
        assert set(CATEGORIES) <= set(result["categories"])
        assert (
            set(result["categories"]) == set(result["category_scores"]) == set(result["category_applied_input_types"])
        )
    return body["results"]


def flagged(result):
    return {name for name, is_flagged in result["categories"].items() if is_flagged}


def labels(**scores):
    return [[{"label": label, "score": score} for label, score in scores.items()]]


@pytest.fixture
def hub(make_client):
    return make_client(HUGGINGFACE, MODERATION_MODEL=TOXIC)


@pytest.fixture
def guard(make_client, upstream):
    upstream.post(ROUTE, **MISSING)
    return make_client(OPENAI, MODERATION_MODEL=GUARD)


def test_without_a_model_the_status_is_501_with_the_setting(client):
    error = refused(moderate(client), 501, "not_supported")
    assert "MODERATION_MODEL" in error["message"]


def test_the_upstreams_own_route_is_passed_through(make_client, upstream):
    result = {
        "flagged": True,
        "categories": dict.fromkeys(CATEGORIES, True),
        "category_scores": dict.fromkeys(CATEGORIES, 0.9),
        "category_applied_input_types": {name: ["text"] for name in CATEGORIES},
    }
    answer = {"id": "modr-1", "model": "omni-moderation-2024-09-26", "results": [result]}
    upstream.post(ROUTE, json=answer)
    response = moderate(make_client(OPENAI, MODERATION_MODEL="omni-moderation-latest"))
    assert response.get_json() == answer
    assert response.headers["X-AI-Model"] == "omni-moderation-2024-09-26"
    assert sent(upstream) == {"model": "omni-moderation-latest", "input": "I will hurt you."}


@pytest.mark.parametrize(
    "answer",
    [
        {"id": "modr-1", "model": "m", "results": []},
        {"results": [{"flagged": "no", "categories": {}, "category_scores": {}}]},
        {"results": [{"flagged": False}]},
        {"results": 5},
    ],
)
def test_an_invalid_response_of_the_upstreams_route_is_an_error(make_client, upstream, answer):
    upstream.post(ROUTE, json=answer)
    refused(moderate(make_client(OPENAI, MODERATION_MODEL="m")), 502, "upstream_invalid_response")


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ({"toxic": 0.97, "threat": 0.8, "insult": 0.3, "identity_hate": 0.1}, {"harassment", "harassment/threatening"}),
        ({"toxic": 0.02, "obscene": 0.01}, set()),
        ({"S3": 0.7, "OK": 0.1, "S": 0.2}, {"sexual/minors"}),
        ({"H2": 0.6, "OK": 0.4}, {"hate/threatening"}),
        ({"OK": 0.9, "H": 0.1}, set()),
        ({"OK": 0.3, "H": 0.3, "V2": 0.4}, {"violence/graphic"}),
        ({"nothate": 0.2, "hate": 0.8}, {"hate"}),
        ({"NSFW": 0.9, "SFW": 0.1}, {"sexual"}),
        ({"non-toxic": 0.9, "toxic": 0.1}, set()),
        ({"toxicity": 0.9, "male": 0.99, "sexual_explicit": 0.8}, {"harassment", "sexual"}),
    ],
)
def test_labels_of_a_pipeline_become_openais_categories(hub, upstream, scores, expected):
    upstream.post(PIPELINE + TOXIC, json=labels(**scores))
    [result] = results(moderate(hub))
    assert flagged(result) == expected
    assert result["flagged"] == bool(expected)


def test_categories_that_a_model_does_not_rate_are_applied_to_no_input(hub, upstream):
    upstream.post(PIPELINE + TOXIC, json=labels(toxic=0.9))
    [result] = results(moderate(hub))
    assert result["category_applied_input_types"]["harassment"] == ["text"]
    assert result["category_applied_input_types"]["violence"] == []
    assert result["category_scores"]["harassment"] == 0.9


@pytest.mark.parametrize("found", [{"positive": 0.1, "negative": 0.9}, {"LABEL_0": 0.9, "LABEL_1": 0.1}])
def test_unknown_labels_are_an_error_that_names_them(hub, upstream, found):
    upstream.post(PIPELINE + TOXIC, json=labels(**found))
    error = refused(moderate(hub), 501, "not_supported")
    assert all(label in error["message"] for label in found)


def test_numbered_labels_of_a_known_model_have_their_meanings(make_client, upstream):
    model = "cardiffnlp/twitter-roberta-base-hate"
    upstream.post(PIPELINE + model, json=labels(LABEL_0=0.1, LABEL_1=0.9))
    client = make_client(HUGGINGFACE, MODERATION_MODEL=model)
    assert flagged(results(moderate(client))[0]) == {"hate"}
    upstream.replace("POST", PIPELINE + model, json=labels(LABEL_2=0.9))
    refused(moderate(client, "Other."), 501, "not_supported")


def test_each_text_of_a_list_has_a_result_and_parts_have_one(hub, upstream):
    for score in (0.9, 0.1):
        upstream.post(PIPELINE + TOXIC, json=labels(toxic=score))
    assert [result["flagged"] for result in results(moderate(hub, ["a", "b"]))] == [True, False]
    parts = [{"type": "text", "text": "c"}, {"type": "text", "text": "d"}]
    assert len(results(moderate(hub, parts))) == 1
    assert sent(upstream)["inputs"] == "c\nd"


def test_a_long_text_is_rated_in_parts_and_the_highest_score_counts(hub, upstream):
    upstream.post(PIPELINE + TOXIC, json=labels(toxic=0.1))
    upstream.post(PIPELINE + TOXIC, json=labels(toxic=0.9))
    upstream.post(PIPELINE + TOXIC, json=labels(toxic=0.2))
    text = "The lighthouse stands on the cliff. " * 150
    [result] = results(moderate(hub, text))
    assert (result["flagged"], result["category_scores"]["harassment"]) == (True, 0.9)
    assert "".join(sent(upstream, index)["inputs"] for index in range(len(upstream.calls))) == text


def test_a_text_that_the_model_finds_too_long_is_rated_in_smaller_parts(hub, upstream):
    upstream.post(PIPELINE + TOXIC, status=400, json={"error": "The size of tensor a must match (512)"})
    upstream.post(PIPELINE + TOXIC, json=labels(toxic=0.9))
    assert results(moderate(hub, "word " * 400))[0]["flagged"]
    refused_once = len(upstream.calls)
    assert refused_once > 2
    upstream.replace("POST", PIPELINE + TOXIC, status=400, json={"error": "Never."})
    refused(moderate(hub, "Short."), 400, "upstream_rejected")


def test_a_text_of_too_many_parts_is_refused(hub):
    error = refused(moderate(hub, "word " * 40_000), 400, "upstream_rejected")
    assert "64" in error["message"]


@pytest.mark.parametrize(
    ("verdict", "expected", "is_flagged"),
    [
        ("\n\nsafe", set(), False),
        ("\n\nunsafe\nS1,S10", {"violence", "hate"}, True),
        ("unsafe\nS4", {"sexual/minors"}, True),
        ("unsafe\nS6", {"specialized-advice"}, True),
        ("unsafe", set(), True),
    ],
)
def test_verdicts_of_llama_guard(guard, upstream, verdict, expected, is_flagged):
    upstream.post(CHAT, json=chat_response(verdict))
    [result] = results(moderate(guard))
    assert (flagged(result), result["flagged"]) == (expected, is_flagged)
    assert all(score in (0.0, 1.0) for score in result["category_scores"].values())
    body = sent(upstream)
    assert (body["model"], body["temperature"]) == (GUARD, 0)
    assert body["messages"] == [{"role": "user", "content": "I will hurt you."}]


@pytest.mark.parametrize(
    ("verdict", "expected", "score"),
    [
        ("Safety: Safe\nCategories: None", set(), 0.0),
        ("Safety: Unsafe\nCategories: Violent, Non-violent Illegal Acts", {"violence", "illicit"}, 1.0),
        ("Safety: Unsafe\nCategories: Suicide & Self-Harm\nRefusal: Yes", {"self-harm"}, 1.0),
        ("Safety: Controversial\nCategories: Politically Sensitive Topics", {"politically-sensitive"}, 0.5),
        ("Safety: Unsafe", set(), 0.0),
    ],
)
def test_verdicts_of_qwen3_guard(guard, upstream, verdict, expected, score):
    upstream.post(CHAT, json=chat_response(verdict))
    [result] = results(moderate(guard, model=QWEN))
    assert flagged(result) == expected
    assert max(result["category_scores"].values()) == score
    assert result["flagged"] == ("Safe\n" not in verdict)


@pytest.mark.parametrize(
    ("verdict", "is_flagged"), [("Yes", True), ("No", False), ("<score> yes </score>", True), (" no\n", False)]
)
def test_verdicts_of_granite_guardian(guard, upstream, verdict, is_flagged):
    upstream.post(CHAT, json=chat_response(verdict))
    [result] = results(moderate(guard, model="ibm-granite/granite-guardian-3.3-8b"))
    assert (result["flagged"], flagged(result)) == (is_flagged, {"harm"} if is_flagged else set())


@pytest.mark.parametrize("model", [GUARD, QWEN, "ibm-granite/granite-guardian-3.3-8b"])
def test_an_unreadable_verdict_is_an_error(guard, upstream, model):
    upstream.post(CHAT, json=chat_response("I cannot help with that."))
    refused(moderate(guard, model=model), 502, "upstream_invalid_response")


@pytest.mark.parametrize("answer", [[], {"choices": []}])
def test_a_response_of_another_kind_shows_that_the_route_is_missing(make_client, upstream, answer):
    upstream.post(ROUTE, json=answer)
    upstream.post(CHAT, json=chat_response("safe"))
    assert not results(moderate(make_client(OPENAI, MODERATION_MODEL=GUARD)))[0]["flagged"]


def test_a_route_that_the_upstream_lacks_is_looked_for_once(guard, upstream):
    upstream.post(CHAT, json=chat_response("safe"))
    for text in ("I will hurt you.", "I will help you."):
        assert not results(moderate(guard, text))[0]["flagged"]
    assert [call.request.url for call in upstream.calls] == [ROUTE, CHAT, CHAT]


def test_a_model_that_is_no_guard_is_not_asked(guard, upstream):
    refused(moderate(guard, model="org/chat"), 501, "not_supported")
    assert [call.request.url for call in upstream.calls] == [ROUTE]


def test_the_router_of_hugging_face_asks_guards_by_chat(hub, upstream):
    upstream.post(ROUTER_CHAT, json=chat_response("unsafe\nS2"))
    assert flagged(results(moderate(hub, model=GUARD))[0]) == {"illicit"}


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def test_images_reach_a_guard_that_reads_them(guard, upstream):
    upstream.post(CHAT, json=chat_response("unsafe\nS12"))
    text = {"type": "text", "text": "Look."}
    [result] = results(moderate(guard, [text, IMAGE], model="meta-llama/Llama-Guard-4-12B"))
    assert result["category_applied_input_types"]["sexual"] == ["text", "image"]
    assert result["category_applied_input_types"]["hate"] == ["text"]
    assert sent(upstream)["messages"][0]["content"] == [text, IMAGE]


def test_images_are_refused_by_other_models(guard, hub):
    for client in (guard, hub):
        error = refused(moderate(client, [IMAGE]), 501, "not_supported")
        assert "images" in error["message"]


def test_the_embedded_model_is_no_guard(make_client):
    client = make_client(AI_BACKEND="embedded", EMBEDDED_PORT="9")
    refused(moderate(client), 501, "not_supported")
    refused(moderate(client, model="SmolLM2-135M-Instruct"), 501, "not_supported")
