"""openai for Python: client.responses."""

from checks import ADA, API_KEY, BASE_URL, MODEL, PERSON, QUESTION, WEATHER, run
from openai import AuthenticationError, OpenAI
from person import Person

client = OpenAI(base_url=BASE_URL, api_key=API_KEY)
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "name": "get_weather", "parameters": PARAMETERS, "strict": True}
SHORT = {"model": MODEL, "max_output_tokens": 200}


def chat():
    response = client.responses.create(input=QUESTION, instructions="Be brief.", **SHORT)
    return response.usage.total_tokens and response.output_text


def stream():
    events = list(client.responses.create(input=QUESTION, stream=True, **SHORT))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    with client.responses.stream(input=QUESTION, **SHORT) as other:
        for _ in other:
            pass
    numbers = [event.sequence_number for event in events]
    return numbers == list(range(len(events))) and other.get_final_response().output_text and text


def tools():
    items = [{"role": "user", "content": WEATHER}]
    first = client.responses.create(model=MODEL, input=items, tools=[TOOL])
    [call] = [item for item in first.output if item.type == "function_call"]
    items += [*first.output, {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}]
    second = client.responses.create(model=MODEL, input=items, tools=[TOOL])
    return call.arguments == '{"city": "Paris"}' and "sunny" in second.output_text


def structured():
    parsed = client.responses.parse(model=MODEL, input=PERSON, text_format=Person)
    return parsed.output_parsed == Person(**ADA)


def errors():
    try:
        client.with_options(api_key="wrong").responses.create(model=MODEL, input=QUESTION)
    except AuthenticationError as error:
        return error.status_code == 401


run(chat=chat, stream=stream, tools=tools, structured=structured, errors=errors)
