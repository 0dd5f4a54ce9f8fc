"""lm-eval with a task of one question, by generation and by log-likelihood."""

import json
import tempfile
from pathlib import Path

from checks import API_KEY, BASE_URL, MODEL, command, run

COMMON = {"dataset_path": "json", "dataset_kwargs": {"data_files": "questions.json"}, "test_split": "train"}
GENERATION = {
    "output_type": "generate_until",
    "doc_to_text": "Please say {{answer}}.",
    "doc_to_target": "{{answer}}",
    "generation_kwargs": {"until": ["\n"], "max_gen_toks": 20},
    "metric_list": [{"metric": "exact_match"}],
}
LIKELIHOOD = {
    "output_type": "multiple_choice",
    "doc_to_text": "The capital of France is",
    "doc_to_choice": ["Paris", "Rome"],
    "doc_to_target": 0,
    "metric_list": [{"metric": "acc"}],
}


def evaluate(kind, route, task, *options):
    folder = Path(tempfile.mkdtemp())
    (folder / "questions.json").write_text(json.dumps([{"answer": "hello"}]))
    (folder / "task.yaml").write_text(json.dumps({"task": "own", **COMMON, **task}))
    server = f"base_url={BASE_URL}{route},model={MODEL},tokenizer_backend=None,tokenized_requests=False,max_retries=1"
    arguments = ["--model", kind, "--model_args", server, "--include_path", str(folder), "--tasks", "own", *options]
    output = command("lm-eval", "run", *arguments, cwd=str(folder), OPENAI_API_KEY=API_KEY)
    return "|own" in output


def chat():
    return evaluate("local-chat-completions", "/chat/completions", GENERATION, "--apply_chat_template")


def completions():
    return evaluate("local-completions", "/completions", GENERATION)


def likelihood():
    return evaluate("local-completions", "/completions", LIKELIHOOD)


run(chat=chat, completions=completions, likelihood=likelihood)
