"""The scripted model that stands behind the real clients."""

import pytest
from support.scripted_model import instance, message

WEATHER = {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
TIME = {"name": "get_time"}


def asked(text, *functions, **options):
    tools = [{"type": "function", "function": one} for one in functions]
    return {"messages": [{"role": "user", "content": text}], "tools": tools, **options}


def called(request):
    return [call["function"]["name"] for call in message(request).get("tool_calls", ())]


def test_a_mentioned_tool_is_called_with_the_quoted_argument():
    [call] = message(asked("What is the weather in 'Paris'?", TIME, WEATHER))["tool_calls"]
    assert call["function"] == {"name": "get_weather", "arguments": '{"city": "Paris"}'}


def test_a_tool_that_is_not_mentioned_is_not_called():
    assert message(asked("Hello.", WEATHER)) == {"role": "assistant", "content": "You said: Hello."}


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("none", []),
        ("auto", ["get_weather"]),
        ("required", ["get_time"]),
        ({"type": "function", "function": {"name": "get_time"}}, ["get_time"]),
    ],
)
def test_the_choice_of_tools_is_obeyed(choice, names):
    assert called(asked("The weather?", TIME, WEATHER, tool_choice=choice)) == names


def test_the_result_of_a_tool_is_told():
    request = asked("The weather?", WEATHER)
    request["messages"] += [message(request), {"role": "tool", "tool_call_id": "call_0", "content": "sunny"}]
    assert message(request)["content"] == "The tool says: sunny"


def test_required_tools_are_called_one_after_the_other():
    request = asked("The weather?", TIME, WEATHER, tool_choice="required")
    request["messages"] += [message(request), {"role": "tool", "tool_call_id": "call_0", "content": "noon"}]
    assert called(request) == ["get_weather"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, 36),
        ({"type": ["null", "number"]}, 36),
        ({"type": "string"}, "Ada"),
        ({"type": "boolean"}, True),
        ({"enum": ["b", "a"]}, "b"),
        ({"const": 5}, 5),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [36, 36]),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, 36),
        ({"properties": {"name": {"$ref": "#/$defs/Name"}}, "$defs": {"Name": {"type": "string"}}}, {"name": "Ada"}),
    ],
)
def test_an_instance_fits_its_schema(schema, value):
    assert instance(schema, "'Ada' is 36.") == value
