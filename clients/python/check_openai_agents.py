"""openai-agents as it begins: with the Responses API."""

import asyncio
import os

from agents import Agent, Runner, function_tool, set_tracing_disabled
from checks import ADA, API_KEY, BASE_URL, MODEL, PERSON, QUESTION, WEATHER, get_weather, run
from person import Person

os.environ |= {"OPENAI_BASE_URL": BASE_URL, "OPENAI_API_KEY": API_KEY}
set_tracing_disabled(True)  # traces go to OpenAI
loop = asyncio.new_event_loop()  # the client of all checks belongs to it


def ask(agent, question):
    return loop.run_until_complete(Runner.run(agent, question)).final_output


def chat():
    return ask(Agent("assistant", instructions="Be brief.", model=MODEL), QUESTION)


def stream():
    async def ask_streamed():
        result = Runner.run_streamed(Agent("assistant", model=MODEL), QUESTION)
        events = [event.data async for event in result.stream_events() if event.type == "raw_response_event"]
        return "".join(event.delta for event in events if event.type == "response.output_text.delta")

    return loop.run_until_complete(ask_streamed())


def tools():
    return "sunny in Paris" in ask(Agent("assistant", model=MODEL, tools=[function_tool(get_weather)]), WEATHER)


def structured():
    return ask(Agent("assistant", model=MODEL, output_type=Person), PERSON) == Person(**ADA)


run(chat=chat, stream=stream, tools=tools, structured=structured)
