"""Entities of a fixed form, offsets in other units, and parts of long texts."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.texts.entities import TYPES, Entity, combined, located, of_types, trimmed
from app.texts.entity_rules import by_rules
from app.texts.offsets import BYTES, CODE_POINTS, UNITS, UTF16, converted
from app.texts.windows import windows


def rules(text):
    return [(text[entity.start : entity.end], entity.type) for entity in combined(by_rules(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to anna.b+c@mail.example.co.uk.", [("anna.b+c@mail.example.co.uk", "email")]),
        (
            "See https://example.com/a?b=c#d, or www.example.org.",
            [("https://example.com/a?b=c#d", "url"), ("www.example.org", "url")],
        ),
        ("It costs $1,250.50 or 3 million euros.", [("$1,250.50", "money"), ("3 million euros", "money")]),
        ("Es kostet 1.250,00 € oder 12 Mio. Franken.", [("1.250,00 €", "money"), ("12 Mio. Franken", "money")]),
        ("価格は1,200円です。", [("1,200円", "money")]),
        (
            "up 7.5% and 12 per cent, um 3 Prozent",
            [("7.5%", "percent"), ("12 per cent", "percent"), ("3 Prozent", "percent")],
        ),
        ("On 2024-05-01, 1/5/24 and 01.05.2024", [("2024-05-01", "date"), ("1/5/24", "date"), ("01.05.2024", "date")]),
        ("May 7th, 2023 and 3rd of March", [("May 7th, 2023", "date"), ("3rd of March", "date")]),
        (
            "am 3. Oktober 2020, le 1er mai, el 5 de mayo de 2021",
            [("3. Oktober 2020", "date"), ("1er mai", "date"), ("5 de mayo de 2021", "date")],
        ),
        ("2024年5月1日", [("2024年5月1日", "date")]),
        ("last week, on Monday, gestern", [("last week", "date"), ("Monday", "date"), ("gestern", "date")]),
        ("since 1998", [("1998", "date")]),
        (
            "at 9:30 a.m. or 5 pm, um 14:30 Uhr, à 14h30",
            [("9:30 a.m.", "time"), ("5 pm", "time"), ("14:30 Uhr", "time"), ("14h30", "time")],
        ),
        ("It took two hours and 3 weeks.", [("two hours", "time"), ("3 weeks", "date")]),
        ("Call +49 (0) 30 1234567 or 020 7946 0958.", [("+49 (0) 30 1234567", "phone"), ("020 7946 0958", "phone")]),
        ("It weighs 3.5 kg at 20 °C.", [("3.5 kg", "quantity"), ("20 °C", "quantity")]),
        ("It holds 40 million litres since 15 March.", [("40 million litres", "quantity"), ("15 March", "date")]),
        ("Die Meyer & Sohn GmbH und Acme Inc.", [("Meyer & Sohn GmbH", "organization"), ("Acme Inc", "organization")]),
        ("Elle enseigne à l'Université de Nantes.", [("Université de Nantes", "organization")]),
        ("You may march in, mark the deck, and sat down.", []),
        ("Version 1.2.3, room 204, order 4711", []),
    ],
)
def test_rules_find_entities_of_a_fixed_form(text, expected):
    assert rules(text) == expected


@pytest.mark.parametrize(
    "repeated", ["1.", "1,111", "a@", "a.", "www.", "+1 ", "May ", "1 ", "1年", "(0", "€1", "Aa ", "A.", "University "]
)
def test_rules_take_linear_time(repeated):
    start = time.process_time()
    list(by_rules(repeated * 5_000))
    assert time.process_time() - start < 1


@given(st.text())
def test_rules_return_parts_of_the_text_with_known_types(text):
    found = combined(by_rules(text))
    assert all(0 <= entity.start < entity.end <= len(text) and entity.type in TYPES for entity in found)
    assert all(one.end <= other.start for one, other in pairwise(found))


def test_the_first_source_keeps_its_place():
    person, place = Entity("person", 0, 4), Entity("place", 2, 6)
    assert combined([person], [place, Entity("date", 7, 9)]) == [person, Entity("date", 7, 9)]


def test_texts_of_a_model_are_located_as_whole_words_wherever_they_are():
    text = "Ann met Anna in Köln, and Ann left Köln Bonn."
    found = located(
        text, [("Ann", "person"), ("Köln", "place"), ("Köln Bonn", "place"), ("Paris", "place"), ("", "place")]
    )
    assert [text[entity.start : entity.end] for entity in found] == ["Ann", "Köln", "Ann", "Köln Bonn"]


def test_texts_without_spaces_are_located_within_others():
    assert [(entity.start, entity.end) for entity in located("张三在北京", [("北京", "place")])] == [(3, 5)]


@pytest.mark.parametrize(
    ("start", "end", "expected"), [(3, 9, (4, 8)), (0, 3, None), (5, 5, None), (0, 99, None), (-1, 4, None)]
)
def test_an_entity_is_trimmed_to_its_letters(start, end, expected):
    found = trimmed("  (“Bonn”) ", Entity("place", start, end))
    assert (found and (found.start, found.end)) == expected


def test_types_are_filtered_on_request_only():
    entities = [Entity("person", 0, 1), Entity("date", 2, 3)]
    assert of_types(entities, []) == entities
    assert of_types(entities, ["date"]) == entities[1:]


@given(st.text(st.characters(exclude_categories=[])), st.data())
def test_offsets_in_units_select_the_same_part(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    utf16, utf8 = (text.encode(codec, "surrogatepass") for codec in ("utf-16-le", "utf-8"))
    units = {unit: converted(text, [end, start], unit) for unit in UNITS}
    assert (units[CODE_POINTS][start], units[CODE_POINTS][end]) == (start, end)
    assert utf16[2 * units[UTF16][start] : 2 * units[UTF16][end]] == text[start:end].encode(
        "utf-16-le", "surrogatepass"
    )
    assert utf8[units[BYTES][start] : units[BYTES][end]] == text[start:end].encode("utf-8", "surrogatepass")


def test_offsets_count_characters_of_two_units_and_of_four_bytes():
    text = "👍 Köln"
    assert converted(text, [2, 6], UTF16) == {2: 3, 6: 7}
    assert converted(text, [2, 6], BYTES) == {2: 5, 6: 10}


@given(st.text(), st.integers(1, 40))
def test_windows_are_the_complete_text_in_order(text, limit):
    spans = list(windows(text, limit, len))
    assert "".join(text[start:end] for start, end in spans) == text
    assert all(end - start <= max(limit, 16) for start, end in spans)


def test_windows_end_with_a_sentence_and_cut_long_sentences_at_spaces():
    text = "One is here. Two is there. " + "word " * 10 + "end."
    assert [text[start:end] for start, end in windows(text, 30, len)] == [
        "One is here. Two is there. ",
        "word word word word word ",
        "word word word word word end.",
    ]
