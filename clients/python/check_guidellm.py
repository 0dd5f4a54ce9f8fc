"""guidellm: a benchmark of three requests with prompts from a file."""

import json
import tempfile
from pathlib import Path

from checks import API_KEY, BASE_URL, MODEL, QUESTION, command, run

REQUESTS = 3


def benchmark(route, **options):
    folder = Path(tempfile.mkdtemp())
    (folder / "prompts.jsonl").write_text(f"{json.dumps({'prompt': QUESTION, 'output_tokens_count': 20})}\n" * REQUESTS)
    server = {"kind": "openai_http", "target": BASE_URL.removesuffix("/v1"), "model": MODEL, "api_key": API_KEY}
    backend = {**server, "request_format": route, **options}
    data = {"kind": "json_file", "path": str(folder / "prompts.jsonl")}
    arguments = ("--backend", json.dumps(backend), "--data", json.dumps(data), "--profile", "kind=synchronous")
    limits = ("--constraint", f"kind=max_requests,count={REQUESTS}", "--disable-progress")
    output = ("--output", json.dumps({"kind": "json", "path": str(folder / "out.json")}))
    command("guidellm", "run", *arguments, *limits, *output, cwd=str(folder), HF_HUB_OFFLINE="1")
    [result] = json.loads((folder / "out.json").read_text())["benchmarks"]
    return len(result["requests"]["successful"]) == REQUESTS


def chat():
    return benchmark("/v1/chat/completions", stream=False)


def stream():
    return benchmark("/v1/chat/completions", stream=True)


def completions():
    return benchmark("/v1/completions")


run(chat=chat, stream=stream, completions=completions)
