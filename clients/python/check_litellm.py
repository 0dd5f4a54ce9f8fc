"""litellm with the prefix openai/."""

import json

import litellm
from checks import ADA, API_KEY, BASE_URL, EMBEDDING_MODEL, MODEL, PERSON, QUESTION, WEATHER, run
from person import Person

SERVER = {"api_base": BASE_URL, "api_key": API_KEY}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}


def ask(text=QUESTION, **options):
    messages = [{"role": "user", "content": text}]
    return litellm.completion(model=f"openai/{MODEL}", messages=messages, **SERVER, **options)


def chat():
    return ask(max_tokens=20).choices[0].message.content


def stream():
    return "".join(chunk.choices[0].delta.content or "" for chunk in ask(stream=True, max_tokens=20))


def tools():
    return json.loads(ask(WEATHER, tools=[TOOL]).choices[0].message.tool_calls[0].function.arguments)["city"] == "Paris"


def structured():
    return json.loads(ask(PERSON, response_format=Person).choices[0].message.content) == ADA


def embeddings():
    return len(litellm.embedding(model=f"openai/{EMBEDDING_MODEL}", input=["a", "b"], **SERVER).data) == 2


def errors():
    try:
        litellm.completion(model=f"openai/{MODEL}", messages=[], api_base=BASE_URL, api_key="wrong")
    except litellm.AuthenticationError as error:
        return error.status_code == 401


run(chat=chat, stream=stream, tools=tools, structured=structured, embeddings=embeddings, errors=errors)
