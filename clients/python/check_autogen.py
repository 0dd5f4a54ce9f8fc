"""autogen: OpenAIChatCompletionClient and AssistantAgent."""

import asyncio

from autogen_agentchat.agents import AssistantAgent
from autogen_core.models import UserMessage
from autogen_ext.models.openai import OpenAIChatCompletionClient
from checks import ADA, API_KEY, BASE_URL, MODEL, PERSON, QUESTION, WEATHER, get_weather, run
from person import Person

ABILITIES = {"vision": False, "function_calling": True, "json_output": True, "structured_output": True}
INFO = {**ABILITIES, "family": "unknown"}


def client():
    return OpenAIChatCompletionClient(model=MODEL, base_url=BASE_URL, api_key=API_KEY, model_info=INFO, max_tokens=40)


def ask(text, **options):
    return asyncio.run(client().create([UserMessage(content=text, source="user")], **options)).content


def chat():
    return ask(QUESTION)


def stream():
    async def collect():
        asked = [UserMessage(content=QUESTION, source="user")]
        return [part async for part in client().create_stream(asked)][-1].content

    return asyncio.run(collect())


def tools():
    async def work():
        agent = AssistantAgent("helper", client(), tools=[get_weather], reflect_on_tool_use=True)
        return (await agent.run(task=WEATHER)).messages[-1].content

    return "sunny in Paris" in asyncio.run(work())


def structured():
    return Person.model_validate_json(ask(PERSON, json_output=Person)) == Person(**ADA)


run(chat=chat, stream=stream, tools=tools, structured=structured)
