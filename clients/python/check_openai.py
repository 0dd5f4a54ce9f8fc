"""openai for Python."""

from checks import ADA, API_KEY, BASE_URL, EMBEDDING_MODEL, MODEL, PERSON, QUESTION, WEATHER, run
from openai import AuthenticationError, OpenAI
from person import Person

client = OpenAI(base_url=BASE_URL, api_key=API_KEY)
ASKED = [{"role": "user", "content": QUESTION}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}


def chat():
    return client.chat.completions.create(model=MODEL, messages=ASKED, max_tokens=20).choices[0].message.content


def stream():
    options = {"stream": True, "stream_options": {"include_usage": True}, "max_tokens": 20}
    chunks = list(client.chat.completions.create(model=MODEL, messages=ASKED, **options))
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    return text if chunks[-1].usage.total_tokens else None


def tools():
    messages = [{"role": "user", "content": WEATHER}]
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL]).choices[0].message
    call = first.tool_calls[0]
    messages += [first, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL]).choices[0].message
    return call.function.arguments == '{"city": "Paris"}' and "sunny" in second.content


def structured():
    messages = [{"role": "user", "content": PERSON}]
    parsed = client.chat.completions.parse(model=MODEL, messages=messages, response_format=Person)
    return parsed.choices[0].message.parsed == Person(**ADA)


def embeddings():
    return len(client.embeddings.create(model=EMBEDDING_MODEL, input=["a", "b"]).data) == 2


def completions():
    return client.completions.create(model=MODEL, prompt="Once", max_tokens=5).choices[0].text


def models():
    return MODEL in [model.id for model in client.models.list()]


def errors():
    try:
        client.with_options(api_key="wrong").chat.completions.create(model=MODEL, messages=ASKED)
    except AuthenticationError as error:
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
