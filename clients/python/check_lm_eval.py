"""lm-eval with a task of one question, by generation and by log-likelihood."""

import json
import tempfile
from pathlib import Path

from checks import API_KEY, BASE_URL, MODEL, command, run
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import PreTrainedTokenizerFast

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
    "doc_to_text": "The shorter name is",
    "doc_to_choice": ["Paris", "Rome"],
    "doc_to_target": 1,  # the scripted model gives shorter words a higher likelihood
    "metric_list": [{"metric": "acc"}],
}
WORDS = ("?", "The", "shorter", "name", "is", "Paris", "Rome")


def evaluate(kind, route, task, *options, tokenizer="tokenizer_backend=None"):
    """Return the table of results of an evaluation."""
    folder = Path(tempfile.mkdtemp())
    (folder / "questions.json").write_text(json.dumps([{"answer": "hello"}]))
    (folder / "task.yaml").write_text(json.dumps({"task": "own", **COMMON, **task}))
    server = f"base_url={BASE_URL}{route},model={MODEL},{tokenizer},tokenized_requests=False,max_retries=1"
    arguments = ["--model", kind, "--model_args", server, "--include_path", str(folder), "--tasks", "own", *options]
    return command("lm-eval", "run", *arguments, cwd=str(folder), OPENAI_API_KEY=API_KEY, HF_HUB_OFFLINE="1")


def chat():
    return "|own" in evaluate("local-chat-completions", "/chat/completions", GENERATION, "--apply_chat_template")


def completions():
    return "|own" in evaluate("local-completions", "/completions", GENERATION)


def likelihood():
    words = Tokenizer(WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="?"))
    words.pre_tokenizer = WhitespaceSplit()
    folder = tempfile.mkdtemp()
    PreTrainedTokenizerFast(tokenizer_object=words, eos_token="?", unk_token="?").save_pretrained(folder)
    table = evaluate("local-completions", "/completions", LIKELIHOOD, tokenizer=f"tokenizer={folder}")
    return any("|acc " in line and "1" in line.replace("|", " ").split() for line in table.splitlines())


run(chat=chat, completions=completions, likelihood=likelihood)
