"""The clauses of sentences, and their parts about aspects."""

import pytest

from app.backends.tasks.clauses import aspect_spans, clause_spans


def clauses(text, language):
    return [text[slice(*span)] for span in clause_spans(text, (0, len(text)), language)]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "Lovely room, but rude staff.", ["Lovely room,", "but rude staff."]),
        (None, "Lovely room, but rude staff.", ["Lovely room,", "but rude staff."]),
        ("en", "But the staff were rude.", ["But the staff were rude."]),
        ("en", "Nothing but praise for a but", ["Nothing", "but praise for a but"]),
        ("en", "A button, a butler.", ["A button, a butler."]),
        ("de", "Schönes Zimmer, aber laut.", ["Schönes Zimmer,", "aber laut."]),
        ("de", "He said but in English.", ["He said but in English."]),
        ("xx", "Lovely room, but rude staff.", ["Lovely room,", "but rude staff."]),
        ("zh", "屏幕很漂亮，但是电池很差。", ["屏幕很漂亮，", "但是电池很差。"]),
    ],
)
def test_a_word_of_contrast_begins_a_clause(language, text, expected):
    assert clauses(text, language) == expected


@pytest.mark.parametrize(
    ("text", "aspect", "expected"),
    [
        ("Great camera, terrible battery life and a fair price", "battery", ["terrible battery life"]),
        ("Great camera, terrible battery life and a fair price", "price", ["a fair price"]),
        ("The cameras are great", "camera", ["The cameras are great"]),
        ("The camera, the camera app and a lens", "camera", ["The camera", "the camera app"]),
        ("Food, drinks, staff", "staff", ["Food, drinks, staff"]),
        ("The cameraman was rude", "camera", []),
    ],
)
def test_an_aspect_has_the_parts_of_an_enumeration_that_name_it(text, aspect, expected):
    assert [text[slice(*span)] for span in aspect_spans(text, aspect, [(0, len(text))])] == expected
