"""Client libraries against the real server: with the embedded engine, and with a fake upstream for the failures.

Every client makes one attempt, so it raises the exception for the response of the service.
"""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256
from itertools import product
from operator import add
from typing import Any

import httpx2
import openai
import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import BadRequestError, HfHubHTTPError, TextGenerationError
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel
from support.calls import FAILS, generate
from support.servers import Service, Upstream, chat_response, reply

LONG_SECONDS = 20
MESSAGES = [{"role": "user", "content": "Tell me a story about a dog."}]
GREEDY = {"model": "default", "temperature": 0, "max_tokens": 16}
MODEL = "SmolLM2-135M-Instruct"
KEY = "x"
RELAY = {
    "OPENAI_DEFAULT_MODEL": "org/small",
    "HUGGINGFACE_RETRY_ATTEMPTS": "0",
    "BREAKER_FAILURES": "1000",
    "API_KEYS": f"client:{sha256(KEY.encode()).hexdigest()}",
}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
ARGUMENTS = {"city": "Zürich", "days": 2}


@pytest.fixture(scope="module")
def relay():
    """A fake upstream, and a service whose breaker never opens."""
    with closing(Upstream()) as server:
        service = Service(OPENAI_BASE_URL=f"{server.url}/v1", **RELAY)
        service.wait_for_line("Ready on")
        yield server, service
        service.stop()


@pytest.fixture
def remote(relay):
    relay[0].requests.clear()
    relay[0].arrived = threading.Semaphore(0)
    return relay[0]


@pytest.fixture
def service(relay):
    return relay[1]


def create_client(service, **options):
    return OpenAI(**{"base_url": f"{service.url}/v1", "api_key": KEY, "max_retries": 0, **options})


@pytest.fixture
def local(embedded):
    """OpenAI's client, connected to the service with the embedded engine."""
    with create_client(embedded) as client:
        yield client


@pytest.fixture
def client(service):
    """OpenAI's client, connected to the service with the fake upstream."""
    with create_client(service) as client:
        yield client


def contents(chunks):
    return (choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content)


def ask_openai(service, api_key=KEY, **options):
    with create_client(service, api_key=api_key) as client:
        return client.chat.completions.create(messages=MESSAGES, **options).choices[0].message.content


def stream_openai(service, api_key=KEY, **options):
    with create_client(service, api_key=api_key) as client:
        yield from contents(client.chat.completions.create(messages=MESSAGES, stream=True, **options))


def ask_async_openai(service, api_key=KEY, **options):
    async def ask():
        async with AsyncOpenAI(base_url=f"{service.url}/v1", api_key=api_key, max_retries=0) as client:
            return await client.chat.completions.create(messages=MESSAGES, **options)

    return asyncio.run(ask()).choices[0].message.content


def stream_async_openai(service, api_key=KEY, **options):
    async def texts():
        async with AsyncOpenAI(base_url=f"{service.url}/v1", api_key=api_key, max_retries=0) as client:
            async for chunk in await client.chat.completions.create(messages=MESSAGES, stream=True, **options):
                for text in contents([chunk]):
                    yield text

    async def following():
        return await anext(stream, None)

    with asyncio.Runner() as runner:
        stream = texts()
        while text := runner.run(following()):
            yield text


def ask_huggingface_hub(service, api_key=KEY, **options):
    with InferenceClient(base_url=service.url, api_key=api_key) as client:
        return client.chat_completion(MESSAGES, **options).choices[0].message.content


def stream_huggingface_hub(service, api_key=KEY, **options):
    with InferenceClient(base_url=f"{service.url}/v1", api_key=api_key) as client:
        yield from contents(client.chat_completion(MESSAGES, stream=True, **options))


def langchain(service, **options):
    return ChatOpenAI(**{"base_url": f"{service.url}/v1", "api_key": KEY, "max_retries": 0, **options})


def ask_langchain(service, **options):
    return langchain(service, **options).invoke(MESSAGES).content


def stream_langchain(service, **options):
    yield from filter(None, (chunk.content for chunk in langchain(service, **options).stream(MESSAGES)))


@dataclass(frozen=True)
class Client:
    """A library: how it requests a text, complete or streamed, and the exceptions that it raises."""

    name: str
    ask: Callable[..., str]
    stream: Callable[..., Iterator[str]]
    errors: dict[int, type[Exception]]
    incomplete: type[Exception]

    def text(self, *arguments: Any, streamed: bool, **options: Any) -> str:
        return "".join(self.stream(*arguments, **options)) if streamed else self.ask(*arguments, **options)


OPENAI_ERRORS = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    404: openai.NotFoundError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
    502: openai.InternalServerError,
    503: openai.InternalServerError,
}
HUB_ERRORS = dict.fromkeys(OPENAI_ERRORS, HfHubHTTPError) | {400: BadRequestError}
CLIENTS = (
    Client("openai", ask_openai, stream_openai, OPENAI_ERRORS, openai.APIError),
    Client("openai async", ask_async_openai, stream_async_openai, OPENAI_ERRORS, openai.APIError),
    Client("huggingface_hub", ask_huggingface_hub, stream_huggingface_hub, HUB_ERRORS, TextGenerationError),
    Client("langchain", ask_langchain, stream_langchain, OPENAI_ERRORS, openai.APIError),
)
each_client = pytest.mark.parametrize("library", CLIENTS, ids=lambda library: library.name)
streamed_or_not = pytest.mark.parametrize("streamed", [False, True], ids=["complete", "streamed"])


def chunk(delta=None, finish_reason=None, **extra):
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish_reason}
    named = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "org/small"}
    return {**named, "choices": [choice], **extra}


def text_chunk(text):
    return chunk({"content": text})


def send_start(handler, *chunks, **headers):
    """Send the head of a response that ends with the connection, and these chunks."""
    handler.send_response(200)
    for name, value in {"Content-Type": "text/event-stream", "Connection": "close", **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    send_chunks(handler, *chunks)


def send_chunks(handler, *chunks):
    handler.wfile.write("".join(f"data: {json.dumps(event)}\n\n" for event in chunks).encode())


def end(handler):
    send_chunks(handler, chunk(finish_reason="stop"))
    handler.wfile.write(b"data: [DONE]\n\n")


@each_client
def test_stream_adds_up_to_the_complete_response(embedded, library):
    text = library.ask(embedded, **GREEDY)
    chunks = list(library.stream(embedded, **GREEDY))
    assert len(chunks) > 1
    assert "".join(chunks) == text != ""


@each_client
def test_chunk_arrives_before_the_upstream_makes_the_next(service, remote, library):
    received = [threading.Semaphore(0) for _ in "abc"]

    def respond(handler):
        send_start(handler)
        for letter, semaphore in zip("abc", received, strict=True):
            send_chunks(handler, text_chunk(letter))
            assert semaphore.acquire(timeout=LONG_SECONDS)
        end(handler)

    remote.respond = respond
    chunks = library.stream(service, model="default")
    for letter, semaphore in zip("abc", received, strict=True):
        assert next(chunks) == letter
        semaphore.release()
    assert list(chunks) == []


@each_client
@streamed_or_not
@pytest.mark.parametrize(
    ("fixture", "options", "status", "kind"),
    [
        ("embedded", {"temperature": 2.5}, 400, "validation_error"),
        ("service", {"api_key": "wrong"}, 401, "authentication_error"),
        ("embedded", {"model": "no-such/model"}, 404, "model_not_found"),
    ],
)
def test_invalid_request_raises_the_clients_exception_for_it(
    request, library, streamed, fixture, options, status, kind
):
    service = request.getfixturevalue(fixture)
    with pytest.raises(library.errors[status]) as caught:
        library.text(service, streamed=streamed, **{"model": "default", **options})
    response = caught.value.response
    assert (response.status_code, response.json()["error"]["type"]) == (status, kind)


@each_client
@streamed_or_not
@pytest.mark.parametrize(
    ("upstream_status", "headers", "status", "kind"),
    [
        (400, {}, 400, "upstream_rejected"),
        (422, {}, 422, "upstream_rejected"),
        (401, {}, 502, "upstream_authentication_error"),
        (404, {}, 404, "model_not_found"),
        (429, {"Retry_After": "7"}, 429, "upstream_rate_limited"),
        (503, {"Retry_After": "7"}, 503, "model_loading"),
        (500, {}, 502, "upstream_unavailable"),
    ],
)
def test_error_of_the_upstream_raises_the_clients_exception_for_it(
    service, remote, library, streamed, upstream_status, headers, status, kind
):
    remote.respond = lambda handler: reply(handler, {"error": "no"}, upstream_status, **headers)
    with pytest.raises(library.errors[status]) as caught:
        library.text(service, streamed=streamed, model="default")
    response = caught.value.response
    assert (response.status_code, response.headers.get("Retry-After")) == (status, headers.get("Retry_After"))
    assert response.json()["error"]["type"] == kind
    assert len(remote.requests) == 1


def check_every_client_is_refused(service, kind):
    for library, streamed in product(CLIENTS, (False, True)):
        with pytest.raises(library.errors[503]) as caught:
            library.text(service, streamed=streamed, model="default")
        assert caught.value.response.json()["error"]["type"] == kind


def test_open_breaker_raises_the_exception_for_503_in_every_client(start_with, chaos):
    service = start_with(BREAKER_FAILURES="1")
    chaos.play([FAILS])
    assert generate(service).status_code == 502
    check_every_client_is_refused(service, "circuit_open")
    assert chaos.calls == 1


def test_reached_concurrency_limit_raises_the_exception_for_503_in_every_client(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", UPSTREAM_MAX_CONCURRENCY="1")
    release = threading.Event()
    remote.respond = lambda handler: (release.wait(LONG_SECONDS), reply(handler, chat_response("Hi.")))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(generate, service)
        assert remote.arrived.acquire(timeout=LONG_SECONDS)
        check_every_client_is_refused(service, "overloaded")
        release.set()
        assert first.result().status_code == 200


def cut(handler):
    send_start(handler, text_chunk("one "), text_chunk("two"), **{"Content-Length": "100000"})
    handler.connection.shutdown(socket.SHUT_RDWR)


def end_early(handler):
    send_start(handler, text_chunk("one "), text_chunk("two"))


def fail(handler):
    send_start(handler, text_chunk("one "), text_chunk("two"), {"error": {"message": "out of memory", "code": 500}})


def send_rubbish(handler):
    send_start(handler, text_chunk("one "), text_chunk("two"))
    handler.wfile.write(b"data: {]\n\n")


@each_client
@pytest.mark.parametrize("break_off", [cut, end_early, fail, send_rubbish], ids=lambda act: act.__name__)
def test_stream_that_breaks_off_raises_after_its_chunks(service, remote, library, break_off):
    remote.respond = break_off
    chunks = library.stream(service, model="default")
    assert next(chunks) + next(chunks) == "one two"
    with pytest.raises(library.incomplete, match="backend"):
        next(chunks)


def test_stream_raises_if_the_worker_dies(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1")
    over = threading.Event()
    remote.respond = lambda handler: (send_start(handler, text_chunk("one")), over.wait(LONG_SECONDS))
    for library in CLIENTS:
        chunks = library.stream(service, model="default")
        assert next(chunks) == "one"
        [worker] = service.processes()[1:]
        worker.kill()
        with pytest.raises((openai.APIConnectionError, httpx2.RemoteProtocolError)):
            next(chunks)
    over.set()


@pytest.mark.parametrize("close", [lambda stream: stream.close(), lambda stream: stream.response.close()])
def test_closing_a_stream_ends_the_upstream_call(client, remote, close):
    upstream_closed = threading.Event()

    def respond(handler):
        send_start(handler, text_chunk("one"))
        if not handler.connection.recv(1):
            upstream_closed.set()

    remote.respond = respond
    stream = client.chat.completions.create(model="default", messages=MESSAGES, stream=True)
    assert next(contents(stream)) == "one"
    close(stream)
    assert upstream_closed.wait(LONG_SECONDS)


def test_streamed_completion_adds_up_to_the_complete_one(local):
    request = {**GREEDY, "prompt": "Once upon a time"}
    complete = local.completions.create(**request)
    texts = [event.choices[0].text for event in local.completions.create(**request, stream=True)]
    assert len(list(filter(None, texts))) > 1
    assert "".join(texts) == complete.choices[0].text != ""
    assert (complete.object, complete.model, complete.choices[0].finish_reason) == ("text_completion", MODEL, "length")


@pytest.mark.parametrize(
    ("route", "options"),
    [("chat.completions", {"messages": MESSAGES}), ("completions", {"prompt": "Once upon a time"})],
    ids=["chat", "completions"],
)
def test_stream_ends_with_its_usage_if_requested(local, route, options):
    create = local.chat.completions.create if route == "chat.completions" else local.completions.create
    used = create(**GREEDY, **options).usage
    *chunks, last = create(**GREEDY, **options, stream=True, stream_options={"include_usage": True})
    assert last.choices == []
    assert [last.usage.prompt_tokens, last.usage.completion_tokens] == [used.prompt_tokens, used.completion_tokens]
    assert last.usage.total_tokens == used.total_tokens == used.prompt_tokens + GREEDY["max_tokens"]
    for events in (chunks, list(create(**GREEDY, **options, stream=True))):
        assert {len(event.choices) for event in events} == {1}
        assert {event.usage for event in events} == {None}
        assert [event.choices[0].finish_reason for event in events if event.choices[0].finish_reason] == ["length"]


def test_chunks_of_a_stream_share_id_date_and_model(local):
    chunks = list(local.chat.completions.create(messages=MESSAGES, **GREEDY, stream=True))
    assert {(event.object, event.model) for event in chunks} == {("chat.completion.chunk", MODEL)}
    assert len({(event.id, event.created) for event in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"


def test_models_can_be_listed_and_retrieved(local):
    listed = list(local.models.list())
    encoders = ["universal-sentence-encoder-multilingual-3", "bge-small-en-v1.5"]
    assert [model.id for model in listed] == ["gpt2", MODEL, *encoders]
    assert [local.models.retrieve(model.id) for model in listed] == listed
    assert {model.object for model in listed} == {"model"}


@pytest.mark.parametrize("name", ["no-such-model", "no-such/model", "no/such/model"])
def test_unknown_model_is_not_found(local, name):
    with pytest.raises(openai.NotFoundError) as caught:
        local.models.retrieve(name)
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    assert MODEL in caught.value.message


def test_responses_and_errors_carry_their_request_id(local):
    raw = local.chat.completions.with_raw_response.create(messages=MESSAGES, **GREEDY)
    assert raw.headers["X-AI-Backend"] == "embedded"
    assert raw.parse()._request_id == raw.headers["X-Request-ID"]
    with pytest.raises(openai.BadRequestError) as caught:
        local.chat.completions.create(messages=[], model="default", extra_headers={"X-Request-ID": "mine"})
    assert (caught.value.request_id, caught.value.param, caught.value.type) == ("mine", "messages", "validation_error")


def test_langchain_receives_the_usage(embedded):
    chat = langchain(embedded, **GREEDY)
    complete, streamed = (
        [response.usage_metadata[name] for name in ("input_tokens", "output_tokens", "total_tokens")]
        for response in (chat.invoke(MESSAGES), reduce(add, chat.stream(MESSAGES, stream_usage=True)))
    )
    assert complete == streamed
    assert complete[1:] == [GREEDY["max_tokens"], complete[0] + GREEDY["max_tokens"]]


def test_client_of_the_hub_may_omit_the_model(embedded):
    with InferenceClient(base_url=embedded.url, api_key=KEY) as client:
        assert client.chat_completion(MESSAGES, max_tokens=1).model == MODEL


class Dog(BaseModel):
    """The schema of a structured response."""

    name: str
    age: int


def test_structured_responses_are_parsed(local, embedded):
    request = {"model": "default", "temperature": 0, "max_tokens": 60}
    parsed = local.chat.completions.parse(messages=MESSAGES, response_format=Dog, **request).choices[0].message.parsed
    with local.chat.completions.stream(messages=MESSAGES, response_format=Dog, **request) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == parsed
    assert langchain(embedded, **request).with_structured_output(Dog).invoke(MESSAGES) == parsed


def tool_call(**extra):
    return {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}, **extra}


def call_in_chunks(handler):
    arguments = json.dumps(ARGUMENTS)
    send_start(handler, chunk({"role": "assistant", "content": None, "tool_calls": [tool_call(index=0)]}))
    for part in (arguments[:5], arguments[5:16], arguments[16:]):
        send_chunks(handler, chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]}))
    send_chunks(handler, chunk(finish_reason="tool_calls"))
    handler.wfile.write(b"data: [DONE]\n\n")


def call_at_once(handler):
    function = {"name": "weather", "arguments": json.dumps(ARGUMENTS)}
    message = {"role": "assistant", "content": None, "tool_calls": [tool_call(function=function)]}
    reply(handler, {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})


def call_like_old_tgi(handler):
    function = {"name": "weather", "arguments": ARGUMENTS}
    message = {"role": "assistant", "tool_calls": {"id": 0, "type": "function", "function": function}}
    reply(handler, {"choices": [{"index": 0, "message": message, "finish_reason": "eos_token"}]})


def check_called(calls):
    [call] = calls
    assert (call.type, call.function.name) == ("function", "weather")
    assert json.loads(call.function.arguments) == ARGUMENTS
    assert isinstance(call.id, str)


@pytest.mark.parametrize("respond", [call_at_once, call_like_old_tgi], ids=lambda act: act.__name__)
def test_tool_calls_are_objects(service, client, remote, respond):
    remote.respond = respond
    choice = client.chat.completions.create(model="default", messages=MESSAGES, tools=[TOOL]).choices[0]
    check_called(choice.message.tool_calls)
    [call] = langchain(service, model="default").bind_tools([TOOL]).invoke(MESSAGES).tool_calls
    assert (call["name"], call["args"]) == ("weather", ARGUMENTS)
    with InferenceClient(base_url=service.url, api_key=KEY) as hub:
        check_called(hub.chat_completion(MESSAGES, model="default", tools=[TOOL]).choices[0].message.tool_calls)


@pytest.mark.parametrize("respond", [call_in_chunks, call_at_once, call_like_old_tgi], ids=lambda act: act.__name__)
def test_streamed_tool_calls_are_objects(service, client, remote, respond):
    remote.respond = respond
    with client.chat.completions.stream(model="default", messages=MESSAGES, tools=[TOOL]) as stream:
        choice = stream.get_final_completion().choices[0]
    check_called(choice.message.tool_calls)
    [call] = reduce(add, langchain(service, model="default").bind_tools([TOOL]).stream(MESSAGES)).tool_calls
    assert (call["name"], call["args"]) == ("weather", ARGUMENTS)


def test_chunks_of_tool_calls_arrive_one_by_one(client, remote):
    remote.respond = call_in_chunks
    chunks = client.chat.completions.create(model="default", messages=MESSAGES, tools=[TOOL], stream=True)
    calls = [call for event in chunks for call in event.choices[0].delta.tool_calls or ()]
    assert [call.function.name for call in calls] == ["weather", None, None, None]
    assert [call.id for call in calls] == ["call_1", None, None, None]
    assert json.loads("".join(call.function.arguments for call in calls)) == ARGUMENTS


def calls_without_indexes(handler):
    for_days = [{"name": "weather", "arguments": json.dumps({"days": days})} for days in (1, 2)]
    send_start(
        handler, *(chunk({"tool_calls": [tool_call(id=f"call_{one['arguments']}", function=one)]}) for one in for_days)
    )
    send_chunks(handler, chunk(finish_reason="tool_calls"))


def test_tool_calls_without_indexes_stay_separate(client, remote):
    remote.respond = calls_without_indexes
    with client.chat.completions.stream(model="default", messages=MESSAGES, tools=[TOOL]) as stream:
        calls = stream.get_final_completion().choices[0].message.tool_calls
    assert [json.loads(call.function.arguments) for call in calls] == [{"days": 1}, {"days": 2}]


PASSED_THROUGH = {
    "extra_body": {"whatever": {"a": 1}, "min_p": 0.05},
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
    "tools": [TOOL],
    "tool_choice": "auto",
    "logit_bias": {"50256": -100},
    "n": 2,
    "logprobs": True,
    "seed": 3,
    "stop": ["\n"],
    "user": "me",
}


def expected_body(request, **extra):
    """The body that must reach the upstream."""
    fields = {name: value for name, value in request.items() if name != "extra_body"}
    return {"model": "org/small", **fields, **request["extra_body"], **extra}


@pytest.mark.parametrize(
    ("streamed", "added"),
    [({}, {}), ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}})],
    ids=["complete", "streamed"],
)
def test_fields_of_a_chat_request_reach_the_upstream_unchanged(client, remote, streamed, added):
    remote.respond = lambda handler: (send_start(handler, text_chunk("Hi.")), end(handler))
    request = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}], "name": "me"}],
        **PASSED_THROUGH,
    }
    client.chat.completions.create(model="default", **request, **streamed)
    assert remote.requests[0]["path"] == "/v1/chat/completions"
    assert remote.requests[0]["body"] == expected_body(request, **added)


def test_fields_of_a_completion_request_reach_the_upstream_unchanged(client, remote):
    remote.respond = lambda handler: reply(handler, {"choices": [{"index": 0, "text": "x", "finish_reason": "stop"}]})
    request = {"prompt": ["a"], "echo": True, "suffix": "b", "logit_bias": {"1": 2}, "extra_body": {"whatever": [1]}}
    assert client.completions.create(model="default", **request).choices[0].text == "x"
    assert remote.requests[0]["body"] == expected_body(request)


def test_unknown_fields_of_a_response_reach_the_client(client, remote):
    remote.respond = lambda handler: reply(
        handler, {**chat_response("Hi."), "system_fingerprint": "fp", "whatever": [1]}
    )
    response = client.chat.completions.create(model="default", messages=MESSAGES)
    assert (response.system_fingerprint, response.whatever) == ("fp", [1])


def choices(part):
    message = {"role": "assistant", "content": "Hi."}
    return {"choices": [{"index": index, part: message, "finish_reason": "stop"} for index in range(2)]}


def test_every_choice_reaches_the_client(client, remote):
    request = {"model": "default", "messages": MESSAGES, "n": 2}
    remote.respond = lambda handler: reply(handler, choices("message"))
    complete = client.chat.completions.create(**request)
    remote.respond = lambda handler: send_start(handler, {**chunk(), **choices("delta")})
    with client.chat.completions.stream(**request) as stream:
        streamed = stream.get_final_completion()
    for response in (complete, streamed):
        assert [(one.index, one.message.content) for one in response.choices] == [(0, "Hi."), (1, "Hi.")]


VECTORS = [[0.5, -0.25, 3.0], [1.0, 0.0, -1.5]]


def embed(handler):
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(VECTORS)]
    reply(handler, {"object": "list", "data": data, "usage": {"prompt_tokens": 2, "total_tokens": 2}})


@pytest.mark.parametrize("options", [{}, {"encoding_format": "float"}, {"encoding_format": "base64"}], ids=str)
def test_embeddings_have_the_requested_encoding(client, remote, options):
    remote.respond = embed
    texts = ["a", str(options)]  # different in each test, because responses are cached
    response = client.embeddings.create(model="default", input=texts, **options, extra_body={"whatever": 1})
    vectors = [entry.embedding for entry in response.data]
    if options.get("encoding_format") == "base64":
        assert all(isinstance(vector, str) for vector in vectors)
    else:
        assert vectors == VECTORS
    assert (response.model, response.usage.total_tokens) == ("org/small", 2)
    assert remote.requests[-1]["body"] == {"model": "org/small", "input": texts, "whatever": 1}


def test_langchain_embeds(service, remote):
    remote.respond = embed
    embeddings = OpenAIEmbeddings(
        base_url=f"{service.url}/v1", api_key=KEY, model="default", max_retries=0, check_embedding_ctx_length=False
    )
    assert embeddings.embed_documents(["a", "b"]) == VECTORS
