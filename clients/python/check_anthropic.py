"""anthropic for Python."""

import json

from anthropic import Anthropic, AuthenticationError, beta_tool
from checks import ADA, API_KEY, BASE_URL, MODEL, PERSON, PERSON_SCHEMA, QUESTION, WEATHER, get_weather, run

client = Anthropic(base_url=BASE_URL.removesuffix("/v1"), api_key=API_KEY)
ASKED = {"model": MODEL, "max_tokens": 20, "messages": [{"role": "user", "content": QUESTION}]}


def chat():
    return client.messages.create(**ASKED).content[0].text


def stream():
    with client.messages.stream(**ASKED) as events:
        text = "".join(events.text_stream)
        message = events.get_final_message()
    return text if text == message.content[0].text and message.usage.input_tokens else None


def tools():
    asked = {**ASKED, "messages": [{"role": "user", "content": WEATHER}], "tools": [beta_tool(get_weather)]}
    *_, last = client.beta.messages.tool_runner(**asked)
    return "sunny in Paris" in last.content[-1].text


def structured():
    form = {"type": "json_schema", "schema": PERSON_SCHEMA}
    asked = {**ASKED, "messages": [{"role": "user", "content": PERSON}], "output_config": {"format": form}}
    return json.loads(client.messages.create(**asked).content[0].text) == ADA


def counts():
    return client.messages.count_tokens(model=MODEL, messages=ASKED["messages"]).input_tokens > 1


def errors():
    try:
        client.with_options(api_key="wrong").messages.create(**ASKED)
    except AuthenticationError as error:
        return error.request_id


run(chat=chat, stream=stream, tools=tools, structured=structured, counts=counts, errors=errors)
