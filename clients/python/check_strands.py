"""strands: OpenAIModel and Agent, which always streams."""

from checks import ADA, API_KEY, BASE_URL, MODEL, PERSON, QUESTION, WEATHER, run
from person import Person
from strands import Agent, tool
from strands.models.openai import OpenAIModel

SERVER = {"base_url": BASE_URL, "api_key": API_KEY}


@tool
def get_weather(city: str) -> str:
    """Get the weather of a city."""
    return f"sunny in {city}"


def agent(*given):
    model = OpenAIModel(client_args=SERVER, model_id=MODEL, params={"max_tokens": 60})
    return Agent(model=model, tools=list(given), callback_handler=None)


def stream():
    return str(agent()(QUESTION)).strip()


def tools():
    return "sunny in Paris" in str(agent(get_weather)(WEATHER))


def structured():
    return agent()(PERSON, structured_output_model=Person).structured_output == Person(**ADA)


run(stream=stream, tools=tools, structured=structured)
