"""OpenAI's SDK on the Responses API, against the real server: with the embedded engine, and with scripted upstreams."""

import asyncio
import json
from contextlib import closing

import openai
import pytest
import requests
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel
from support.openai_server import OpenAIServer
from support.servers import Service, Upstream, until

LONG_SECONDS = 20
MODEL = "scripted"
QUESTION = "Please say hello."
ECHO = f"You said: {QUESTION}"
WEATHER = "What is the weather in 'Paris'?"
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "name": "get_weather", "parameters": PARAMETERS, "strict": True}
PATCH = {"type": "custom", "name": "apply_patch", "description": "Apply a patch."}


class Person(BaseModel):
    name: str
    age: int


@pytest.fixture(scope="module")
def scripted():
    """A service before an upstream whose model obeys, and which has chat completions only."""
    with closing(OpenAIServer()) as upstream:
        settings = {"OPENAI_BASE_URL": f"{upstream.url}/v1", "OPENAI_RESPONSES": "translate"}
        service = Service(**settings, OPENAI_DEFAULT_MODEL=MODEL, HUGGINGFACE_RETRY_ATTEMPTS="0")
        until(service.is_ready)
        yield service
        service.stop()


@pytest.fixture
def client(scripted):
    with OpenAI(base_url=f"{scripted.url}/v1", api_key="x", max_retries=0) as client:
        yield client


@pytest.fixture
def local(embedded):
    """OpenAI's client, connected to the service with the embedded engine."""
    with OpenAI(base_url=f"{embedded.url}/v1", api_key="x", max_retries=0) as client:
        yield client


def texts(events):
    return [event.delta for event in events if event.type == "response.output_text.delta"]


def test_a_response_is_created(client):
    response = client.responses.create(model=MODEL, input=QUESTION, instructions="Be brief.", store=True)
    assert (response.output_text, response.status, response.instructions) == (ECHO, "completed", "Be brief.")
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 0
    cut = client.responses.create(model=MODEL, input=QUESTION, max_output_tokens=2)
    assert (cut.status, cut.incomplete_details.reason) == ("incomplete", "max_output_tokens")


def test_a_stream_has_numbered_events_and_adds_up_to_the_response(client):
    events = list(client.responses.create(model=MODEL, input=QUESTION, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(texts(events)) == events[-1].response.output_text == ECHO
    assert len(texts(events)) > 1
    with client.responses.stream(model=MODEL, input=QUESTION) as stream:
        assert "".join(texts(stream)) == ECHO
    assert stream.get_final_response().output_text == ECHO


def test_a_stream_arrives_as_raw_events_without_done(scripted):
    body = {"model": MODEL, "input": QUESTION, "stream": True}
    text = requests.post(f"{scripted.url}/v1/responses", json=body, timeout=LONG_SECONDS).text
    blocks = text.removesuffix("\n\n").split("\n\n")
    assert "[DONE]" not in text
    for block in blocks:
        name, data = block.split("\n")
        assert name.removeprefix("event: ") == json.loads(data.removeprefix("data: "))["type"]
    assert blocks[-1].startswith("event: response.completed\n")


def test_a_response_is_parsed(client):
    response = client.responses.parse(model=MODEL, input="A person 'Ada' of 36 years.", text_format=Person)
    assert response.output_parsed == Person(name="Ada", age=36)
    with client.responses.stream(model=MODEL, input="A person 'Ada' of 36 years.", text_format=Person) as stream:
        assert stream.get_final_response().output_parsed == Person(name="Ada", age=36)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_loop_of_tools_ends_with_their_output(client, streamed):
    items = [{"role": "user", "content": WEATHER}]
    if streamed:
        with client.responses.stream(model=MODEL, input=items, tools=[TOOL]) as stream:
            first = stream.get_final_response()
    else:
        first = client.responses.create(model=MODEL, input=items, tools=[TOOL])
    [call] = first.output
    assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "get_weather", {"city": "Paris"})
    items += [*first.output, {"type": "function_call_output", "call_id": call.call_id, "output": "sunny in Paris"}]
    assert "sunny in Paris" in client.responses.create(model=MODEL, input=items, tools=[TOOL]).output_text


@pytest.mark.parametrize("streamed", [False, True])
def test_a_custom_tool_gets_its_input_as_text(client, streamed):
    given = {"model": MODEL, "input": "Please apply_patch 'line one'.", "tools": [PATCH]}
    if streamed:
        events = list(client.responses.create(**given, stream=True))
        [call] = events[-1].response.output
        deltas = [event.delta for event in events if event.type == "response.custom_tool_call_input.delta"]
        assert "".join(deltas) == call.input
    else:
        [call] = client.responses.create(**given).output
    assert (call.type, call.name, call.input) == ("custom_tool_call", "apply_patch", "line one")


def test_the_asynchronous_client_creates_and_streams(scripted):
    async def ask():
        async with AsyncOpenAI(base_url=f"{scripted.url}/v1", api_key="x", max_retries=0) as client:
            response = await client.responses.create(model=MODEL, input=QUESTION)
            stream = await client.responses.create(model=MODEL, input=QUESTION, stream=True)
            return response.output_text, "".join(texts([event async for event in stream]))

    assert asyncio.run(ask()) == (ECHO, ECHO)


def test_state_is_refused_with_an_error_of_the_sdk(client):
    with pytest.raises(openai.BadRequestError, match="send the complete conversation") as raised:
        client.responses.create(model=MODEL, input=QUESTION, previous_response_id="resp_1")
    assert raised.value.param == "previous_response_id"


def test_a_stream_that_breaks_raises_and_never_completes(start):
    with closing(Upstream()) as upstream:

        def respond(handler):
            handler.send_response(200)
            handler.send_header("Content-Type", "text/event-stream")
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
            handler.wfile.write(b'data: {"choices": [{"index": 0, "delta": {"content": "Hel"}}]}\n\n')
            handler.close_connection = True

        upstream.respond = respond
        settings = {"OPENAI_BASE_URL": f"{upstream.url}/v1", "OPENAI_RESPONSES": "translate"}
        service = start(**settings, HUGGINGFACE_RETRY_ATTEMPTS="0")
        seen = []
        with OpenAI(base_url=f"{service.url}/v1", api_key="x", max_retries=0) as client:
            stream = client.responses.create(model=MODEL, input=QUESTION, stream=True)
            with pytest.raises(openai.APIError) as raised:
                seen.extend(stream)
    assert raised.value.code.startswith("upstream_")
    assert texts(seen) == ["Hel"]
    assert seen[-1].type == "response.failed"


def test_the_engine_responds_complete_streamed_and_parsed(local):
    given = {"model": "default", "input": "What is a lighthouse?", "max_output_tokens": 10, "temperature": 0}
    response = local.responses.create(**given)
    assert response.output_text.startswith("A lighthouse is")
    assert "".join(texts(local.responses.create(**given, stream=True))) == response.output_text
    parsed = local.responses.parse(
        model="default", input="Ada is 36 years old.", temperature=0, max_output_tokens=60, text_format=Person
    )
    assert parsed.output_parsed.age == 36
