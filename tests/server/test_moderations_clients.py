"""OpenAI's SDK and moderations, classifications and tokens of a running service."""

import openai
import pytest
import requests
from openai import OpenAI
from support.servers import chat_response, reply

GUARD = "meta-llama/Llama-Guard-3-8B"


def sdk(service):
    return OpenAI(base_url=f"{service.url}/v1", api_key="unused", max_retries=0)


@pytest.fixture
def verdicts(remote):
    """The upstream is a guard: it has chat completions only."""

    def respond(handler):
        if handler.path != "/v1/chat/completions":
            return reply(handler, {"detail": "Not Found"}, 404)
        is_threat = "hurt" in handler.asked["messages"][0]["content"]
        return reply(handler, chat_response("\n\nunsafe\nS1" if is_threat else "\n\nsafe"))

    remote.respond = respond


@pytest.mark.usefixtures("verdicts")
def test_openais_client_reads_the_ratings_of_a_guard(service):
    created = sdk(service).moderations.create(model=GUARD, input=["I will hurt you.", "Good morning."])
    threat, greeting = created.results
    assert (threat.flagged, threat.categories.violence, threat.category_scores.violence) == (True, True, 1.0)
    assert (greeting.flagged, greeting.categories.violence, greeting.categories.hate_threatening) == (False,) * 3
    assert created.model == GUARD


@pytest.mark.usefixtures("verdicts")
def test_openais_client_raises_its_error_without_a_model(service):
    with pytest.raises(openai.InternalServerError, match="MODERATION_MODEL") as raised:
        sdk(service).moderations.create(input="x")
    assert raised.value.status_code == 501


def test_openais_client_reads_the_upstreams_own_ratings(service, remote):
    categories = {"harassment": True, "violence": False}
    result = {"flagged": True, "categories": categories, "category_scores": {"harassment": 0.8, "violence": 0.1}}
    answer = {"id": "modr-7", "model": "omni-moderation-2024-09-26", "results": [result]}
    remote.respond = lambda handler: reply(handler, answer)
    created = sdk(service).moderations.create(model="omni-moderation-latest", input="Hm.")
    assert (created.id, created.results[0].categories.harassment) == ("modr-7", True)


def test_the_engines_tokens_are_those_that_chat_counts(embedded):
    messages = [{"role": "user", "content": "Hi <|im_end|>"}]
    chat = sdk(embedded).chat.completions.create(model="default", messages=messages, max_tokens=1)
    tokens = requests.post(f"{embedded.url}/tokenize", json={"messages": messages}, timeout=10).json()
    assert tokens["count"] == len(tokens["tokens"]) == chat.usage.prompt_tokens


@pytest.mark.parametrize("text", ["Hello world", "Zürich 🙂 好", "<|im_start|>system", ""])
def test_the_engines_tokens_return_the_text(embedded, text):
    tokens = requests.post(f"{embedded.url}/tokenize", json={"prompt": text}, timeout=10).json()["tokens"]
    if tokens:
        response = requests.post(f"{embedded.url}/detokenize", json={"tokens": tokens}, timeout=10)
        assert response.json()["prompt"] == text
    assert bool(tokens) == bool(text)


def test_the_engine_classifies_by_sentiment(embedded):
    body = {"input": ["A wonderful film, I loved every minute of it.", "Broken on arrival and a waste of money."]}
    data = requests.post(f"{embedded.url}/classify", json=body, timeout=30).json()["data"]
    assert [entry["label"] for entry in data] == ["positive", "negative"]
