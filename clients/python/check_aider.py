"""aider with one message and no repository."""

from checks import API_KEY, BASE_URL, MODEL, command, run

SERVER = {"OPENAI_API_BASE": BASE_URL, "OPENAI_API_KEY": API_KEY, "AIDER_ANALYTICS": "false"}
QUIET = (
    "--yes-always",
    "--no-git",
    "--no-check-update",
    "--no-show-model-warnings",
    "--no-pretty",
    "--map-tokens",
    "0",
)


def ask(*options):
    question = "Please say hello and change nothing."
    output = command("aider", "--model", f"openai/{MODEL}", *QUIET, *options, "--message", question, **SERVER)
    if "litellm." in output:  # the command ends with 0 whatever happened
        raise RuntimeError(output[-500:])
    return "received." in output


def chat():
    return ask("--no-stream")


def stream():
    return ask("--stream")


run(chat=chat, stream=stream)
