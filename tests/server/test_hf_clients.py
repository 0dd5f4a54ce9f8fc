"""huggingface_hub's client by address: before Hugging Face's pipelines, an OpenAI-compatible server and the engine."""

from contextlib import closing, contextmanager

import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError, IncompleteGenerationError, ValidationError
from support.hf_router import RESPONSES, VECTOR, HuggingFaceRouter
from support.openai_server import OpenAIServer
from support.servers import Service

TEXT = "Ada Lovelace wrote the first program. The machine was never built. She was a mathematician."
TABLE = {"city": ["Paris"], "towers": ["5"]}


@contextmanager
def running(upstream, **settings):
    with closing(upstream):
        service = Service(HUGGINGFACE_RETRY_ATTEMPTS="0", **settings)
        service.wait_for_line("Ready on")
        yield service
        service.stop()


@pytest.fixture(scope="module")
def pipelines():
    """A service before Hugging Face."""
    router = HuggingFaceRouter()
    settings = {"HUGGINGFACE_API_KEY": "hf_x", "HUGGINGFACE_BASE_URL": router.url, "HUGGINGFACE_HUB_URL": router.url}
    with running(router, **settings, HUGGINGFACE_DEFAULT_MODEL="org/generator") as service:
        yield service


@pytest.fixture(scope="module")
def compatible():
    """A service before an OpenAI-compatible server."""
    server = OpenAIServer()
    with running(server, OPENAI_BASE_URL=f"{server.url}/v1", OPENAI_DEFAULT_MODEL="scripted") as service:
        yield service


def connect(service, path="", **options):
    return InferenceClient(service.url + path, **options)


def test_every_task_reaches_its_pipeline(pipelines):
    client = connect(pipelines)
    assert client.text_generation("One, two", max_new_tokens=1) == " five"
    [label, _] = client.text_classification(TEXT, function_to_apply="softmax")
    assert (label.label, label.score) == ("POSITIVE", 0.9)
    assert client.zero_shot_classification(TEXT, ["sea", "sky"])[0].label == "sea"
    assert client.token_classification(TEXT, aggregation_strategy="simple")[0].word == "Ada"
    assert client.translation(TEXT, src_lang="en", tgt_lang="de").translation_text == "Hallo Welt"
    assert client.question_answering(question="Who?", context=TEXT).answer == "Ada"
    assert client.table_question_answering(TABLE, "How many?").answer == "5"
    assert client.fill_mask("The [MASK].")[0].token_str == " sea"
    assert client.summarization(TEXT, clean_up_tokenization_spaces=True).summary_text == "It is a tower."
    assert client.sentence_similarity(TEXT, ["a", "b"]) == RESPONSES["sentence-similarity"]
    assert client.feature_extraction(TEXT).tolist() == pytest.approx(VECTOR)
    assert client.feature_extraction(TEXT, normalize=True).tolist() == pytest.approx(VECTOR)


@pytest.mark.parametrize("prefix", ["/models/", "/hf-inference/models/"])
def test_the_model_of_the_url_decides_a_task_that_the_body_leaves_open(pipelines, prefix):
    assert connect(pipelines, f"{prefix}facebook/bart-large-cnn").summarization(TEXT).summary_text == "It is a tower."
    assert connect(pipelines, f"{prefix}google-t5/t5-small").translation(TEXT).translation_text == "Hallo Welt"
    assert connect(pipelines, f"{prefix}org/generator").text_generation("One") == " five"
    named = connect(pipelines, f"{prefix}default/pipeline/token-classification")
    assert named.token_classification(TEXT)[0].word == "Ada"


def test_details_and_tokens_of_a_pipeline_arrive_as_they_are(pipelines):
    client = connect(pipelines)
    details = client.text_generation("One", details=True).details
    assert (details.finish_reason, details.tokens[0].id) == ("length", 7)
    first, last = client.text_generation("One", details=True, stream=True)
    assert (first.token.id, first.token.text, first.generated_text) == (7, " five", None)
    assert (last.token.special, last.generated_text, last.details.finish_reason) == (True, " five", "eos_token")


def test_operations_answer_before_another_server(compatible):
    client = connect(compatible)
    text = client.text_generation("One, two", max_new_tokens=3)
    assert text
    assert client.text_generation("One, two", max_new_tokens=3, details=True).generated_text == text
    events = list(client.text_generation("One, two", max_new_tokens=3, details=True, stream=True))
    assert events[-1].generated_text == "".join(event.token.text for event in events) == text
    assert [event.generated_text for event in events[:-1]] == [None] * (len(events) - 1)
    assert client.summarization(TEXT, clean_up_tokenization_spaces=True).summary_text
    embedded = connect(compatible, "/models/scripted-embeddings")
    assert embedded.feature_extraction(["a", "b"]).shape == (2, 8)
    assert embedded.sentence_similarity("a", ["a"]) == pytest.approx([1.0])
    messages = [{"role": "user", "content": "Hi."}]
    assert connect(compatible, "/models/scripted").chat_completion(messages).choices[0].message.content
    assert connect(compatible, provider="hf-inference").get_endpoint_info()["model_id"] == "scripted"
    assert connect(compatible, provider="hf-inference").health_check()


def test_tasks_without_an_operation_are_refused_with_the_reason(compatible):
    client = connect(compatible)
    for call in (
        lambda: client.fill_mask("The [MASK]."),
        lambda: client.question_answering(question="Who?", context=TEXT),
        lambda: client.zero_shot_classification(TEXT, ["a"]),
    ):
        with pytest.raises(HfHubHTTPError, match="has no pipeline for") as caught:
            call()
        assert caught.value.response.status_code == 501


def test_invalid_parameters_raise_the_librarys_validation_error(compatible):
    with pytest.raises(ValidationError, match="temperature"):
        connect(compatible).text_generation("One", temperature=-1)


def test_a_broken_stream_raises_and_has_no_complete_text(broken):
    client = connect(broken)
    events = client.text_generation("One", stream=True, details=True)
    first = next(events)
    assert (first.token.text, first.generated_text) == (" five", None)
    with pytest.raises(IncompleteGenerationError):
        next(events)


@pytest.fixture
def broken():
    """A service before a server whose streams end in the middle."""
    server = OpenAIServer()
    server.respond = _break
    with running(server, OPENAI_BASE_URL=f"{server.url}/v1", OPENAI_DEFAULT_MODEL="scripted") as service:
        yield service


def _break(handler):
    data = b'data: {"choices":[{"index":0,"text":" five","finish_reason":null}]}\n\n'
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def test_the_engine_generates_classifies_and_summarizes(embedded):
    client = connect(embedded)
    text = client.text_generation("One, two, three, four,", max_new_tokens=8)
    assert "five" in text
    assert client.text_generation("One, two, three, four,", max_new_tokens=8, details=True).details.tokens
    assert "".join(client.text_generation("One, two, three, four,", max_new_tokens=8, stream=True)) == text
    assert client.text_classification("I love it.", function_to_apply="softmax")[0].label == "positive"
    assert client.summarization(TEXT, clean_up_tokenization_spaces=True).summary_text
    assert client.feature_extraction("a").shape == (512,)
    scores = client.sentence_similarity("A ship.", other_sentences=["Bread.", "A boat."])
    assert scores[1] > scores[0]
