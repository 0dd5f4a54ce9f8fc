"""promptfoo: an evaluation of two prompts with the provider openai:chat."""

import json
import tempfile
from pathlib import Path

from checks import ADA, API_KEY, BASE_URL, MODEL, PERSON, PERSON_SCHEMA, QUESTION, WEATHER, command, run

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}
FORM = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON_SCHEMA, "strict": True}}
OFF = {"PROMPTFOO_DISABLE_TELEMETRY": "1", "PROMPTFOO_DISABLE_UPDATE": "1", "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1"}


def evaluate(prompt, check, kind="chat", model=MODEL, **options):
    folder = Path(tempfile.mkdtemp())
    config = {"apiBaseUrl": BASE_URL, "apiKey": API_KEY, **options}
    provider = {"id": f"openai:{kind}:{model}", "config": config}
    test = {"assert": [{"type": "javascript", "value": check}]}
    whole = {"prompts": [prompt], "providers": [provider], "tests": [test]}
    (folder / "config.json").write_text(json.dumps(whole))
    command("promptfoo", "eval", "-c", "config.json", "--no-cache", "-o", "out.json", cwd=str(folder), **OFF)
    return json.loads((folder / "out.json").read_text())["results"]["stats"]["successes"] == 1


def chat():
    return evaluate(QUESTION, "output.length > 0", max_tokens=20)


def tools():
    return evaluate(WEATHER, "JSON.stringify(output).includes('get_weather')", tools=[TOOL])


def structured():
    return evaluate(
        PERSON, f"JSON.stringify(output) === '{json.dumps(ADA, separators=(',', ':'))}'", response_format=FORM
    )


def completions():
    return evaluate("Once", "output.length > 0", kind="completion", max_tokens=5)


run(chat=chat, tools=tools, structured=structured, completions=completions)
