"""agno: OpenAILike and Agent."""

from agno.agent import Agent
from agno.models.openai.like import OpenAILike
from checks import ADA, API_KEY, BASE_URL, MODEL, PERSON, QUESTION, WEATHER, get_weather, run
from person import Person


def agent(**options):
    model = OpenAILike(id=MODEL, base_url=BASE_URL, api_key=API_KEY, max_tokens=40)
    return Agent(model=model, telemetry=False, **options)


def chat():
    return agent().run(QUESTION).content


def stream():
    return "".join(event.content or "" for event in agent().run(QUESTION, stream=True) if hasattr(event, "content"))


def tools():
    return "sunny in Paris" in agent(tools=[get_weather]).run(WEATHER).content


def structured():
    return agent(output_schema=Person).run(PERSON).content == Person(**ADA)


run(chat=chat, stream=stream, tools=tools, structured=structured)
