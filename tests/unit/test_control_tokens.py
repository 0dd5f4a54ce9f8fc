"""Control tokens in callers' texts become text, and nothing else changes."""

import json
import time

import pytest

from app.backends.engine.control_tokens import ZERO_WIDTH_SPACE, ControlTokens
from app.config.gguf import control_tokens
from app.config.model_file import model_file

FAMILIES = {
    "ChatML, Qwen, SmolLM": "<|im_start|> <|im_end|> <|endoftext|>",
    "Llama 2": "<s> </s> [INST] [/INST] <<SYS>> <</SYS>>",
    "Llama 3": "<|begin_of_text|> <|start_header_id|> <|end_header_id|> <|eot_id|> <|eom_id|> <|python_tag|>",
    "Llama 4": "<|header_start|> <|header_end|> <|eot|>",
    "Mistral": "[INST] [SYSTEM_PROMPT] [/SYSTEM_PROMPT] [AVAILABLE_TOOLS] [TOOL_CALLS] [TOOL_RESULTS] [TOOL_CONTENT]",
    "Gemma": "<bos> <eos> <start_of_turn> <end_of_turn> <unused12> <start_of_image> <|turn> <turn|>",
    "Phi": "<|user|> <|assistant|> <|system|> <|end|> <|im_sep|>",
    "DeepSeek": "<｜begin▁of▁sentence｜> <｜User｜> <｜Assistant｜> <｜end▁of▁sentence｜> <｜tool▁calls▁begin｜>",
    "gpt-oss": "<|start|> <|message|> <|channel|> <|end|> <|return|> <|call|> <|constrain|>",
    "Command R": "<|START_OF_TURN_TOKEN|> <|END_OF_TURN_TOKEN|> <|SYSTEM_TOKEN|> <|USER_TOKEN|> <BOS> <PAD>",
    "GLM": "[gMASK] <sop> <|observation|>",
    "BERT, T5": "[CLS] [SEP] [MASK] [PAD] [UNK] <extra_id_0> <pad> <unk> <mask>",
    "Granite, OpenChat, Kimi": "<|start_of_role|> <|end_of_turn|> <|im_user|>",
    "Seed, Baichuan, code": "<seed:bos> <reserved_106> <fim_prefix> <file_sep> <repo_name> <EOT>",
}


@pytest.fixture
def tokens():
    return ControlTokens(tuple)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_control_tokens_of_each_family_are_made_text(tokens, family):
    text = tokens.neutralize(FAMILIES[family])
    for token in FAMILIES[family].split():
        assert token not in text.split()
    assert text.replace(ZERO_WIDTH_SPACE, "") == FAMILIES[family], "it reads the same"


@pytest.mark.parametrize(
    "text",
    [
        "a < b and c > d",
        "<div class='a'>[1] [INSTALL] <section></section></div>",
        "x = a[0] | b[1]",
        "if (a <b || c> d)",
        "List<String> | Map<K, V>",
        "<think>Hm.</think>",
        "[INST",
        "<|im_end",
        "<\n|im_end|>",
        "",
    ],
)
def test_other_text_does_not_change(tokens, text):
    assert tokens.neutralize(text) == text


def test_a_token_inside_what_looks_like_another_is_found(tokens):
    assert tokens.neutralize("<|<|im_end|>|>") == f"<|<{ZERO_WIDTH_SPACE}|im_end|>|>"
    assert tokens.neutralize("[<s>") == f"[<{ZERO_WIDTH_SPACE}s>"


def test_the_tokens_of_the_model_are_read_once_whatever_their_form():
    reads = []

    def load():
        reads.append(1)
        return {"<turn>", "]~b]", ">>TITLE<<", "\n"}

    tokens = ControlTokens(load)
    assert tokens.neutralize("a <turn> ]~b] >>TITLE<<\n") == (
        f"a <{ZERO_WIDTH_SPACE}turn> ]{ZERO_WIDTH_SPACE}~b] >{ZERO_WIDTH_SPACE}>TITLE<<\n"
    )
    assert tokens.neutralize("<turn>") != "<turn>"
    assert len(reads) == 1


def test_every_text_in_a_value_is_made_text(tokens):
    value = {"<s>": ["<s>", {"a": "<s>"}], "b": 1, "c": None, "d": True}
    split = f"<{ZERO_WIDTH_SPACE}s>"
    assert tokens.neutralize_all(value) == {split: [split, {"a": split}], "b": 1, "c": None, "d": True}


@pytest.mark.parametrize("arguments", ['{"a": "\\u003cs>"}', ' [ "\\u003c\\u0073>" ]'])
def test_escapes_in_a_text_of_json_hide_no_token(tokens, arguments):
    assert "<s>" not in str(json.loads(tokens.neutralize_all(arguments)))


@pytest.mark.parametrize("text", ['{"a": "\\u003cs>', "a \\u003cs> b"])
def test_escapes_in_other_texts_stay(tokens, text):
    assert tokens.neutralize_all(text) == text


def test_the_search_takes_linear_time(tokens):
    started = time.process_time()
    for text in ("<" * 200_000, "<|" * 100_000, "[" * 200_000, "<" + "a" * 200_000, "<s" * 100_000):
        tokens.neutralize(text)
    assert time.process_time() - started < 3


def test_the_control_tokens_of_a_file_are_read_from_its_metadata():
    found = control_tokens(model_file(None))
    assert {"<|im_start|>", "<|im_end|>", "<|endoftext|>"} <= found
    assert "the" not in found


BEGINNING = model_file(None).read_bytes()[:4_000_000]
TOKENS = BEGINNING.index(b"tokenizer.ggml.tokens") + len("tokenizer.ggml.tokens")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GGML" + BEGINNING[4:],
        BEGINNING[:100],
        BEGINNING[:TOKENS] + b"\xff" * 16,
        BEGINNING[: TOKENS + 4] + (8).to_bytes(4, "little") + b"\xff" * 8,
        BEGINNING[: TOKENS + 16] + b"\xff" * 8,
        BEGINNING[:16] + bytes(8),
    ],
)
def test_a_file_that_cannot_be_read_has_no_control_tokens(tmp_path, data):
    file = tmp_path / "model.gguf"
    file.write_bytes(data)
    assert control_tokens(file) == frozenset()
    assert control_tokens(tmp_path / "none.gguf") == frozenset()
