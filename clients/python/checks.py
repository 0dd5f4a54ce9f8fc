"""Runs the checks of one client and prints their results as one line of JSON.

The environment names the server: BASE_URL, API_KEY, MODEL, EMBEDDING_MODEL, and in CHECKS the checks to run.
"""

import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

BASE_URL, API_KEY, MODEL = (os.environ[name] for name in ("BASE_URL", "API_KEY", "MODEL"))
EMBEDDING_MODEL = os.environ["EMBEDDING_MODEL"]
CHECKS = os.environ["CHECKS"].split(",")
QUESTION = "Please say hello."
WEATHER = "What is the weather in 'Paris'?"
PERSON = "Give me a person named 'Ada', aged 36."
PERSON_SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
ADA = {"name": "Ada", "age": 36}
COMMAND_SECONDS = 150


def get_weather(city: str) -> str:
    """Get the weather of a city."""
    return f"sunny in {city}"


def run(**checks: Callable[[], Any]) -> None:
    """Run the checks that CHECKS names. A check passes if it returns a true value and raises nothing."""
    results = {name: _result(check) for name, check in checks.items() if name in CHECKS}
    print("\n" + json.dumps(results), flush=True)


def _result(check: Callable[[], Any]) -> str:
    try:
        value = check()
    except BaseException as error:
        traceback.print_exc()
        return f"{type(error).__name__}: {error}"[:600]
    print(f"{check.__name__}: {value!r}"[:300], file=sys.stderr)
    return "ok" if value else f"unexpected result: {value!r}"


def command(name: str, *arguments: str, cwd: str | None = None, **variables: str) -> str:
    """Run a command of the client's environment in an empty home; return its output, or raise an error with it."""
    home = tempfile.mkdtemp()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "HOME": home, **variables}
    done = subprocess.run(
        [name, *arguments],
        env=environment,
        cwd=cwd or home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
    )
    output = done.stdout + done.stderr
    print(output, file=sys.stderr)
    if done.returncode:
        raise RuntimeError(f"exit status {done.returncode}: {output.strip()[-400:]}")
    return output
