"""langchain for Python: ChatOpenAI with the Responses API, and an agent."""

from checks import ADA, API_KEY, BASE_URL, MODEL, PERSON, QUESTION, WEATHER, get_weather, run
from langchain.agents import create_agent
from langchain_openai import ChatOpenAI
from person import Person

model = ChatOpenAI(base_url=BASE_URL, api_key=API_KEY, model=MODEL, max_tokens=40, use_responses_api=True)


def chat():
    return model.invoke(QUESTION).text


def stream():
    return "".join(chunk.text for chunk in model.stream(QUESTION))


def tools():
    agent = create_agent(model, [get_weather])
    return "sunny in Paris" in agent.invoke({"messages": [("user", WEATHER)]})["messages"][-1].text


def structured():
    return model.with_structured_output(Person).invoke(PERSON) == Person(**ADA)


run(chat=chat, stream=stream, tools=tools, structured=structured)
