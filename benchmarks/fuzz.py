"""Test the running service against its OpenAPI document: Schemathesis, all checks, with and without client keys.

`make fuzz` runs at least 10,000 cases. A case fails on a 5xx, a response outside the document, a rejection of valid
data, or acceptance of invalid data. Arguments are passed to `schemathesis run`, which imports this module for its hook.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import schemathesis
from schemathesis.core.parameters import ParameterLocation

sys.path[:0] = [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1])]

from support.keys import made
from support.servers import Service

CASES = 10_000
THOROUGH = ["--max-examples", "150"]
MODEL = "org/small"
VALID = {"model": MODEL, "task": "text-generation"}
KEY_FORM = re.compile(r"[!-~]{1,255}")
TIME_FORM = re.compile(r"(?=.*[1-9])[0-9]+(\.[0-9]+)?(ms|s|m|h)?")
MAX_LENGTH = 32_768
TASK_CALL = re.compile(r"^/$|^(/hf-inference)?/models/|^/pipeline/|^/generate_stream$")
ONE_TEXT = ("best_of", "decoder_input_details")
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
# 413 precedes every other check of a body
CONFIG = """
[checks]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 413, 414, 415, 422, 431]
positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 413, 429, "5xx"]
"""


@schemathesis.hook
def before_call(_context, case, _kwargs):
    """Adapt a case to rules outside the document.

    An idempotency key belongs to one body, min_length is at most max_length, and a timeout is at most one day. Each
    task call has its own form of inputs and parameters, and most have no operation behind them (501). A stream of text
    has no best_of, and no tokens of its input. Schemathesis drops the pattern of models. A token that
    it makes up is accepted beside the valid key of the run.
    """
    headers, body = case.headers, case.body
    (headers or {}).pop("Authorization", None)
    locations = {ParameterLocation.PATH: case.path_parameters, ParameterLocation.QUERY: case.query}
    for location, values in {**locations, ParameterLocation.BODY: body}.items():
        if isinstance(values, dict) and case.meta and not case.meta.is_negative_at(location):
            values.update({name: value for name, value in VALID.items() if isinstance(values.get(name), str)})
    if KEY_FORM.fullmatch(str((headers or {}).get("Idempotency-Key", ""))):
        headers["Idempotency-Key"] = uuid4().hex
    if TIME_FORM.fullmatch(str((headers or {}).get("X-Request-Timeout", ""))):
        headers["X-Request-Timeout"] = "5s"
    if (
        isinstance(body, dict)
        and isinstance(body.get("min_length"), int | float)
        and 0 <= body["min_length"] <= MAX_LENGTH
    ):
        body["min_length"] = min(body["min_length"], 5)
    if headers:
        headers.pop("X-AI-Redact", None)  # what cannot be searched is refused
    if isinstance(body, dict) and case.path == "/v1/text/extract":
        body["schema"] = {"type": "object"}  # no server can meet any schema
    if isinstance(body, dict) and TASK_CALL.search(case.path):
        body.pop("task", None)
        if isinstance(body.get("inputs"), list | dict):
            body["inputs"] = "A text."
        if isinstance(parameters := body.get("parameters"), dict):
            body["parameters"] = (
                {}
                if case.path != "/generate_stream"
                else {name: value for name, value in parameters.items() if name not in ONE_TEXT}
            )


def classes(body: dict) -> dict:
    """Return the response of vLLM's classifier: two classes for each text."""
    count = len(body["input"]) if isinstance(body["input"], list) else 1
    data = [{"index": index, "label": "a", "probs": [0.6, 0.4], "num_classes": 2} for index in range(count)]
    return {"id": "x-1", "object": "list", "created": 1, "model": MODEL, "data": data, "usage": USAGE}


def ratings(body: dict) -> dict:
    """Return the response of OpenAI's moderations: one result for each text, or for all parts."""
    given = body["input"]
    count = len(given) if isinstance(given, list) and isinstance(given[0], str) else 1
    result = {"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 0.1}}
    return {"id": "modr-1", "model": MODEL, "results": [result] * count}


# beside OpenAI's chat, completions and embeddings
OTHER_ROUTES = {
    "/classify": classes,
    "/v1/moderations": ratings,
    "/tokenize": lambda _body: {"count": 1, "max_model_len": 100, "tokens": [5], "token_strs": ["x"]},
    "/detokenize": lambda _body: {"prompt": "x"},
}


def instance(schema: dict) -> object:
    """Return a value that is valid under a schema of the service's own."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: instance(part) for name, part in schema.get("properties", {}).items()}
    return {"array": [], "string": "x", "boolean": True, "null": None}.get(kind, 0)


def content_of(body: dict) -> str:
    """Return the text of a chat: JSON if the request asks for it, else the name of a sentiment."""
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return json.dumps(instance(wanted["json_schema"].get("schema", {})))
    return "{}" if wanted.get("type") == "json_object" else "positive"


class Handler(BaseHTTPRequestHandler):
    """Respond at once as an OpenAI-compatible server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._reply({"object": "list", "data": [{"id": MODEL, "object": "model", "created": 1, "owned_by": "us"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/embeddings"):
            given = body["input"]
            count = len(given) if isinstance(given, list) and not isinstance(given[0], int) else 1
            data = [{"object": "embedding", "index": index, "embedding": [0.5, -0.5]} for index in range(count)]
            return self._reply({"object": "list", "data": data, "model": MODEL, "usage": USAGE})
        if other := OTHER_ROUTES.get(self.path):
            return self._reply(other(body))
        chat = self.path.endswith("/chat/completions")
        part = {"role": "assistant", "content": content_of(body)}
        stream = bool(body.get("stream"))
        content = {"delta" if stream else "message": part} if chat else {"text": part["content"]}
        response = {
            "id": "x-1",
            "object": ("chat.completion" if chat else "text_completion") + (".chunk" if chat and stream else ""),
            "created": 1,
            "model": MODEL,
            "choices": [{"index": 0, "finish_reason": "stop", **content}],
            "usage": USAGE,
        }
        if not stream:
            return self._reply(response)
        return self._send(f"data: {json.dumps(response)}\n\ndata: [DONE]\n\n", "text/event-stream")

    def _reply(self, body: dict) -> None:
        self._send(json.dumps(body), "application/json")

    def _send(self, text: str, media_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *arguments: object) -> None:
        pass


def main(options: list[str]) -> int:
    """Run the cases without keys, with a valid key, and without the required key; return the exit status."""
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    upstream.daemon_threads = True
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    settings = {
        "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream.server_port}/v1",
        "MODERATION_MODEL": MODEL,
        "OPENAI_DEFAULT_MODEL": MODEL,
        "RATE_LIMIT": "900000000/second",
    }
    key, line = made("fuzz", "debug=true")
    keyed = {**settings, "API_KEYS": line, "OPERATOR_ROUTES_REQUIRE_KEY": "true"}
    runs = [(settings, []), (keyed, ["--header", f"X-API-Key: {key}"]), (keyed, ["--phases", "fuzzing"])]
    cases, failed = 0, False
    for variables, more in runs:
        service = Service(**variables)
        service.wait_for_line("Ready on")
        try:
            status, made_cases = run(f"{service.url}/openapi.json", [*(options or THOROUGH), *more])
        finally:
            service.stop()
        errors = [line for line in service.lines if '"level":"ERROR"' in line]
        print(f"{made_cases} cases, {len(errors)} errors in the log", *errors[:20], sep="\n", flush=True)
        cases, failed = cases + made_cases, failed or status != 0 or bool(errors)
    print(f"{cases} cases in all")
    return int(failed or (not options and cases < CASES))


def run(url: str, options: list[str]) -> tuple[int, int]:
    """Return the exit status of a run, and the number of its cases."""
    here, tool = Path(__file__).resolve(), Path(sys.executable).parent / "schemathesis"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "schemathesis.toml").write_text(CONFIG)
        done = subprocess.run(
            [tool, "run", url, "--checks", "all", "--suppress-health-check", "filter_too_much,too_slow", *options],
            env={**os.environ, "SCHEMATHESIS_HOOKS": here.stem, "PYTHONPATH": str(here.parent)},
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    print(done.stdout, flush=True)
    return done.returncode, sum(map(int, re.findall(r"([0-9]+) generated", done.stdout)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
