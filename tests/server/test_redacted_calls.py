"""No planted identifier reaches an upstream, whatever the route, and each comes back. `make redaction` sends 2,000."""

import json
import os
import re
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import cycle, islice

import pytest
import requests
from support.redaction import PLACEHOLDER, RepeatingUpstream, plain, samples
from support.servers import Service
from support.surfaces.table import CALLING, CONVERSATIONS, PROMPT

CALLS = int(os.environ.get("REDACTION_CALLS", "250"))
THREADS = 4
TOOLS = [{"type": "function", "function": {"name": "repeat", "parameters": {"type": "object"}}}]
HEADERS = {"X-AI-Redact": "all"}


def escaped(text):
    """Return a text with signs as JSON can write them."""
    return re.sub(r"[@+.]", lambda match: f"\\u{ord(match[0]):04x}", text)


def spread(text):
    """Return a text with a zero-width space after every third character."""
    return "".join(character + "\u200b" * (index % 3 == 2) for index, character in enumerate(text))


SPELLINGS = (str, str, escaped, urllib.parse.quote, spread)


def spelled(sample, number):
    spell = SPELLINGS[number % len(SPELLINGS)]
    text, position, parts = sample.text, 0, []
    for _, start, end in sample.entities:
        parts += (text[position:start], spell(text[start:end]))
        position = end
    return "".join((*parts, text[position:]))


def exchanged(url, number, surface, sample):
    """Send a request with a sample; return the sent text, and the text that came back."""
    text = spelled(sample, number)
    streamed = surface.streamed is not None and number % 2 == 1
    route, body = surface.request(streamed=streamed)
    body = json.loads(json.dumps(body).replace(json.dumps(PROMPT), json.dumps(text)))
    response = requests.post(url + route, json=body, headers=HEADERS, timeout=30)
    assert response.status_code == 200, (surface.name, text, response.text)
    if surface not in CONVERSATIONS:
        return text, text
    if streamed:
        answer = surface.dialect.stream(response.content)
        assert answer.complete, answer
        return text, answer.text
    return text, surface.dialect.text(response.json())


@pytest.fixture(scope="module")
def repeating():
    with closing(RepeatingUpstream()) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def service(repeating):
    settings = {"OPENAI_DEFAULT_MODEL": "org/small", "OPENAI_RESPONSES": "translate", "MAX_INPUT_CHARS": "100000"}
    service = Service(OPENAI_BASE_URL=f"{repeating.url}/v1", **settings)
    service.wait_for_line("Ready on")
    yield service
    service.stop()


def test_no_identifier_of_twelve_countries_reaches_an_upstream_and_each_comes_back(service, repeating):
    planted = [sample for sample in samples() if sample.entities]
    assert len({sample.country for sample in planted}) == 12
    calls = list(islice(zip(cycle(range(1, 1000)), cycle(CALLING), cycle(planted)), CALLS))
    with ThreadPoolExecutor(THREADS) as pool:
        pairs = list(pool.map(lambda call: exchanged(service.url, *call), calls))
    assert [pair for pair in pairs if pair[0].strip() != pair[1].strip()] == []
    received = plain("\n".join(repeating.received))
    values = {plain(value) for sample in planted for value in sample.values}
    assert [value for value in values if value in received] == []
    assert PLACEHOLDER.search(next(repeating.received))
    assert len(repeating.requests) >= CALLS / 2


@pytest.mark.parametrize("stream", [False, True])
def test_arguments_of_tools_have_the_identifiers(service, stream):
    text = 'Write "alice@example.com" \\ or +44 20\n7946 0958.'
    body = {"messages": [{"role": "user", "content": text}], "tools": TOOLS, "stream": stream}
    response = requests.post(f"{service.url}/v1/chat/completions", json=body, headers=HEADERS, timeout=30)
    if stream:
        chunks = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: {")]
        calls = [
            call for chunk in chunks for choice in chunk["choices"] for call in choice["delta"].get("tool_calls", ())
        ]
        arguments = "".join(call["function"]["arguments"] for call in calls)
    else:
        [call] = response.json()["choices"][0]["message"]["tool_calls"]
        arguments = call["function"]["arguments"]
    assert json.loads(arguments) == {"text": text}
