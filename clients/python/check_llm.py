"""llm, the command, with extra-openai-models.yaml."""

import json
import tempfile
from pathlib import Path

from checks import ADA, API_KEY, BASE_URL, MODEL, PERSON, QUESTION, WEATHER, command, run

FOLDER = Path(tempfile.mkdtemp())
MODELS = f"""
- model_id: served
  model_name: {MODEL}
  api_base: {BASE_URL}
  api_key_name: served
  supports_tools: true
  supports_schema: true
"""
TOOL = '''
def get_weather(city: str) -> str:
    """Get the weather of a city."""
    return "sunny in " + city
'''
(FOLDER / "extra-openai-models.yaml").write_text(MODELS)
(FOLDER / "keys.json").write_text(json.dumps({"served": API_KEY}))


def llm(*arguments):
    return command("llm", "prompt", "-m", "served", *arguments, LLM_USER_PATH=str(FOLDER))


def chat():
    return llm("--no-stream", QUESTION).strip()


def stream():
    return llm(QUESTION).strip()


def tools():
    return "sunny in Paris" in llm("--functions", TOOL, WEATHER)


def structured():
    return json.loads(llm("--schema", "name, age int", "--no-stream", PERSON)) == ADA


run(chat=chat, stream=stream, tools=tools, structured=structured)
