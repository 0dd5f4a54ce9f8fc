"""instructor around openai, in its modes for tools and for JSON schemas."""

import instructor
from checks import ADA, API_KEY, BASE_URL, MODEL, PERSON, QUESTION, run
from openai import OpenAI
from person import Person

openai = OpenAI(base_url=BASE_URL, api_key=API_KEY)


def ask(mode, text=PERSON, kind=Person, **options):
    client = instructor.from_openai(openai, mode=mode)
    messages = [{"role": "user", "content": text}]
    return client.chat.completions.create(model=MODEL, messages=messages, response_model=kind, **options)


def chat():
    return ask(instructor.Mode.TOOLS, QUESTION, None, max_tokens=20).choices[0].message.content


def stream():
    chunks = ask(instructor.Mode.TOOLS, QUESTION, None, max_tokens=20, stream=True)
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def tools():
    client = instructor.from_openai(openai, mode=instructor.Mode.TOOLS)
    messages = [{"role": "user", "content": PERSON}]
    parts = list(client.chat.completions.create_partial(model=MODEL, messages=messages, response_model=Person))
    return ask(instructor.Mode.TOOLS).model_dump() == parts[-1].model_dump() == ADA


def structured():
    return ask(instructor.Mode.JSON_SCHEMA).model_dump() == ADA


run(chat=chat, stream=stream, tools=tools, structured=structured)
