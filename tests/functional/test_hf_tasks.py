"""Hugging Face's task calls and text-generation-inference's routes, with a mocked upstream."""

import json
from hashlib import sha256

import pytest
from support.upstreams import CHAT, HUB, HUGGINGFACE, OPENAI, PIPELINE, ROUTER_CHAT, chat_response, sent, stream

COMPLETIONS = CHAT.replace("chat/completions", "completions")
EMBEDDINGS = CHAT.replace("chat/completions", "embeddings")
QUESTION = {"question": "Who?", "context": "Ada."}
SIMILARITY = {"source_sentence": "a", "sentences": ["b", "c"]}


def completion(text=" five", reason="length", **choice):
    counts = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    return {"choices": [{"index": 0, "text": text, "finish_reason": reason, **choice}], "usage": counts}


@pytest.fixture
def openai(make_app):
    return make_app(OPENAI).test_client()


@pytest.fixture
def huggingface(make_app):
    return make_app(HUGGINGFACE).test_client()


@pytest.fixture(autouse=True)
def _not_all_responses_are_sent(upstream):
    upstream.assert_all_requests_are_fired = False


def events(response):
    return [json.loads(line.removeprefix("data:")) for line in response.text.split("\n\n") if line]


def test_text_is_generated_with_the_parameters_of_the_client(openai, upstream):
    upstream.post(COMPLETIONS, json=completion())
    parameters = {"max_new_tokens": 3, "temperature": 0.5, "stop": ["x"], "repetition_penalty": 1.1, "seed": 7}
    response = openai.post("/", json={"inputs": "One", "parameters": parameters})
    assert response.get_json() == [{"generated_text": " five"}]
    assert sent(upstream) == {
        "model": "org/small",
        "prompt": "One",
        "max_tokens": 3,
        **{name: parameters[name] for name in ("temperature", "stop", "repetition_penalty", "seed")},
    }


def test_without_sampling_parameters_the_most_likely_text_is_asked_for(openai, upstream):
    upstream.post(COMPLETIONS, json=completion())
    openai.post("/generate", json={"inputs": "One"})
    assert (sent(upstream)["temperature"], sent(upstream)["max_tokens"]) == (0, 100)
    openai.post("/generate", json={"inputs": "One", "parameters": {"do_sample": True}})
    assert sent(upstream)["temperature"] == 1


def test_details_have_the_tokens_of_log_probabilities(openai, upstream):
    logprobs = {"tokens": [" five"], "token_logprobs": [-0.5], "top_logprobs": [{" five": -0.5, " six": -1.5}]}
    upstream.post(COMPLETIONS, json=completion(logprobs=logprobs))
    parameters = {"details": True, "top_n_tokens": 2, "return_full_text": True, "stop": []}
    generated = openai.post("/generate", json={"inputs": "One", "parameters": parameters}).get_json()
    token = {"id": 0, "text": " five", "logprob": -0.5, "special": False}
    assert generated["generated_text"] == "One five"
    assert generated["details"] == {
        "finish_reason": "length",
        "generated_tokens": 1,
        "seed": None,
        "prefill": [],
        "tokens": [token],
        "top_tokens": [[token, {**token, "text": " six", "logprob": -1.5}]],
    }


def test_a_list_of_inputs_has_a_list_of_texts_each(openai, upstream):
    choices = [{"index": index, "text": text, "finish_reason": "stop"} for index, text in enumerate("xy")]
    upstream.post(COMPLETIONS, json={"choices": choices})
    body = {"inputs": ["a", "b"], "parameters": {"max_new_tokens": 1, "return_full_text": True}}
    assert openai.post("/", json=body).get_json() == [[{"generated_text": "ax"}], [{"generated_text": "by"}]]


def test_a_grammar_is_a_response_format(openai, upstream):
    upstream.post(CHAT, json=chat_response("{}"))
    grammar = {"type": "json", "value": {"type": "object"}}
    response = openai.post("/generate", json={"inputs": "One", "parameters": {"grammar": grammar}})
    assert response.get_json() == {"generated_text": "{}"}
    assert sent(upstream)["response_format"]["json_schema"]["schema"] == {"type": "object"}


@pytest.mark.parametrize(
    "parameters",
    [
        {"truncate": 5},
        {"watermark": True},
        {"adapter_id": "x"},
        {"decoder_input_details": True},
        {"grammar": {"type": "regex", "value": "a"}},
        {"grammar": {"type": "json", "value": {}}, "top_n_tokens": 1},
    ],
)
def test_parameters_without_a_counterpart_are_not_supported(openai, parameters):
    response = openai.post("/generate", json={"inputs": "One", "parameters": parameters})
    assert (response.status_code, response.get_json()["type"]) == (501, "not_supported")


def test_a_stream_has_an_event_for_each_token_and_the_text_at_the_end(openai, upstream):
    chunks = [completion(" fi", None), completion("ve", None), completion("", "stop")]
    upstream.post(COMPLETIONS, body=stream(chunks), content_type="text/event-stream")
    parameters = {"details": True, "seed": 5, "return_full_text": True}
    response = openai.post("/", json={"inputs": "One", "parameters": parameters, "stream": True})
    *tokens, last = events(response)
    assert response.mimetype == "text/event-stream"
    assert [(event["index"], event["token"]["text"], event["generated_text"]) for event in tokens] == [
        (1, " fi", None),
        (2, "ve", None),
    ]
    assert last["token"] == {"id": 0, "text": "", "logprob": None, "special": True}
    assert last["generated_text"] == "One five"
    assert last["details"] == {"finish_reason": "eos_token", "generated_tokens": 1, "seed": 5, "input_length": 3}


def test_chunks_of_other_choices_are_no_part_of_the_text(openai, upstream):
    other = {"choices": [{"index": 1, "text": "six", "finish_reason": "stop"}]}
    chunks = [completion(" five", None), other, completion("", "stop")]
    upstream.post(COMPLETIONS, body=stream(chunks), content_type="text/event-stream")
    response = openai.post("/generate_stream", json={"inputs": "One"})
    assert [event["generated_text"] for event in events(response)] == [None, " five"]


def test_a_broken_stream_ends_with_an_error(openai, upstream):
    upstream.post(
        COMPLETIONS, body=f"data: {json.dumps(completion(' fi', None))}\n\n", content_type="text/event-stream"
    )
    first, last = events(openai.post("/generate_stream", json={"inputs": "One"}))
    assert first["generated_text"] is None
    assert (last["error_type"], last["type"]) == ("incomplete_generation", "upstream_invalid_response")


@pytest.mark.parametrize(
    ("body", "model"),
    [
        ({"inputs": "a", "parameters": {"candidate_labels": ["b"]}}, "facebook/bart-large-mnli"),
        ({"inputs": QUESTION}, "deepset/roberta-base-squad2"),
        (QUESTION, "deepset/roberta-base-squad2"),
        ({"inputs": [QUESTION], "parameters": {"top_k": 1}}, "deepset/roberta-base-squad2"),
        ({"inputs": {"table": {"a": ["b"]}, "query": "c"}}, "google/tapas-base-finetuned-wtq"),
        ({"inputs": "a <mask>"}, "google-bert/bert-base-uncased"),
        ({"inputs": "a", "parameters": {"src_lang": "b"}}, "google-t5/t5-small"),
        ({"inputs": "a", "parameters": {"aggregation_strategy": "none"}}, "dslim/bert-base-NER"),
        ({"inputs": "a", "parameters": {"min_length": 1}}, "facebook/bart-large-cnn"),
        (
            {"inputs": "a", "parameters": {"function_to_apply": "none"}},
            "cardiffnlp/twitter-roberta-base-sentiment-latest",
        ),
        (
            {"inputs": {"text": "a", "text_pair": "b"}},
            "cardiffnlp/twitter-roberta-base-sentiment-latest",
        ),
        ({"inputs": SIMILARITY}, "sentence-transformers/all-MiniLM-L6-v2/pipeline/sentence-similarity"),
        ({"inputs": ["a"]}, "sentence-transformers/all-MiniLM-L6-v2/pipeline/feature-extraction"),
        ({"inputs": "a", "normalize": True}, "sentence-transformers/all-MiniLM-L6-v2/pipeline/feature-extraction"),
    ],
)
def test_the_form_of_the_body_decides_the_task(huggingface, upstream, body, model):
    upstream.post(PIPELINE + model, json={"error": "stop here"}, status=400)
    assert huggingface.post("/", json=body).get_json()["type"] == "upstream_rejected"
    expected = body if "inputs" in body else {"inputs": body}
    assert sent(upstream) == expected


def test_a_response_of_another_task_never_reaches_the_client(huggingface, upstream):
    url = PIPELINE + "org/model"
    upstream.post(url, json=[{"generated_text": "secret"}])
    response = huggingface.post("/models/org/model/pipeline/text-classification", json={"inputs": "a"})
    assert (response.status_code, response.get_json()["type"]) == (502, "upstream_invalid_response")


def test_a_model_without_a_pipeline_for_text_is_asked_by_chat(huggingface, upstream):
    upstream.get(HUB + "org/model", json={"id": "org/model", "pipeline_tag": "text-generation"})
    upstream.post(ROUTER_CHAT, json=chat_response("Hi."))
    for path in ("/models/org/model", "/hf-inference/models/org/model/"):
        assert huggingface.post(path, json={"inputs": "a"}).get_json() == [{"generated_text": "Hi."}]


def test_a_dedicated_endpoint_gets_the_body_at_its_root(make_app, upstream):
    url = "https://x.eu-west-1.aws.endpoints.huggingface.cloud"
    upstream.post(f"{url}/", json=[{"label": "A", "score": 0.5}])
    client = make_app(HUGGINGFACE, HUGGINGFACE_BASE_URL=url).test_client()
    body = {"inputs": "a", "parameters": {"other": 1}}
    assert client.post("/", json=body).get_json() == [{"label": "A", "score": 0.5}]
    assert sent(upstream) == body


def test_the_setting_decides_an_open_task(make_app, upstream):
    upstream.post(CHAT, json=chat_response("It is short."))
    client = make_app(OPENAI, HUGGINGFACE_TASK="summarization").test_client()
    body = {"inputs": "A long text. It goes on.", "parameters": {}}
    assert client.post("/", json=body).get_json() == [{"summary_text": "It is short."}]


def test_an_open_task_of_the_javascript_library_is_refused_with_advice(openai):
    headers = {"User-Agent": "@huggingface/inference/4.13.30"}
    response = openai.post("/", json={"inputs": "a"}, headers=headers)
    assert response.status_code == 400
    assert "/models/default/pipeline/" in response.get_json()["error"]


def test_features_and_similarities_come_from_embeddings(openai, upstream):
    vectors = [[3.0, 4.0], [3.0, 4.0], [0.0, 0.0]]
    data = [{"index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    upstream.post(EMBEDDINGS, json={"data": data})
    assert openai.post("/", json={"inputs": SIMILARITY}).get_json() == pytest.approx([1.0, 0.0])
    body = {"inputs": ["a", "b", "c"], "normalize": True}
    assert openai.post("/", json=body).get_json() == [[0.6, 0.8], [0.6, 0.8], [0.0, 0.0]]
    refused = openai.post("/", json={"inputs": "a", "prompt_name": "query"})
    assert refused.status_code == 501


def test_labels_are_sorted_and_cut(openai, upstream):
    upstream.post(CHAT, json=chat_response("positive"))
    path = "/models/default/pipeline/text-classification"
    [[label]] = openai.post(path, json={"inputs": "a", "parameters": {"top_k": 1}}).get_json()
    assert label["label"] == "positive"
    assert len(openai.post(path, json={"inputs": ["a", "b"]}).get_json()) == 2
    for body in ({"inputs": "a", "parameters": {"function_to_apply": "none"}}, {"inputs": [["a", "b"]]}):
        assert openai.post(path, json=body).status_code == 501


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", {}),
        ("/", {"inputs": ""}),
        ("/", {"inputs": 5}),
        ("/", {"inputs": "a\x00"}),
        ("/", {"inputs": {"question": "a\x00", "context": "b"}}),
        ("/", {"inputs": "a", "parameters": 5}),
        ("/", {"inputs": "a", "parameters": {"max_new_tokens": 0}}),
        ("/", {"inputs": "a", "parameters": {"candidate_labels": []}}),
        ("/", {"inputs": "a", "parameters": {"min_length": 9, "max_length": 5}}),
        ("/", {"inputs": "a", "parameters": {"max_length": "5"}}),
        ("/", {"inputs": ["a"], "parameters": {"seed": 1}, "stream": True}),
        ("/generate", {"inputs": ["a"]}),
        ("/generate_stream", {"inputs": "a", "parameters": {"best_of": 2}}),
        ("/generate_stream", {"inputs": "a", "parameters": {"decoder_input_details": True}}),
        ("/models/default/pipeline/nothing", {"inputs": "a"}),
        ("/models/default/pipeline/question-answering", {"inputs": "a"}),
        ("/models/default/pipeline/sentence-similarity", {"inputs": {"source_sentence": "a", "sentences": []}}),
        ("/models/default/pipeline/table-question-answering", {"inputs": {"table": {}}}),
        ("/models/default/pipeline/table-question-answering", {"inputs": {"query": "a"}}),
        ("/models/default/pipeline/text-classification", {"inputs": {"a": "b"}}),
        ("/models/default/pipeline/fill-mask", {"inputs": {"a": "b"}}),
        ("/models/..", {"inputs": "a"}),
    ],
)
def test_bad_input_is_refused_before_any_backend(openai, path, body):
    response = openai.post(path, json=body)
    assert (response.status_code, response.get_json()["error_type"]) == (400, "validation")
    assert response.headers["X-Error-Message"]


@pytest.mark.parametrize(
    ("operations", "allowed"),
    [
        ("sentiment", "text-classification"),
        ("complete", "text-generation"),
        ("embeddings", "feature-extraction"),
        ("summarize", "summarization"),
    ],
)
def test_a_key_may_run_the_tasks_of_its_operations_only(make_app, upstream, operations, allowed):
    key = f"team:{sha256(b'x').hexdigest()} operations={operations}"
    client = make_app(OPENAI, API_KEYS=key).test_client()
    headers = {"Authorization": "Bearer x"}
    names = ("text-classification", "text-generation", "feature-extraction", "summarization", "translation")
    for task in names:
        response = client.post(f"/models/default/pipeline/{task}", json={"inputs": "a"}, headers=headers)
        assert (response.status_code == 403) == (task != allowed), task


def test_tokens_of_a_task_count_for_the_limit_of_its_client(make_app, upstream):
    upstream.post(COMPLETIONS, json=completion())
    key = f"team:{sha256(b'x').hexdigest()} tokens_per_day=50"
    client = make_app(OPENAI, API_KEYS=key).test_client()
    headers = {"Authorization": "Bearer x"}
    asked = {"inputs": "One two three", "parameters": {"max_new_tokens": 40}}
    assert client.post("/", json=asked, headers=headers).status_code == 200
    refused = client.post("/", json={**asked, "parameters": {"max_new_tokens": 60}}, headers=headers)
    assert (refused.status_code, refused.get_json()["error_type"]) == (429, "overloaded")


def test_a_model_that_loads_has_an_estimated_time(huggingface, upstream):
    upstream.post(PIPELINE + "dslim/bert-base-NER", json={"error": "loading", "estimated_time": 20.0}, status=503)
    response = huggingface.post("/models/default/pipeline/ner", json={"inputs": "a"})
    assert (response.status_code, response.get_json()["estimated_time"]) == (503, 20.0)


def test_a_list_has_no_place_for_the_timeline(openai, upstream):
    upstream.post(COMPLETIONS, json=completion())
    assert isinstance(openai.post("/", json={"inputs": "a"}, headers={"X-AI-Debug": "1"}).get_json(), list)


def test_info_names_the_default_model_and_the_limits(openai):
    info = openai.get("/info").get_json()
    assert (info["model_id"], info["model_pipeline_tag"]) == ("org/small", "text-generation")
    assert info["max_total_tokens"] > info["max_input_tokens"] > 0


TOKEN = {"id": 7, "text": " five", "logprob": -0.5, "special": False}
DETAILS = {"finish_reason": "length", "generated_tokens": 1, "seed": None, "prefill": [{"id": 1}], "tokens": [TOKEN]}


@pytest.fixture
def generator(upstream):
    """Announce a model with a pipeline for text."""
    mapping = {"hf-inference": {"status": "live", "task": "text-generation"}}
    upstream.get(HUB + "org/text", json={"id": "org/text", "pipeline_tag": "text-generation", **_mapping(mapping)})
    return "/models/org/text"


def _mapping(mapping):
    return {"inferenceProviderMapping": mapping}


def test_a_pipeline_for_text_gets_all_parameters_and_its_response_comes_back(huggingface, upstream, generator):
    generated = [{"generated_text": " five", "details": DETAILS}]
    upstream.post(PIPELINE + "org/text", json=generated)
    parameters = {"decoder_input_details": True, "details": True, "truncate": 9, "stop": ["x"], "other": 1}
    response = huggingface.post(generator, json={"inputs": "One", "parameters": parameters})
    assert response.get_json() == generated
    assert sent(upstream) == {"inputs": "One", "parameters": {**parameters, "max_new_tokens": 100}}
    assert huggingface.post("/generate", json={"inputs": "One", "model": "org/text"}).get_json() == generated[0]


def test_a_list_for_a_pipeline_for_text_is_counted_by_its_texts(huggingface, upstream, generator):
    generated = [[{"generated_text": "x"}], [{"generated_text": "y"}]]
    upstream.post(PIPELINE + "org/text", json=generated)
    body = {"inputs": ["a", "b"], "parameters": {"max_new_tokens": 1}}
    assert huggingface.post(generator, json=body).get_json() == generated


def test_tokens_of_a_pipelines_stream_keep_their_numbers(huggingface, upstream, generator):
    top = [{"id": 9, "text": " six", "logprob": -2.0, "special": False}]
    lines = [
        {"index": 1, "token": TOKEN, "top_tokens": top, "generated_text": None, "details": None},
        {
            "index": 2,
            "token": {**TOKEN, "text": "</s>", "special": True},
            "generated_text": " five",
            "details": DETAILS,
        },
    ]
    body = "".join(f"data:{json.dumps(line)}\n\n" for line in lines)
    upstream.post(PIPELINE + "org/text", body=body, content_type="text/event-stream")
    asked = {"inputs": "One", "parameters": {"top_n_tokens": 1}, "stream": True}
    first, last = events(huggingface.post(generator, json=asked))
    assert first == {"index": 1, "token": TOKEN, "top_tokens": top, "generated_text": None, "details": None}
    assert (last["token"], last["generated_text"]) == ({**TOKEN, "text": "</s>", "special": True}, " five")


def test_a_pipeline_that_is_gone_is_replaced_by_chat(huggingface, upstream, generator):
    upstream.post(PIPELINE + "org/text", json={"error": "Model org/text does not exist"}, status=404)
    upstream.post(ROUTER_CHAT, json=chat_response("Hi."))
    assert huggingface.post(generator, json={"inputs": "One"}).get_json() == [{"generated_text": "Hi."}]


def test_a_model_that_is_gone_is_not_found(huggingface, upstream):
    upstream.post(PIPELINE + "org/model", status=404)
    response = huggingface.post("/models/org/model/pipeline/ner", json={"inputs": "a"})
    assert (response.status_code, response.get_json()["type"]) == (404, "model_not_found")


def test_a_model_of_a_backend_without_settings_is_not_found(huggingface):
    assert huggingface.post("/models/openai:x", json={"inputs": "a"}).status_code == 404


def test_without_the_hub_a_model_decides_its_task_itself(huggingface, upstream):
    upstream.get(HUB + "org/model", status=500)
    upstream.post(PIPELINE + "org/model", json=[{"generated_text": "x"}])
    response = huggingface.post("/models/org/model", json={"inputs": "a", "options": {"wait_for_model": True}})
    assert response.get_json() == [{"generated_text": "x"}]
    assert sent(upstream) == {"inputs": "a"}


@pytest.mark.parametrize(
    ("task", "inputs", "payload"),
    [
        ("feature-extraction", "a", [0.5]),
        ("feature-extraction", "a", "AAAAPw=="),
        ("feature-extraction", "a", [[[0.5]]]),
        ("feature-extraction", "a", {"embeddings": [[0.5]]}),
        ("sentence-similarity", SIMILARITY, {"similarities": [0.5]}),
        ("zero-shot-classification", "a", {"sequence": "a", "labels": ["b"], "scores": [0.5]}),
        ("zero-shot-classification", "a", [{"label": "b", "score": 0.5}]),
        ("token-classification", "a", []),
        ("fill-mask", "a", [[{"sequence": "a", "score": 0.5}]]),
        ("translation", "a", [{"translation_text": "b"}]),
        ("translation_en_to_de", "a", [{"translation_text": "b"}]),
        ("text-ranking", "a", [{"index": 0, "score": 0.5}]),
    ],
)
def test_every_shape_of_a_task_comes_back_as_it_is(huggingface, upstream, task, inputs, payload):
    suffix = f"/pipeline/{task}" if task in ("feature-extraction", "sentence-similarity") else ""
    upstream.post(f"{PIPELINE}org/model{suffix}", json=payload)
    body = {"inputs": inputs, "parameters": {"candidate_labels": "b,c"}}
    assert huggingface.post(f"/pipeline/{task}/org/model", json=body).get_json() == payload


@pytest.mark.parametrize(
    ("task", "payload"),
    [
        ("feature-extraction", [["a"], None]),
        ("feature-extraction", {"x": 1}),
        ("feature-extraction", [[[[[0.5]]]]]),
        ("zero-shot-classification", {"labels": "a"}),
        ("fill-mask", [{"score": 2}]),
        ("translation", "a"),
        ("token-classification", [5]),
    ],
)
def test_a_shape_of_no_task_is_an_invalid_response(huggingface, upstream, task, payload):
    suffix = f"/pipeline/{task}" if task == "feature-extraction" else ""
    upstream.post(f"{PIPELINE}org/model{suffix}", json=payload)
    body = {"inputs": "a", "parameters": {"candidate_labels": ["b"]}}
    assert huggingface.post(f"/models/org/model/pipeline/{task}", json=body).status_code == 502


def test_best_of_goes_to_the_backend(openai, upstream):
    upstream.post(COMPLETIONS, json=completion())
    openai.post("/generate", json={"inputs": "One", "parameters": {"best_of": 2, "temperature": 1}})
    assert sent(upstream)["best_of"] == 2


@pytest.mark.parametrize(
    ("logprobs", "texts"),
    [
        ({"content": [{"token": " fi", "logprob": -1, "id": 3}, {"token": "ve", "logprob": -2}]}, [" fi", "ve"]),
        ({"tokens": [" f"], "token_logprobs": [], "top_logprobs": [None]}, [" five"]),
        ({"tokens": [" f", "i"]}, [" five"]),
        (5, [" five"]),
    ],
)
def test_tokens_of_a_chunk_always_have_its_text(openai, upstream, logprobs, texts):
    chunks = [completion(reason=None, logprobs=logprobs), completion("", "length")]
    upstream.post(COMPLETIONS, body=stream(chunks), content_type="text/event-stream")
    *tokens, last = events(openai.post("/generate_stream", json={"inputs": "One"}))
    assert [event["token"]["text"] for event in tokens] == texts
    assert last["generated_text"] == " five"


def test_the_list_of_inputs_of_a_grammar_and_an_empty_label_are_refused(openai):
    grammar = {"type": "json", "value": {}}
    body = {"inputs": ["a", "b"], "parameters": {"grammar": grammar, "max_new_tokens": 1}}
    assert openai.post("/", json=body).status_code == 501
    assert openai.post("/models/default/pipeline/zero-shot-classification", json={"inputs": "a"}).status_code == 400


@pytest.mark.parametrize("inputs", [{"question": "a", "context": "b"}, "a <mask>", {"unknown": "a"}])
def test_a_task_without_an_operation_is_refused_with_the_reason(openai, inputs):
    path = "/" if isinstance(inputs, str) or "question" in inputs else "/models/default/pipeline/text-ranking"
    response = openai.post(path, json={"inputs": inputs})
    assert (response.status_code, response.get_json()["type"]) == (501, "not_supported")
    assert "has no pipeline for" in response.get_json()["error"]


def test_inputs_of_no_known_form_are_refused(openai):
    assert openai.post("/", json={"inputs": {"unknown": "a"}}).status_code == 400


def test_an_encoded_vector_is_not_normalized(openai, upstream):
    upstream.post(EMBEDDINGS, json={"data": [{"index": 0, "embedding": [3.0, 4.0]}]})
    body = {"inputs": "a", "normalize": True, "encoding_format": "base64"}
    assert isinstance(openai.post("/", json=body).get_json(), str)


def test_the_end_of_a_text_that_the_upstream_cut_is_sent(openai, upstream):
    upstream.post(COMPLETIONS, body=stream([completion(" five", None)]), content_type="text/event-stream")
    *_, last = events(openai.post("/generate_stream", json={"inputs": "One"}))
    assert last["generated_text"] == " five"
