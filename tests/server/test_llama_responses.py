"""OpenAI's SDK and the Responses API of a real llama.cpp server, which stands for any OpenAI-compatible upstream."""

import json

import openai
import pytest
from openai import OpenAI

from app.config.model_file import model_name

MODEL = model_name(None)
SCHEMA = {"type": "object", "properties": {"a": {"const": 7}}, "required": ["a"], "additionalProperties": False}
FORMAT = {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA, "strict": True}}


@pytest.fixture
def connect(start, llama):
    """Return a function that starts a service before llama.cpp and connects OpenAI's SDK."""

    def connect_one(mode):
        service = start(OPENAI_BASE_URL=llama, OPENAI_DEFAULT_MODEL=MODEL, OPENAI_RESPONSES=mode)
        debug = {"X-AI-Debug": "1"}
        return OpenAI(base_url=f"{service.url}/v1", api_key="x", max_retries=0, default_headers=debug)

    return connect_one


def asked_routes(response):
    return [attempt["route"] for attempt in response.model_extra["debug"]["attempts"]]


def test_the_route_of_the_upstream_is_used(connect):
    options = {"model": MODEL, "input": "Say hello.", "max_output_tokens": 8, "temperature": 0}
    with connect("native") as client:
        whole = client.responses.create(**options)
        with client.responses.stream(**options) as stream:
            events = list(stream)
        final = stream.get_final_response()
        assert asked_routes(whole) == ["responses"]
        assert whole.output_text
        assert whole.output_text == final.output_text
        assert (whole.usage.input_tokens, whole.usage.output_tokens) == (final.usage.input_tokens, 8)
        assert [event.sequence_number for event in events] == list(range(len(events)))
        assert events[-1].type == "response.completed"
        with pytest.raises(openai.BadRequestError) as error:
            client.responses.create(model=MODEL, input="word " * 3000)
        assert error.value.code == "context_length_exceeded"


def test_chats_keep_to_a_schema_that_the_route_would_ignore(connect):
    with connect("auto") as client:
        response = client.responses.create(model=MODEL, input="Say hello.", text=FORMAT, max_output_tokens=30)
        assert asked_routes(response) == ["responses", "chat/completions"]
        assert json.loads(response.output_text) == {"a": 7}
