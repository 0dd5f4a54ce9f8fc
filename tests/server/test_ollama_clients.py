"""Ollama's client against the real server: before the scripted upstream, and on the embedded engine."""

import asyncio
import json
from contextlib import closing
from hashlib import sha256

import pytest
from ollama import AsyncClient, Client, ResponseError
from support.chaos import says
from support.openai_server import OpenAIServer
from support.servers import Service

KEY = "x"
HELLO = [{"role": "user", "content": "Please say hello."}]
WEATHER = [{"role": "user", "content": "What is the weather in 'Paris'?"}]
PERSON = [{"role": "user", "content": "Give me a person named 'Ada', aged 36."}]
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
ADA = {"name": "Ada", "age": 36}
ANSWER = "You said: Please say hello."
GREEDY = {"temperature": 0, "num_predict": 8}


def get_weather(city: str) -> str:
    """Get the weather of a city.

    Args:
        city: The name of the city.
    """
    return f"sunny in {city}"


@pytest.fixture(scope="module")
def url():
    with closing(OpenAIServer()) as upstream:
        keys = f"client:{sha256(KEY.encode()).hexdigest()}"
        settings = {"OPENAI_DEFAULT_MODEL": "scripted", "API_KEYS": keys, "HUGGINGFACE_RETRY_ATTEMPTS": "0"}
        service = Service(OPENAI_BASE_URL=f"{upstream.url}/v1", **settings)
        service.wait_for_line("Ready on")
        yield service.url
        service.stop()


@pytest.fixture
def client(url):
    with Client(host=url, headers={"Authorization": f"Bearer {KEY}"}) as client:
        yield client


def joined(parts):
    parts = list(parts)
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    return "".join(part.message.content if "message" in part else part.response for part in parts)


def test_chat_is_answered_complete_and_streamed(client):
    whole = client.chat("scripted:latest", HELLO)
    assert (whole.message.content, whole.done_reason) == (ANSWER, "stop")
    assert whole.prompt_eval_count == 3
    assert joined(client.chat("scripted", HELLO, stream=True)) == ANSWER


def test_a_prompt_is_answered_complete_and_streamed(client):
    whole = client.generate("scripted", "Please say hello.", system="Be kind.", options={"num_predict": 2})
    assert (whole.response, whole.done_reason) == ("You said:", "length")
    assert joined(client.generate("scripted", "Please say hello.", stream=True)) == ANSWER


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_called_and_their_results_are_read(client, stream):
    answer = client.chat("scripted", WEATHER, tools=[get_weather], stream=stream)
    messages = [part.message for part in answer] if stream else [answer.message]
    [asked] = [message for message in messages if message.tool_calls]
    [call] = asked.tool_calls
    assert (call.function.name, call.function.arguments) == ("get_weather", {"city": "Paris"})
    result = {"role": "tool", "tool_name": "get_weather", "content": get_weather(**call.function.arguments)}
    assert "sunny in Paris" in client.chat("scripted", [*WEATHER, asked, result], tools=[get_weather]).message.content


def test_a_response_fits_a_schema(client):
    assert json.loads(client.chat("scripted", PERSON, format=SCHEMA).message.content) == ADA
    assert json.loads(client.generate("scripted", PERSON[0]["content"], format=SCHEMA).response) == ADA


def test_texts_become_vectors(client):
    assert len(client.embed("scripted-embeddings", ["a", "b"]).embeddings) == 2
    assert len(client.embed("scripted-embeddings", "a", dimensions=4).embeddings[0]) == 4
    assert len(client.embeddings("scripted-embeddings", "a").embedding) == 8


def test_models_are_listed_and_described(client):
    assert "scripted" in [one.model for one in client.list().models]
    assert "tools" in client.show("scripted:latest").capabilities


def test_an_empty_request_loads_a_model(client):
    assert client.chat("scripted").done_reason == "load"
    assert client.generate("scripted", keep_alive=0).done_reason == "unload"


def test_the_asynchronous_client_is_answered(url):
    async def ask():
        async with AsyncClient(host=url, headers={"Authorization": f"Bearer {KEY}"}) as client:
            parts = [part async for part in await client.chat("scripted", HELLO, stream=True)]
            return joined(parts), (await client.chat("scripted", HELLO)).message.content

    assert asyncio.run(ask()) == (ANSWER, ANSWER)


def test_the_key_of_the_environment_is_accepted(url, monkeypatch):
    monkeypatch.setenv("OLLAMA_API_KEY", KEY)
    monkeypatch.setenv("OLLAMA_HOST", url)
    with Client() as client:
        assert client.chat("scripted", HELLO).message.content == ANSWER


def test_a_missing_key_raises_the_clients_own_exception(url):
    with Client(host=url) as client, pytest.raises(ResponseError) as caught:
        client.chat("scripted", HELLO)
    assert caught.value.status_code == 401


def test_errors_raise_the_clients_own_exception(client):
    failing = {
        404: lambda: client.chat("nope", HELLO),
        400: lambda: client.chat("scripted", HELLO, options={"temperature": "hot"}),
        501: lambda: client.generate("scripted", "a", suffix="b"),
    }
    for status, call in failing.items():
        with pytest.raises(ResponseError) as caught:
            call()
        assert caught.value.status_code == status
        assert not caught.value.error.startswith("{")
    for call in (lambda: client.pull("x"), lambda: list(client.chat("nope", HELLO, stream=True))):
        with pytest.raises(ResponseError) as caught:
            call()
        assert caught.value.status_code == 404


def test_the_embedded_engine_answers(embedded):
    with Client(host=embedded.url) as client:
        assert joined(client.chat("default", HELLO, stream=True, options=GREEDY))
        assert client.generate("default:latest", "Say hello.", options=GREEDY, think=False).eval_count == 8
        person = client.chat(
            "default", PERSON, format=SCHEMA, options={"temperature": 0, "num_predict": 60}
        ).message.content
        assert json.loads(person).keys() == ADA.keys()
        assert client.list().models
        assert client.show(client.list().models[0].model).capabilities == ["completion"]


def test_a_stream_that_breaks_raises_the_clients_exception(start_with, chaos):
    event = b'data: {"choices": [{"index": 0, "delta": {"content": "Hel"}}]}\n\n'
    chaos.play([says(event, Content_Type="text/event-stream")])
    with Client(host=start_with(OPENAI_DEFAULT_MODEL="m").url) as client:
        parts = client.chat("m", HELLO, stream=True)
        first = next(parts)
        assert (first.message.content, first.done) == ("Hel", False)
        with pytest.raises(ResponseError):
            next(parts)
