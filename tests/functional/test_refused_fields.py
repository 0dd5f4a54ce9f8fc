"""Fields that the service adds by itself: taken back where an upstream refuses them, once for each model."""

import json
import logging

import pytest
from support.calls import generate, rate, refused
from support.metrics import total
from support.streams import parse_stream
from support.upstreams import CHAT, HUGGINGFACE, PIPELINE, ROUTER_CHAT, chat_response, sent

HI = [{"role": "user", "content": "Hi."}]
STREAMED = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}

REFUSALS = [
    {"error": {"message": "Unrecognized request argument supplied: {}", "type": "invalid_request_error"}},
    {"error": {"message": "Unknown parameter.", "param": "{}", "code": "unknown_parameter"}},
    {"detail": [{"type": "extra_forbidden", "loc": ["body", "{}"], "msg": "Extra inputs are not permitted"}]},
    {"object": "error", "message": {"detail": [{"loc": ["body", "{}"], "msg": "Extra inputs are not permitted"}]}},
    {"error": "unknown field `{}`, expected one of `messages`, `model`, `max_tokens`, `temperature`"},
    [{"error": {"code": 400, "message": 'Invalid JSON payload. Unknown name "{}": Cannot find field.'}}],
    {"{}": ["Unknown field."]},
    {"errors": {"json": {"{}": ["Unknown field."]}}},
    {"title": "One or more validation errors occurred.", "status": 400, "errors": {"{}": ["The field is unknown."]}},
    {"error": {"issues": [{"code": "unrecognized_keys", "message": "Unrecognized key(s) in object: '{}'"}]}},
    {"error": {"code": "validation_error", "message": "Validation failed", "details": {"{}": "unknown"}}},
]


def refusing(upstream, url, is_refused, refusal, status=400):
    """Let the upstream refuse the bodies for which `is_refused` returns a field; return the refused bodies."""
    bodies = []

    def respond(request):
        body = json.loads(request.body)
        if field := is_refused(body):
            bodies.append(body)
            return status, {}, json.dumps(refusal).replace("{}", field)
        if body.get("stream"):
            return 200, {"Content-Type": "text/event-stream"}, f"data: {json.dumps(STREAMED)}\n\ndata: [DONE]\n\n"
        return 200, {"Content-Type": "application/json"}, json.dumps(chat_response("positive"))

    upstream.add_callback("POST", url, respond, content_type=None)
    return bodies


def having(*fields):
    return lambda body: next((field for field in fields if field in body), None)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: json.dumps(refusal)[:40])
@pytest.mark.parametrize("status", [400, 422])
def test_stream_options_are_left_out_once_refused_and_usage_is_estimated(client, upstream, caplog, refusal, status):
    bodies = refusing(upstream, CHAT, having("stream_options"), refusal, status)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            body = {"messages": HI, "stream": True}
            response = parse_stream(client.post("/v1/chat/completions", json=body).data)
            assert (response.text, response.done) == ("Hi", True)
    assert len(bodies) == 1
    assert len([record for record in caplog.records if "stream_options" in record.getMessage()]) == 1
    assert total(client, "ai_upstream_field_removed_total", backend="openai", field="stream_options") == 1


def test_the_options_of_the_client_are_restored_and_never_left_out(client, upstream):
    bodies = refusing(
        upstream, CHAT, lambda body: body["stream_options"]["include_usage"] and "include_usage", REFUSALS[0]
    )
    for include in (False, True):
        options = {"messages": HI, "stream": True, "stream_options": {"include_usage": include}}
        response = client.post("/v1/chat/completions", json=options)
        assert response.status_code == (400 if include else 200)
        if not include:
            assert sent(upstream)["stream_options"] == {"include_usage": False}
    assert len(bodies) == 2


@pytest.mark.parametrize("field", ["temperature", "top_p", "seed", "max_tokens", "logprobs"])
def test_fields_of_the_client_are_never_changed_on_openais_routes(client, upstream, field):
    bodies = refusing(upstream, CHAT, having(field), REFUSALS[0])
    assert (
        client.post(
            "/v1/chat/completions", json={"messages": HI, field: True if field == "logprobs" else 1}
        ).status_code
        == 400
    )
    assert len(bodies) == 1


@pytest.mark.parametrize("given", [{"temperature": 0.5}, {"top_p": 1}, {"seed": 1}])
def test_parameters_of_the_client_are_never_left_out_on_text_routes(client, upstream, given):
    bodies = refusing(upstream, CHAT, having(*given), REFUSALS[0])
    refused(generate(client, **given), 400, "upstream_rejected")
    assert len(bodies) == 1


@pytest.mark.parametrize("given", [{}, {"max_tokens": 7}])
def test_the_token_limit_takes_its_newer_name(client, upstream, given):
    refusal = {
        "error": {
            "message": "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            "param": "max_tokens",
            "code": "unsupported_parameter",
        }
    }
    bodies = refusing(upstream, CHAT, having("max_tokens"), refusal)
    for _ in range(2):
        assert generate(client, **given).status_code == 200
    assert len(bodies) == 1
    assert sent(upstream)["max_completion_tokens"] == given.get("max_tokens", 100)


def test_a_token_limit_that_neither_name_fits_is_an_error(client, upstream):
    bodies = refusing(upstream, CHAT, having("max_tokens", "max_completion_tokens"), REFUSALS[0])
    refused(generate(client), 400, "upstream_rejected")
    assert len(bodies) == 3


def test_a_token_limit_that_is_too_large_is_sent_once(client, upstream):
    refusal = {"error": {"message": "max_tokens is too large: 100.", "code": "context_length_exceeded"}}
    bodies = refusing(upstream, CHAT, having("max_tokens"), refusal)
    refused(generate(client), 400, "upstream_rejected")
    assert len(bodies) == 1


def test_several_fields_are_taken_back_one_after_the_other(client, upstream):
    bodies = refusing(upstream, CHAT, having("stream_options", "temperature", "max_tokens"), REFUSALS[0])
    for _ in range(2):
        assert b"[DONE]" in generate(client, stream=True).data
    assert len(bodies) == 3


def test_a_temperature_of_zero_becomes_the_smallest_accepted_one(client, upstream):
    refusal = {"error": "`temperature` must be strictly positive", "error_type": "validation"}
    bodies = refusing(upstream, CHAT, lambda body: body.get("temperature") == 0 and "temperature", refusal, 422)
    for text in ("fine", "well"):
        assert rate(client, text).get_json()["sentiment"] == "positive"
    assert len(bodies) == 1
    assert sent(upstream)["temperature"] == 0.01


def test_a_temperature_that_is_refused_again_is_left_out(client, upstream):
    refusal = {"error": {"message": "temperature must be 1", "param": "temperature"}}
    bodies = refusing(upstream, CHAT, having("temperature"), refusal)
    assert rate(client).status_code == 200
    assert [body["temperature"] for body in bodies] == [0, 0.01]


def test_log_probabilities_are_left_out_once_refused(client, upstream):
    bodies = refusing(upstream, CHAT, having("logprobs"), {"error": {"message": "logprobs is not supported"}})
    for text in ("fine", "well"):
        assert rate(client, text).status_code == 200
    assert len(bodies) == 1
    assert not {"logprobs", "top_logprobs"} & set(sent(upstream))
    assert sent(upstream)["max_tokens"] == 4


@pytest.mark.parametrize("status", [403, 501])
def test_other_statuses_that_name_an_added_field_refuse_it_too(client, upstream, status):
    refusal = {"error": {"message": "You are not allowed to request {} from this model."}}
    refused_bodies = refusing(upstream, CHAT, having("logprobs"), refusal, status)
    for text in ("fine", "well"):
        assert rate(client, text).get_json()["sentiment"] == "positive"
    assert len(refused_bodies) == 1


def test_a_refused_key_is_no_refused_field(client, upstream):
    bodies = refusing(upstream, CHAT, having("logprobs"), {"error": {"message": "No key for {}."}}, 401)
    refused(rate(client), 502, "upstream_authentication_error")
    assert len(bodies) == 1


def test_fields_are_taken_back_on_the_router_of_hugging_face_too(make_client, upstream):
    bodies = refusing(upstream, ROUTER_CHAT, having("logprobs"), {"error": {"message": "logprobs is not supported"}})
    upstream.post(f"{PIPELINE}cardiffnlp/twitter-roberta-base-sentiment-latest", status=404)
    client = make_client(HUGGINGFACE)
    for text in ("fine", "well"):
        assert rate(client, text).status_code == 200
    assert len(bodies) == 1


def test_each_model_has_its_own_fields(client, upstream):
    bodies = refusing(upstream, CHAT, having("temperature"), REFUSALS[0])
    for model in ("a", "b", "a"):
        assert generate(client, model=model).status_code == 200
    assert [body["model"] for body in bodies] == ["a", "b"]


def test_a_field_that_an_error_merely_quotes_is_sent_again(client, upstream):
    responses = [{"status": 400, "json": {"error": "bad input: 'no stream_options'"}}, {"status": 400, "json": {}}]
    for response in (*responses, {"body": f"data: {json.dumps(STREAMED)}\n\n", "content_type": "text/event-stream"}):
        upstream.post(CHAT, **response)
    assert [generate(client, stream=True).status_code for _ in range(2)] == [400, 200]
    assert "stream_options" in sent(upstream)


@pytest.mark.parametrize(
    "refusal", [{"error": {"message": "Bad temperature.", "param": "messages[0].content"}}, {"error": "Bad input."}]
)
def test_a_refusal_of_another_field_is_passed_on(client, upstream, refusal):
    upstream.post(CHAT, status=400, json=refusal)
    refused(generate(client), 400, "upstream_rejected")
    assert len(upstream.calls) == 1


def test_a_model_that_names_no_sentiment_is_asked_the_long_question_once(client, upstream):
    upstream.post(CHAT, json=chat_response("I cannot say."))
    for text in ("one", "two", "three"):
        assert rate(client, text).get_json()["type"] == "upstream_invalid_response"
    assert [sent(upstream, index)["max_tokens"] for index in range(len(upstream.calls))] == [4, 512, 4, 4]


def test_a_model_that_reasons_is_asked_the_long_question_only(client, upstream):
    upstream.post(CHAT, json=chat_response("<think>Well,", finish_reason="length"))
    upstream.post(CHAT, json=chat_response("<think>Well.</think> positive"))
    for text in ("one", "two"):
        assert rate(client, text).status_code == 200
    assert [sent(upstream, index)["max_tokens"] for index in range(3)] == [4, 512, 512]


def test_a_model_that_reasons_in_vain_is_asked_again(client, upstream):
    upstream.post(CHAT, json=chat_response("<think>Well,", finish_reason="length"))
    for text in ("one", "two"):
        rate(client, text)
    assert [sent(upstream, index)["max_tokens"] for index in range(4)] == [4, 512, 4, 512]


def test_the_limit_that_the_service_adds_on_openais_routes_takes_its_newer_name(make_client, upstream):
    bodies = refusing(upstream, CHAT, having("max_tokens"), REFUSALS[0])
    client = make_client(TOKENS_PER_MINUTE="100000")
    for _ in range(2):
        assert client.post("/v1/chat/completions", json={"messages": HI}).status_code == 200
    assert len(bodies) == 1
    assert sent(upstream)["max_completion_tokens"] == 100
