"""qwen-code with OpenAI's settings: an answer, and a command that its tool runs."""

import tempfile
from pathlib import Path

from checks import API_KEY, BASE_URL, MODEL, command, run

SERVER = {"OPENAI_BASE_URL": BASE_URL, "OPENAI_API_KEY": API_KEY, "OPENAI_MODEL": MODEL}


def ask(question, *options):
    folder = Path(tempfile.mkdtemp())
    (folder / "notes.txt").write_text("The sky is green.\n")
    arguments = ("--auth-type", "openai", "--telemetry=false", "--prompt", question, *options)
    return command("qwen", *arguments, cwd=str(folder), **SERVER)


def stream():
    return ask("Please say hello.").strip()


def tools():
    question = "Use run_shell_command with the command 'cat notes.txt'."
    return "Command: cat notes.txt" in ask(question, "--yolo", "--output-format", "stream-json")


run(stream=stream, tools=tools)
