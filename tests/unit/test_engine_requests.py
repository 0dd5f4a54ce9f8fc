"""Fields for the engine and its choices, where the service's own checks of requests come first."""

import json

import pytest

from app.backends.engine.decoder import Choices, Echo, EngineDecoder
from app.backends.engine.fields import CHAT, COMPLETIONS, engine_fields
from app.backends.engine.scoring import Prompt, scored
from app.backends.responses.chunk_decoder import TEXT
from app.errors import UpstreamRejected


@pytest.mark.parametrize(
    "fields",
    [
        {"stop": ["a"] * 300},
        {"stop": "a"},
        {"stop": []},
        {"logit_bias": {"1": 5, "a": -1.5}},
        {"logit_bias": [[1, False]]},
        {"json_schema": {"type": "object"}},
        {"response_format": {"type": "text"}},
        {"response_format": {"type": "json_object", "schema": {"type": "object"}}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}},
        {"chat_template_kwargs": {"enable_thinking": False}},
        {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        {"messages": [{"role": "assistant", "content": [{"text": "a"}, {"type": "text", "text": "b"}]}]},
        {"messages": [{"role": "tool", "content": None}]},
        {"max_tokens": 0, "temperature": 2},
    ],
)
def test_valid_fields_are_passed_on_unchanged(fields):
    assert engine_fields(fields, CHAT) == fields


@pytest.mark.parametrize("fields", [{"stop": 5}, {"stop": [5]}, {"stop": ["a"] * 301}, {"echo": "yes"}, {"echo": 1}])
def test_invalid_fields_are_named(fields):
    with pytest.raises(UpstreamRejected) as caught:
        engine_fields(fields, COMPLETIONS)
    assert caught.value.details["reason"].startswith(next(iter(fields)))


def test_null_and_unknown_fields_are_left_out():
    assert engine_fields({"stop": None, "n_predict": 5, "prompt": "a"}, COMPLETIONS) == {"prompt": "a"}


def decoded(choices, *events):
    decoder = EngineDecoder(TEXT, "m", "a", {}, choices=choices)
    chunks = [decoder.decode(json.dumps(event).encode()) for event in events]
    return [chunk.payload["choices"][0] for chunk in chunks if chunk], decoder.usage


@pytest.mark.parametrize("logprobs", [None, {"content": [{"token": " b", "logprob": -1, "top_logprobs": []}]}])
def test_max_tokens_0_returns_the_prompt_only(logprobs):
    echo = Echo("a", [{"token": "a", "logprob": None, "top_logprobs": []}] if logprobs else None)
    event = {"choices": [{"index": 0, "text": " b", "logprobs": logprobs, "finish_reason": None}]}
    end = {"choices": [{"index": 0, "text": "", "finish_reason": "length"}]}
    end["usage"] = {"prompt_tokens": 1, "completion_tokens": 1}
    choices, usage = decoded(Choices(1, (echo,), without_text=True), event, end)
    assert [choice["text"] for choice in choices] == ["a", ""]
    assert (choices[0]["logprobs"] or {}).get("tokens", []) == (["a"] if logprobs else [])
    assert (usage.prompt_tokens, usage.completion_tokens) == (1, 0)


def test_a_prompt_of_one_token_needs_no_generation():
    plan = scored([Prompt("", (), ()), Prompt("a", (1,), (7,))], 1, 10, lambda *call: call)
    assert next(plan)[0] == "detokenize"
    with pytest.raises(StopIteration) as end:
        plan.send("a")
    first = {"token": "a", "logprob": None, "top_logprobs": []}
    assert end.value.value == [Echo("", []), Echo("a", [first])]
