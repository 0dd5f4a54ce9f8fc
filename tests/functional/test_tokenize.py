"""POST /tokenize and /detokenize: vLLM's shape, and those of TGI, TEI and llama.cpp."""

import json

import pytest
from support.calls import refused
from support.upstreams import EMBEDDED, HUGGINGFACE, sent

ROOT = "http://llm.test:8000"
ENGINE = "http://127.0.0.1:9"
HELLO = [{"role": "user", "content": "Hi <|im_start|>"}]
VLLM = {"count": 2, "max_model_len": 4096, "tokens": [9906, 1917], "token_strs": ["Hello", "\u0120world"]}
TGI = [{"id": 9906, "text": "Hello", "start": 0, "stop": 5}, {"id": 1917, "text": " world", "start": 5, "stop": 11}]
LLAMA_CPP = {"tokens": [{"id": 9906, "piece": "Hello"}, {"id": 1917, "piece": " world"}]}
TEI = [[{**token, "special": False} for token in TGI]]
MISSING = {"status": 404, "json": {"detail": "Not Found"}}


def tokenize(client, **body):
    return client.post("/tokenize", json=body)


@pytest.fixture
def engine(make_client):
    return make_client(EMBEDDED)


@pytest.fixture
def props(upstream):
    upstream.get(f"{ENGINE}/props", json={"default_generation_settings": {"n_ctx": 2048}})


@pytest.mark.parametrize("server", [VLLM, TGI, LLAMA_CPP, TEI, {"tokens": [9906, 1917]}])
def test_a_prompt_has_the_shape_of_vllm_whatever_the_server_is(client, upstream, server):
    upstream.post(f"{ROOT}/tokenize", json=server)
    body = tokenize(client, prompt="Hello world", model="org/small").get_json()
    length = 4096 if server is VLLM else None
    assert body == {"count": 2, "max_model_len": length, "tokens": [9906, 1917], "token_strs": None}
    body = sent(upstream)
    assert body["prompt"] == body["content"] == body["inputs"] == "Hello world"
    assert body["add_special_tokens"] is body["add_special"] is True


@pytest.mark.parametrize("server", [VLLM, TGI, LLAMA_CPP, TEI])
def test_inputs_have_the_shape_of_tgi_or_tei(client, upstream, server):
    upstream.post(f"{ROOT}/tokenize", json=server)
    assert tokenize(client, inputs="Hello world").get_json() == TGI
    assert tokenize(client, inputs="Hello world", add_special_tokens=False).get_json() == TEI
    assert tokenize(client, inputs=["Hello world", "Hello world"]).get_json() == TEI * 2


def test_tokens_of_unknown_text_have_no_place(client, upstream):
    upstream.post(f"{ROOT}/tokenize", json={"tokens": [7]})
    assert tokenize(client, inputs="Hi").get_json() == [{"id": 7, "text": "", "start": 0, "stop": 0}]


def test_content_has_the_shape_of_llama_cpp(client, upstream):
    upstream.post(f"{ROOT}/tokenize", json=LLAMA_CPP)
    assert tokenize(client, content="Hello world").get_json() == {"tokens": [9906, 1917]}
    assert sent(upstream)["add_special"] is False
    assert tokenize(client, content="Hello world", with_pieces=True).get_json() == LLAMA_CPP


def test_pieces_of_a_character_stay_bytes_and_have_no_place_of_their_own(client, upstream):
    tokens = [{"id": 0, "piece": "<s>"}, {"id": 1, "piece": [0xF0, 0x9F]}, {"id": 2, "piece": [0x99, 0x82]}]
    upstream.post(f"{ROOT}/tokenize", json={"tokens": [*tokens, {"id": 3, "piece": "é"}]})
    assert tokenize(client, content="\U0001f642é", with_pieces=True).get_json()["tokens"][1] == tokens[1]
    places = [(token["start"], token["stop"]) for token in tokenize(client, inputs="\U0001f642é").get_json()]
    assert places == [(0, 0), (0, 0), (0, 1), (1, 2)]
    strings = tokenize(client, prompt="\U0001f642é", return_token_strs=True).get_json()["token_strs"]
    assert (strings[0], strings[3], len(strings)) == ("<s>", "é", 4)


def test_a_conversation_reaches_vllm_with_its_tools(client, upstream):
    upstream.post(f"{ROOT}/tokenize", json=VLLM)
    tools = [{"type": "function", "function": {"name": "f"}}]
    body = tokenize(client, messages=HELLO, tools=tools, add_generation_prompt=False).get_json()
    assert body["count"] == 2
    assert sent(upstream) == {
        "model": "org/small",
        "messages": HELLO,
        "tools": tools,
        "add_generation_prompt": False,
        "add_special_tokens": False,
        "return_token_strs": False,
    }


def test_a_conversation_is_rendered_by_llama_cpp(client, upstream):
    upstream.post(f"{ROOT}/tokenize", json={"tokens": []})
    upstream.post(f"{ROOT}/apply-template", json={"prompt": "<|user|>Hi"})
    upstream.post(f"{ROOT}/tokenize", json={"tokens": [1, 2, 3]})
    assert tokenize(client, messages=HELLO).get_json()["tokens"] == [1, 2, 3]
    assert sent(upstream)["content"] == "<|user|>Hi"


def test_a_conversation_is_rendered_by_tgi(client, upstream):
    reason = "Failed to deserialize the JSON body into the target type: missing field `inputs` at line 1 column 2"
    upstream.post(f"{ROOT}/tokenize", status=422, body=reason, content_type="text/plain")
    upstream.post(f"{ROOT}/chat_tokenize", json={"tokenize_response": TGI, "templated_text": "x"})
    assert tokenize(client, messages=HELLO).get_json()["tokens"] == [9906, 1917]


def test_a_server_that_renders_no_conversation_says_so(client, upstream):
    reason = {"detail": [{"loc": ["body", "prompt"], "msg": "Field required"}]}
    upstream.post(f"{ROOT}/tokenize", status=400, json=reason)
    upstream.post(f"{ROOT}/chat_tokenize", **MISSING)
    error = refused(tokenize(client, messages=HELLO), 501, "not_supported")
    assert "prompt" in error["message"]


def test_a_conversation_that_a_template_refuses_is_the_error_of_the_client(client, upstream):
    reason = {"error": {"message": "Roles must alternate", "type": "BadRequestError", "code": 400}}
    upstream.post(f"{ROOT}/tokenize", status=400, json=reason)
    response = tokenize(client, messages=HELLO)
    assert (response.status_code, response.get_json()["error"]["type"]) == (400, "BadRequestError")


def test_a_server_without_a_tokenizer_is_asked_once(client, upstream):
    upstream.post(f"{ROOT}/tokenize", **MISSING)
    for _ in range(2):
        error = refused(tokenize(client, prompt="Hi."), 501, "not_supported")
    assert "tokenizer" in error["message"]
    assert len(upstream.calls) == 1


def test_the_router_of_hugging_face_has_no_tokenizer(make_client):
    client = make_client(HUGGINGFACE)
    refused(tokenize(client, prompt="Hi."), 501, "not_supported")
    refused(client.post("/detokenize", json={"tokens": [1]}), 501, "not_supported")


@pytest.mark.parametrize("answer", [{"tokens": ["a"]}, {"tokens": 5}, {"tokens": [{"piece": "a"}]}, [5.5]])
def test_an_invalid_response_is_an_error(client, upstream, answer):
    upstream.post(f"{ROOT}/tokenize", json=answer)
    refused(tokenize(client, prompt="Hi."), 502, "upstream_invalid_response")


@pytest.mark.parametrize("body", [{}, {"model": "org/small"}, {"prompt": 5}, {"prompt": None}, {"inputs": []}])
def test_an_input_is_required(client, body):
    refused(tokenize(client, **body), 400)


@pytest.mark.parametrize("server", [{"prompt": "Hello"}, {"content": "Hello"}, {"text": "Hello"}, ["Hello"]])
def test_detokenize_returns_the_text_for_clients_of_vllm_and_llama_cpp(client, upstream, server):
    upstream.post(f"{ROOT}/detokenize", json=server)
    response = client.post("/detokenize", json={"tokens": [9906]})
    assert response.get_json() == {"prompt": "Hello", "content": "Hello"}
    assert sent(upstream) == {"model": "org/small", "tokens": [9906]}


def test_detokenize_uses_the_route_of_tei(client, upstream):
    upstream.post(f"{ROOT}/detokenize", **MISSING)
    upstream.post(f"{ROOT}/decode", json=["Hello"])
    for token in (9906, 9907):  # the second request knows that the first route is missing
        assert client.post("/detokenize", json={"tokens": [token]}).get_json()["prompt"] == "Hello"


def test_a_response_of_another_kind_shows_that_the_route_is_missing(client, upstream):
    for route in ("tokenize", "detokenize", "decode"):
        upstream.post(f"{ROOT}/{route}", json={"choices": []})
    refused(tokenize(client, prompt="Hi."), 501, "not_supported")
    refused(client.post("/detokenize", json={"tokens": [1]}), 501, "not_supported")


@pytest.mark.parametrize("tokens", [[], [-1], [1.5], ["a"], [True], 5, None, [2**31]])
def test_detokenize_takes_token_ids_only(client, tokens):
    refused(client.post("/detokenize", json={"tokens": tokens}), 400)


@pytest.mark.usefixtures("props")
def test_the_engine_reads_control_tokens_in_texts_as_text(engine, upstream):
    upstream.post(f"{ENGINE}/tokenize", json={"tokens": [5, 6]})
    body = tokenize(engine, prompt="<|im_start|>").get_json()
    assert (body["tokens"], body["max_model_len"]) == ([5, 6], 2048)
    assert sent(upstream) == {
        "content": "<|im_start|>",
        "add_special": True,
        "parse_special": False,
        "with_pieces": False,
    }


@pytest.mark.usefixtures("props")
def test_the_engine_makes_control_tokens_in_conversations_harmless(engine, upstream):
    upstream.post(f"{ENGINE}/apply-template", json={"prompt": "rendered"})
    upstream.post(f"{ENGINE}/tokenize", json={"tokens": [5]})
    assert tokenize(engine, messages=HELLO, add_generation_prompt=False, n_cache_reuse=5).get_json()["count"] == 1
    template, tokens = (json.loads(call.request.body) for call in upstream.calls[-2:])
    assert template == {
        "messages": [{"role": "user", "content": "Hi <\u200b|im_start|>"}],
        "add_generation_prompt": False,
    }
    assert (tokens["content"], tokens["parse_special"]) == ("rendered", True)


def test_the_engine_serves_its_own_model_only(engine):
    refused(tokenize(engine, prompt="Hi.", model="org/other"), 404, "model_not_found")


def test_the_engine_returns_the_text_of_tokens(engine, upstream):
    upstream.post(f"{ENGINE}/detokenize", json={"content": "Hello"})
    assert engine.post("/detokenize", json={"tokens": [1]}).get_json()["prompt"] == "Hello"
    invalid = {"error": {"code": 500, "message": "vector::_M_range_check", "type": "server_error"}}
    upstream.replace("POST", f"{ENGINE}/detokenize", status=500, json=invalid)
    assert engine.post("/detokenize", json={"tokens": [2**31 - 1]}).status_code == 400


def test_tokens_of_a_tokenizer_are_not_charged(make_client, upstream):
    client = make_client({"OPENAI_BASE_URL": f"{ROOT}/v1", "TOKENS_PER_MINUTE": "3", "HUGGINGFACE_RETRY_ATTEMPTS": "0"})
    upstream.post(f"{ROOT}/tokenize", json=VLLM)
    for number in range(5):
        assert tokenize(client, prompt=f"A long text of many words, number {number}.").status_code == 200


def test_a_repeated_list_is_replayed_by_its_idempotency_key(client, upstream):
    upstream.post(f"{ROOT}/tokenize", json=TGI)
    headers = {"Idempotency-Key": "a"}
    answers = [client.post("/tokenize", json={"inputs": "Hello world"}, headers=headers) for _ in range(2)]
    assert [answer.get_json() for answer in answers] == [TGI, TGI]
    assert len(upstream.calls) == 1
