"""POST /v1/text/generate and /v1/text/complete."""

import re

import pytest
from support.calls import generate
from support.upstreams import CHAT, EMBEDDED, HUB, HUGGINGFACE, PIPELINE, ROUTER_CHAT, chat_response, sent, stream

COMPLETIONS = "http://llm.test:8000/v1/completions"


def test_generate_responds_in_the_documented_shape(client, upstream):
    upstream.post(CHAT, json=chat_response("Hi."))
    response = generate(client)
    assert response.status_code == 200
    body = response.get_json()
    assert list(body) == ["id", "model", "choices", "usage", "generated_at", "processing_ms"]
    assert re.fullmatch(r"gen-[0-9a-f]{32}", body["id"])
    assert body["model"] == "org/small"
    assert body["choices"] == [{"index": 0, "text": "Hi.", "finish_reason": "stop"}]
    assert body["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    assert body["processing_ms"] >= 0


def test_generate_sends_the_default_parameters_and_the_api_key(client, upstream):
    upstream.post(CHAT, json=chat_response("Hi."))
    generate(client)
    assert next(iter(sent(upstream))) == "model"
    assert sent(upstream) == {
        "model": "org/small",
        "messages": [{"role": "user", "content": "Say hi."}],
        "max_tokens": 100,
        "temperature": 0.7,
    }
    assert upstream.calls[0].request.headers["Authorization"] == "Bearer sk-secret-of-ours"


def test_generate_forwards_every_parameter(client, upstream):
    upstream.post(CHAT, json=chat_response("Hi."))
    generate(client, model="a/b", max_tokens=5, temperature=0, top_p=0.5, stop="x", seed=3, stream=False)
    expected = {"model": "a/b", "max_tokens": 5, "temperature": 0, "top_p": 0.5, "stop": ["x"], "seed": 3}
    assert {name: sent(upstream)[name] for name in expected} == expected


def test_the_response_names_the_model_of_an_alias(client, upstream):
    upstream.post(CHAT, json=chat_response("Hi."))
    assert generate(client, model="gpt2").get_json()["model"] == "org/small"
    assert sent(upstream)["model"] == "org/small"


def test_an_alias_may_name_another_backend(make_client, upstream):
    client = make_client(MODEL_ALIASES="fast=huggingface:org/quick", **HUGGINGFACE, AI_BACKEND="openai")
    upstream.post(ROUTER_CHAT, json=chat_response("Hi."))
    assert generate(client, model="fast").get_json()["model"] == "org/quick"


def test_the_name_of_a_backend_is_its_default_model(make_client, upstream):
    client = make_client(**HUGGINGFACE, AI_BACKEND="openai")
    upstream.post(ROUTER_CHAT, json=chat_response("Hi."))
    assert generate(client, model="huggingface").get_json()["model"] == "meta-llama/Llama-3.1-8B-Instruct"


def test_a_model_of_an_unconfigured_backend_is_not_found(client):
    response = generate(client, model="huggingface:org/model")
    assert response.status_code == 404
    assert response.get_json()["type"] == "model_not_found"
    assert response.get_json()["details"] == {"model": "huggingface:org/model", "available": ["gpt2", "org/small"]}


def test_without_a_default_model_the_server_chooses(make_client, upstream):
    client = make_client(OPENAI_DEFAULT_MODEL="")
    upstream.post(CHAT, json=chat_response("Hi."))
    assert generate(client).get_json()["choices"][0]["text"] == "Hi."
    assert "model" not in sent(upstream)


def test_missing_usage_is_estimated_and_marked(client, upstream):
    upstream.post(CHAT, json={"choices": [{"message": {"content": "12345678"}, "finish_reason": "stop"}]})
    usage = generate(client).get_json()["usage"]
    assert usage == {"prompt_tokens": 3, "completion_tokens": 8, "total_tokens": 11, "estimated": True}


def test_complete_uses_the_completions_route(client, upstream):
    choice = {"index": 0, "text": " a time", "finish_reason": "length"}
    upstream.post(COMPLETIONS, json={"choices": [choice], "usage": {"prompt_tokens": 2, "completion_tokens": 2}})
    body = generate(client, route="complete").get_json()
    assert body["choices"] == [{"index": 0, "text": " a time", "finish_reason": "length"}]
    assert sent(upstream)["prompt"] == "Say hi."


def test_complete_uses_the_chat_route_if_there_is_no_completions_route(client, upstream):
    upstream.post(COMPLETIONS, status=404, body="Not Found", content_type="text/plain")
    upstream.post(CHAT, json=chat_response(" a time"))
    assert generate(client, route="complete").get_json()["choices"][0]["text"] == " a time"
    assert [message["role"] for message in sent(upstream)["messages"]] == ["system", "user"]


def test_complete_on_hugging_face_uses_the_tgi_protocol_if_the_mapping_has_it(make_client, upstream):
    client = make_client(HUGGINGFACE)
    mapping = {"hf-inference": {"status": "live", "task": "text-generation", "providerId": "org/base"}}
    upstream.get(f"{HUB}org/base", json={"id": "org/base", "inferenceProviderMapping": mapping})
    details = {"finish_reason": "length", "generated_tokens": 2, "prefill": [{"id": 1}, {"id": 2}]}
    upstream.post(f"{PIPELINE}org/base", json=[{"generated_text": " a time", "details": details}])
    body = generate(client, model="org/base", stop=["x"], seed=1, top_p=0.9, route="complete").get_json()
    assert body["choices"] == [{"index": 0, "text": " a time", "finish_reason": "length"}]
    assert body["usage"] == {"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4}
    parameters = {"max_new_tokens": 100, "return_full_text": False, "details": True, "do_sample": True}
    sampling = {"temperature": 0.7, "top_p": 0.9, "stop": ["x"], "seed": 1}
    assert sent(upstream) == {"inputs": "Say hi.", "parameters": {**parameters, **sampling}}


def test_complete_caches_the_mapping_of_the_hub(make_client, upstream):
    client = make_client(HUGGINGFACE)
    hub = upstream.get(f"{HUB}org/chat", json={"id": "org/chat", "inferenceProviderMapping": {}})
    upstream.post(ROUTER_CHAT, json=chat_response("x"))
    for _ in range(3):
        assert generate(client, model="org/chat", route="complete").status_code == 200
    assert hub.call_count == 1


@pytest.mark.parametrize("hub_response", [{"status": 500}, {"status": 404}, {"json": []}])
def test_complete_uses_the_chat_route_if_the_hub_fails(make_client, upstream, hub_response):
    client = make_client(HUGGINGFACE)
    upstream.get(f"{HUB}org/chat", **hub_response)
    upstream.post(ROUTER_CHAT, json=chat_response(" a time"))
    assert generate(client, model="org/chat", route="complete").get_json()["choices"][0]["text"] == " a time"


def test_complete_uses_the_chat_route_if_the_mapping_is_out_of_date(make_client, upstream):
    client = make_client(HUGGINGFACE)
    mapping = {"hf-inference": {"status": "live", "task": "text-generation"}}
    upstream.get(f"{HUB}org/base", json={"id": "org/base", "inferenceProviderMapping": mapping})
    upstream.post(f"{PIPELINE}org/base", status=410, json={"error": "The requested model is deprecated"})
    upstream.post(ROUTER_CHAT, json=chat_response(" a time"))
    assert (
        generate(client, model="org/base", temperature=0, route="complete").get_json()["choices"][0]["text"]
        == " a time"
    )


def test_complete_on_a_dedicated_endpoint_uses_the_tgi_protocol_without_the_hub(make_client, upstream):
    endpoint = "https://abc.eu-west-1.aws.endpoints.huggingface.cloud"
    client = make_client(HUGGINGFACE, HUGGINGFACE_BASE_URL=endpoint)
    upstream.post(f"{endpoint}/", json={"generated_text": " a time"})
    assert generate(client, temperature=0, top_p=1, route="complete").get_json()["choices"][0]["text"] == " a time"
    assert sent(upstream)["parameters"] == {
        "max_new_tokens": 100,
        "return_full_text": False,
        "details": True,
        "do_sample": False,
    }


def test_the_embedded_engine_is_called_with_a_stream_and_a_32_bit_seed(make_client, upstream):
    client = make_client(EMBEDDED)
    events = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"content": "Hé"}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]},
        {"choices": [], "usage": {"prompt_tokens": 31, "completion_tokens": 2, "total_tokens": 33}},
    ]
    upstream.post("http://127.0.0.1:9/v1/chat/completions", body=stream(events), content_type="text/event-stream")
    body = generate(client, seed=2**32 + 5).get_json()
    assert body["choices"] == [{"index": 0, "text": "Hé", "finish_reason": "length"}]
    assert body["usage"]["total_tokens"] == 33
    assert body["model"] == "SmolLM2-135M-Instruct"
    assert (sent(upstream)["stream"], sent(upstream)["seed"]) == (True, 5)


def test_the_embedded_engine_has_its_own_completions_route(make_client, upstream):
    client = make_client(EMBEDDED)
    events = [{"choices": [{"index": 0, "text": " a time", "finish_reason": "stop"}]}]
    upstream.post("http://127.0.0.1:9/v1/completions", body=stream(events), content_type="text/event-stream")
    assert generate(client, route="complete").get_json()["choices"][0]["text"] == " a time"


def test_the_embedded_engine_serves_only_its_own_model(make_client):
    response = generate(make_client(EMBEDDED), model="meta-llama/Llama-3.1-8B-Instruct")
    assert response.status_code == 404
    assert response.get_json()["details"]["available"][:2] == ["gpt2", "SmolLM2-135M-Instruct"]
