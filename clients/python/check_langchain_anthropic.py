"""langchain with langchain-anthropic."""

from checks import ADA, API_KEY, BASE_URL, MODEL, PERSON, QUESTION, WEATHER, get_weather, run
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage
from person import Person

model = ChatAnthropic(model=MODEL, base_url=BASE_URL.removesuffix("/v1"), api_key=API_KEY, max_tokens=50, max_retries=0)


def chat():
    return model.invoke(QUESTION).content


def stream():
    first, *others = model.stream(QUESTION)
    for chunk in others:
        first += chunk
    return first.text if first.usage_metadata["output_tokens"] else None


def tools():
    [call] = model.bind_tools([get_weather]).invoke(WEATHER).tool_calls
    return call["args"] == {"city": "Paris"}


def structured():
    return model.with_structured_output(Person).invoke(PERSON) == Person(**ADA)


def counts():
    return model.get_num_tokens_from_messages([HumanMessage(QUESTION)]) > 1


run(chat=chat, stream=stream, tools=tools, structured=structured, counts=counts)
