"""Claude Code: an answer, and a command that its tool runs."""

import tempfile
from pathlib import Path

from checks import API_KEY, BASE_URL, MODEL, command, run

SERVER = {
    "ANTHROPIC_BASE_URL": BASE_URL.removesuffix("/v1"),
    "ANTHROPIC_AUTH_TOKEN": API_KEY,
    "ANTHROPIC_MODEL": MODEL,
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    # it refuses to run commands without questions for the user root elsewhere
    "IS_SANDBOX": "1",
}


def ask(question, *options):
    folder = Path(tempfile.mkdtemp())
    (folder / "notes.txt").write_text("The sky is green.\n")
    return command("claude", "--print", question, *options, cwd=str(folder), **SERVER)


def stream():
    return "You said: Please say hello." in ask("Please say hello.")


def tools():
    question = "Use Bash with the command 'cat notes.txt'."
    return "The sky is green." in ask(question, "--dangerously-skip-permissions")


run(stream=stream, tools=tools)
