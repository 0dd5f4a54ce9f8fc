"""opencode with @ai-sdk/openai-compatible: an answer, and a file that its tool reads."""

import json
import tempfile
from pathlib import Path

from checks import API_KEY, BASE_URL, MODEL, command, run

PROVIDER = {
    "npm": "@ai-sdk/openai-compatible",
    "name": "service",
    "options": {"baseURL": BASE_URL, "apiKey": API_KEY},
    "models": {MODEL: {"name": MODEL, "limit": {"context": 100_000, "output": 200}}},
}
CONFIG = {"provider": {"service": PROVIDER}, "autoupdate": False, "share": "disabled", "permission": "allow"}
OFF = {"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1"}


def ask(question):
    folder = Path(tempfile.mkdtemp())
    (folder / "notes.txt").write_text("The sky is green.\n")
    (folder / "opencode.json").write_text(json.dumps(CONFIG))
    arguments = ("run", "--model", f"service/{MODEL}", "--format", "json", question)
    return command("opencode", *arguments, cwd=str(folder), **OFF)


def stream():
    return '"type":"text"' in ask("Please say hello.")


def tools():
    return "The sky is green" in ask("Use the read tool on 'notes.txt'.")


run(stream=stream, tools=tools)
