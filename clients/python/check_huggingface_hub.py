"""huggingface_hub's InferenceClient."""

import json

from checks import ADA, API_KEY, BASE_URL, MODEL, PERSON, PERSON_SCHEMA, QUESTION, WEATHER, run
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

client = InferenceClient(base_url=BASE_URL, api_key=API_KEY)
ASKED = [{"role": "user", "content": QUESTION}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "get_weather", "description": "Weather.", "parameters": PARAMETERS}}


def chat():
    return client.chat_completion(ASKED, model=MODEL, max_tokens=20).choices[0].message.content


def stream():
    chunks = client.chat_completion(ASKED, model=MODEL, max_tokens=20, stream=True)
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def tools():
    messages = [{"role": "user", "content": WEATHER}]
    call = client.chat_completion(messages, model=MODEL, tools=[TOOL], tool_choice="required").choices[0].message
    return call.tool_calls[0].function.name == "get_weather"


def structured():
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON_SCHEMA, "strict": True}}
    messages = [{"role": "user", "content": PERSON}]
    text = client.chat_completion(messages, model=MODEL, response_format=form).choices[0].message.content
    return json.loads(text) == ADA


def errors():
    wrong = InferenceClient(base_url=BASE_URL, api_key="wrong")
    try:
        wrong.chat_completion(ASKED, model=MODEL)
    except HfHubHTTPError as error:
        return error.response.status_code == 401


run(chat=chat, stream=stream, tools=tools, structured=structured, errors=errors)
