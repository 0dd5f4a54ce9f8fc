"""ollama for Python."""

import json

from checks import (
    ADA,
    API_KEY,
    BASE_URL,
    EMBEDDING_MODEL,
    MODEL,
    PERSON,
    PERSON_SCHEMA,
    QUESTION,
    WEATHER,
    get_weather,
    run,
)
from ollama import Client, ResponseError

HOST = BASE_URL.removesuffix("/v1")
client = Client(host=HOST, headers={"Authorization": f"Bearer {API_KEY}"})


def asked(text):
    return [{"role": "user", "content": text}]


def chat():
    return client.chat(MODEL, asked(QUESTION), options={"num_predict": 20}).message.content


def stream():
    parts = list(client.chat(MODEL, asked(QUESTION), stream=True, options={"num_predict": 20}))
    return parts[-1].done and parts[-1].eval_count and "".join(part.message.content for part in parts)


def tools():
    called = client.chat(MODEL, asked(WEATHER), tools=[get_weather]).message
    result = {
        "role": "tool",
        "tool_name": "get_weather",
        "content": get_weather(**called.tool_calls[0].function.arguments),
    }
    answer = client.chat(MODEL, [*asked(WEATHER), called, result], tools=[get_weather])
    return "sunny in Paris" in answer.message.content


def structured():
    return json.loads(client.chat(MODEL, asked(PERSON), format=PERSON_SCHEMA).message.content) == ADA


def embeddings():
    return len(client.embed(EMBEDDING_MODEL, ["word " * 200] * 40).embeddings) == 40


def completions():
    return client.generate(MODEL, QUESTION, options={"num_predict": 5}).response


def models():
    return MODEL in [one.model for one in client.list().models] and client.show(MODEL).capabilities


def errors():
    try:
        Client(host=HOST, headers={"Authorization": "Bearer wrong"}).chat(MODEL, asked(QUESTION))
    except ResponseError as error:
        return error.status_code == 401


run(
    chat=chat,
    stream=stream,
    tools=tools,
    structured=structured,
    embeddings=embeddings,
    completions=completions,
    models=models,
    errors=errors,
)
