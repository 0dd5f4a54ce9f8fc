"""Anthropic's SDK against the real server: with the embedded engine, and with a scripted upstream."""

import asyncio
import json
import threading
from contextlib import closing
from hashlib import sha256

import anthropic
import pytest
import requests
from anthropic import Anthropic, AsyncAnthropic, beta_tool
from support.openai_server import OpenAIServer
from support.servers import Service, Upstream, until

LONG_SECONDS = 20
KEY = "x"
KEYS = {"API_KEYS": f"client:{sha256(KEY.encode()).hexdigest()}", "HUGGINGFACE_RETRY_ATTEMPTS": "0"}
QUESTION = [{"role": "user", "content": "Please say hello."}]
WEATHER = [{"role": "user", "content": "What is the weather in 'Paris'?"}]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"name": "get_weather", "description": "The weather of a city.", "input_schema": CITY}


@pytest.fixture(scope="module")
def scripted():
    """A service before an upstream whose model obeys."""
    with closing(OpenAIServer()) as upstream:
        service = Service(OPENAI_BASE_URL=f"{upstream.url}/v1", OPENAI_DEFAULT_MODEL="scripted", **KEYS)
        until(service.is_ready)
        yield service
        service.stop()


@pytest.fixture
def client(scripted):
    with Anthropic(base_url=scripted.url, api_key=KEY, max_retries=0) as client:
        yield client


def test_a_message_is_created_with_either_header_of_a_key(scripted, client):
    with Anthropic(base_url=scripted.url, auth_token=KEY, api_key=None, max_retries=0) as by_token:
        for one in (client, by_token):
            message = one.messages.create(model="scripted", max_tokens=50, messages=QUESTION, system="Be brief.")
            assert message.content[0].text == "You said: Please say hello."
            assert message.stop_reason == "end_turn"
            assert message._request_id


def test_the_helper_of_streams_adds_up_to_the_message(client):
    with client.messages.stream(model="scripted", max_tokens=50, messages=QUESTION) as stream:
        texts = list(stream.text_stream)
        message = stream.get_final_message()
    assert len(texts) > 1
    assert "".join(texts) == message.content[0].text == "You said: Please say hello."
    assert message.usage.input_tokens == 3
    events = client.messages.create(model="scripted", max_tokens=50, messages=QUESTION, stream=True)
    assert [event.type for event in events][-2:] == ["message_delta", "message_stop"]


def test_a_loop_of_tools_ends_with_their_result(client):
    @beta_tool
    def get_weather(city: str) -> str:
        """Get the weather of a city."""
        return f"sunny in {city}"

    for streamed in (False, True):
        runner = client.beta.messages.tool_runner(
            model="scripted", max_tokens=50, messages=WEATHER, tools=[get_weather], stream=streamed
        )
        messages = [turn.get_final_message() if streamed else turn for turn in runner]
        assert messages[0].content[0].input == {"city": "Paris"}
        assert [message.stop_reason for message in messages] == ["tool_use", "end_turn"]
        assert messages[-1].content[-1].text == "The tool says: sunny in Paris"


def test_a_forced_tool_is_called(client):
    choice = {"type": "tool", "name": "get_weather"}
    message = client.messages.create(
        model="scripted", max_tokens=50, messages=WEATHER, tools=[TOOL], tool_choice=choice
    )
    assert [(block.name, block.input) for block in message.content] == [("get_weather", {"city": "Paris"})]


def test_a_schema_is_filled(client):
    format_ = {"type": "json_schema", "schema": CITY}
    message = client.messages.create(
        model="scripted", max_tokens=50, messages=WEATHER, output_config={"format": format_}
    )
    assert json.loads(message.content[0].text) == {"city": "Paris"}


def test_the_asynchronous_client_streams_and_counts(scripted):
    async def ask():
        async with AsyncAnthropic(base_url=scripted.url, api_key=KEY, max_retries=0) as client:
            count = await client.messages.count_tokens(model="scripted", messages=QUESTION, tools=[TOOL])
            async with client.messages.stream(model="scripted", max_tokens=50, messages=QUESTION) as stream:
                return count.input_tokens, [text async for text in stream.text_stream]

    tokens, texts = asyncio.run(ask())
    assert tokens > 10
    assert "".join(texts) == "You said: Please say hello."


@pytest.mark.parametrize(
    ("key", "fields", "error", "code"),
    [
        ("wrong", {}, anthropic.AuthenticationError, "authentication_error"),
        (KEY, {"model": "no-such"}, anthropic.NotFoundError, "model_not_found"),
        (KEY, {"max_tokens": -1}, anthropic.BadRequestError, "validation_error"),
        (KEY, {"messages": [{"role": "user", "content": "x" * 2**24}]}, anthropic.APIStatusError, "payload_too_large"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True], ids=["complete", "streamed"])
def test_errors_raise_the_exception_for_their_status(scripted, key, fields, error, code, streamed):
    with Anthropic(base_url=scripted.url, api_key=key, max_retries=0) as client:
        request = {"model": "scripted", "max_tokens": 5, "messages": QUESTION, "stream": streamed, **fields}
        with pytest.raises(error) as caught:
            client.messages.create(**request)
    assert caught.value.error_code == code
    assert caught.value.request_id == caught.value.body["request_id"]


def test_a_stream_that_breaks_raises_after_its_texts(start):
    def respond(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        chunk = {"choices": [{"index": 0, "delta": {"content": "one"}}]}
        handler.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())

    with closing(Upstream()) as upstream:
        upstream.respond = respond
        service = start(OPENAI_BASE_URL=f"{upstream.url}/v1", OPENAI_DEFAULT_MODEL="org/small")
        with Anthropic(base_url=service.url, api_key=KEY, max_retries=0) as client:
            texts = []
            with (
                pytest.raises(anthropic.APIStatusError) as caught,
                client.messages.stream(model="org/small", max_tokens=5, messages=QUESTION) as stream,
            ):
                texts.extend(stream.text_stream)
    assert texts == ["one"]
    assert (caught.value.type, caught.value.error_code) == ("api_error", "upstream_invalid_response")


def test_the_engine_answers_streams_and_counts(embedded):
    with Anthropic(base_url=embedded.url, api_key=KEY, max_retries=0) as client:
        request = {"model": "default", "messages": QUESTION}
        greedy = {**request, "max_tokens": 8, "extra_body": {"temperature": 0}}
        message = client.messages.create(**greedy)
        with client.messages.stream(**greedy) as stream:
            assert stream.get_final_message().content[0].text == message.content[0].text != ""
        assert client.messages.count_tokens(**request).input_tokens == message.usage.input_tokens


def test_pings_are_sent_while_no_chunk_arrives(start):
    pinged = threading.Event()

    def respond(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        for delta, reason in (({"content": "one"}, None), ({}, "stop")):
            chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
            handler.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            assert pinged.wait(LONG_SECONDS)

    with closing(Upstream()) as upstream:
        upstream.respond = respond
        service = start(OPENAI_BASE_URL=f"{upstream.url}/v1", OPENAI_DEFAULT_MODEL="m", STREAM_HEARTBEAT="100ms")
        body = {"max_tokens": 5, "messages": QUESTION, "stream": True}
        with requests.post(f"{service.url}/v1/messages", json=body, stream=True, timeout=LONG_SECONDS) as response:
            names = []
            for line in response.iter_lines(chunk_size=1):
                if line.startswith(b"event: "):
                    names.append(line.removeprefix(b"event: "))
                if names.count(b"ping") == 3:
                    pinged.set()
    assert names[-1] == b"message_stop"
