"""smolagents: OpenAIModel and ToolCallingAgent."""

from checks import API_KEY, BASE_URL, MODEL, QUESTION, WEATHER, run
from smolagents import OpenAIModel, ToolCallingAgent, tool

model = OpenAIModel(model_id=MODEL, api_base=BASE_URL, api_key=API_KEY, max_tokens=40)
ASKED = [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}]


@tool
def get_weather(city: str) -> str:
    """Get the weather of a city.

    Args:
        city: the city
    """
    return f"sunny in {city}"


def chat():
    return model.generate(ASKED).content


def stream():
    return "".join(delta.content or "" for delta in model.generate_stream(ASKED))


def tools():
    agent = ToolCallingAgent(tools=[get_weather], model=model, max_steps=4)
    agent.run(WEATHER)
    return any("sunny in" in str(step.observations) for step in agent.memory.steps if hasattr(step, "observations"))


run(chat=chat, stream=stream, tools=tools)
