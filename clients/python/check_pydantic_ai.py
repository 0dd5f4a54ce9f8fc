"""pydantic-ai: OpenAIChatModel with OpenAIProvider."""

import asyncio

from checks import ADA, API_KEY, BASE_URL, MODEL, PERSON, QUESTION, WEATHER, get_weather, run
from person import Person
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

model = OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=BASE_URL, api_key=API_KEY))
SHORT = {"max_tokens": 40}


def chat():
    return Agent(model, model_settings=SHORT).run_sync(QUESTION).output


def stream():
    async def ask():
        async with Agent(model, model_settings=SHORT).run_stream(QUESTION) as result:
            return "".join([text async for text in result.stream_text(delta=True)])

    return asyncio.run(ask())


def tools():
    return "sunny in Paris" in Agent(model, tools=[get_weather]).run_sync(WEATHER).output


def structured():
    by_tool = Agent(model, output_type=Person).run_sync(PERSON).output
    by_schema = Agent(model, output_type=NativeOutput(Person)).run_sync(PERSON).output
    return by_tool == by_schema == Person(**ADA)


run(chat=chat, stream=stream, tools=tools, structured=structured)
