"""codex as a command: an answer, and a command that its tool runs."""

import tempfile
from pathlib import Path

from checks import API_KEY, BASE_URL, MODEL, command, run

CONFIG = f"""
model = "{MODEL}"
model_provider = "service"

[model_providers.service]
name = "service"
base_url = "{BASE_URL}"
env_key = "SERVICE_KEY"
wire_api = "responses"
"""


def ask(question):
    home, folder = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp())
    (home / "config.toml").write_text(CONFIG)
    (folder / "notes.txt").write_text("The sky is green.\n")
    options = ("--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "--json")
    return command("codex", "exec", *options, question, cwd=str(folder), CODEX_HOME=str(home), SERVICE_KEY=API_KEY)


def stream():
    output = ask("Please say hello.")
    return '"type":"agent_message"' in output and '"turn.completed"' in output


def tools():
    return "The sky is green" in ask("Use exec_command with the command 'cat notes.txt'.")


run(stream=stream, tools=tools)
