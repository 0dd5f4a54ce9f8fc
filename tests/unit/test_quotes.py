"""Error texts of upstreams are logged without the texts of the request that they quote."""

import json
import time

import pytest

from app.context.quotes import without_quotes

TEXT = "Tell me a story about Héloïse,\nthe astronomer of Saint-Cloud."
BODY = {
    "model": "org/small-instruct",
    "messages": [{"role": "user", "content": [{"type": "text", "text": TEXT}]}],
    "max_completion_tokens": 5,
}


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("Out of memory", "Out of memory"),
        ("Unsupported parameter: 'max_completion_tokens'.", "Unsupported parameter: 'max_completion_tokens'."),
        ("No access to org/small-instruct for role user.", "No access to org/small-instruct for role user."),
        ("Refused: 'tell me a story'.", "Refused: '[removed]'."),
        (f"Refused: {TEXT} (code 5)", "Refused: [removed]. (code 5)"),
        (f"Refused: {json.dumps(TEXT)}", 'Refused: "[removed]."'),
        (f"Refused: {TEXT!r}", "Refused: '[removed].'"),
        ("Refused: «about Héloïse»", "Refused: «about [removed]»"),
        ("Refused: story about ... a story about ... of Saint-Cloud", "Refused: story about ... [removed]"),
    ],
)
def test_quotes_of_the_request_are_removed_and_all_other_words_stay(reason, expected):
    assert without_quotes(reason, BODY) == expected


@pytest.mark.parametrize(
    ("body", "reason", "expected"),
    [
        ({"inputs": "Rosebud"}, "Cannot read 'rosebud'", "Cannot read '[removed]'"),
        ({"inputs": "4711-abcd"}, "Cannot read 4711-abcd at 4711", "Cannot read [removed] at 4711"),
        ({"input": ["x", "pneumonoultramicroscopic"]}, "no: pneumonoultramicro", "no: [removed]"),
        ({"inputs": "我的秘密是什么"}, "unsafe: 秘密是什么", "unsafe: [removed]"),
        ({"prompt": "no"}, "no such model", "no such model"),
        ({"prompt": "prompt"}, "prompt is too long", "prompt is too long"),
        ({"stop": ["Rosebud", None, 5]}, "stop: Rosebud", "stop: [removed]"),
        ({"tools": [{"properties": {"rosebud": {}}}]}, "tools.0.rosebud", "tools.0.[removed]"),
        ({"metadata": {"case": "Rosebud"}}, "bad case: Rosebud", "bad [removed]"),
        ({"url": "data:image/png;base64,abcdefghijklmnop"}, "bad: abcdefghijklmnop", "bad: abcdefghijklmnop"),
        (None, "No.", "No."),
        ({"prompt": "Rosebud"}, "", ""),
        ({"prompt": "\U0001f600 smile"}, "no: \\ud83d\\ude00 smile \\ud83d", "no: \U0001f600 [removed] \ufffd"),
    ],
)
def test_short_texts_other_scripts_and_names_of_the_client_are_removed(body, reason, expected):
    assert without_quotes(reason, body) == expected


def test_a_quote_at_any_place_of_a_long_text_is_found_in_linear_time():
    text = "word " * 400_000
    started = time.process_time()
    for position in (0, 65_530, 65_536, 131_070, len(text)):
        body = {"prompt": f"{text[:position]} one canary sings {text[position:]}"}
        assert without_quotes("no: one canary sings", body) == "no: [removed]"
    assert time.process_time() - started < 10
