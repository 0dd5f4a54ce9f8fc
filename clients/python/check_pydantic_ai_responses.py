"""pydantic-ai with the prefix `openai:`, which is the Responses API."""

import asyncio
import os

from checks import ADA, API_KEY, BASE_URL, MODEL, PERSON, QUESTION, WEATHER, get_weather, run
from person import Person
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIResponsesModel

os.environ |= {"OPENAI_BASE_URL": BASE_URL, "OPENAI_API_KEY": API_KEY}
NAME = f"openai:{MODEL}"


def chat():
    agent = Agent(NAME, instructions="Be brief.")
    return isinstance(agent.model, OpenAIResponsesModel) and agent.run_sync(QUESTION).output


def stream():
    async def ask():
        async with Agent(NAME).run_stream(QUESTION) as result:
            return "".join([text async for text in result.stream_text(delta=True)])

    return asyncio.run(ask())


def tools():
    return "sunny in Paris" in Agent(NAME, tools=[get_weather]).run_sync(WEATHER).output


def structured():
    by_tool = Agent(NAME, output_type=Person).run_sync(PERSON).output
    by_schema = Agent(NAME, output_type=NativeOutput(Person)).run_sync(PERSON).output
    return by_tool == by_schema == Person(**ADA)


run(chat=chat, stream=stream, tools=tools, structured=structured)
