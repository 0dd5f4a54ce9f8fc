"""The encoder's names and addresses, made of the parts that its model finds."""

from types import SimpleNamespace

import pytest

from app.embedded.encoder import pii
from app.embedded.encoder.errors import InvalidInput
from app.embedded.encoder.models import Models

TEXT = "Ada Moor of 12 Mill Street, Leeds LS1 4AP met Bob in Bergen."


class FindingModels(Models):
    """A model that finds chosen parts of the text."""

    def __init__(self, *found):
        super().__init__()
        self._names = [
            SimpleNamespace(label=label, start=TEXT.index(part), end=TEXT.index(part) + len(part), score=score)
            for label, part, score in found
        ]

    def get(self, _load):
        return SimpleNamespace(find=lambda _text: (self._names, 15))


def found(*parts):
    output, tokens = pii.load(FindingModels(*parts))(TEXT, {})
    assert tokens == 15
    return [(one["type"], TEXT[one["start"] : one["end"]], one["score"]) for one in output]


def test_parts_side_by_side_are_one_name_or_address_with_the_lowest_score():
    parts = [
        ("GIVEN_NAME", "Ada", 0.9),
        ("SURNAME", "Moor", 0.8),
        ("BUILDING_NUMBER", "12", 0.9),
        ("STREET_NAME", "Mill Street", 0.9),
        ("CITY", "Leeds", 0.7),
        ("ZIP_CODE", "LS1 4AP", 0.9),
        ("GIVEN_NAME", "Bob", 0.6),
    ]
    assert found(*parts) == [
        ("name", "Ada Moor", 0.8),
        ("address", "12 Mill Street, Leeds LS1 4AP", 0.7),
        ("name", "Bob", 0.6),
    ]


def test_a_city_alone_other_labels_and_unlikely_names_are_left_out():
    assert found(("CITY", "Bergen", 0.99), ("TAX_ID", "12", 0.99), ("GIVEN_NAME", "Bob", 0.4)) == []


def test_a_part_of_a_word_is_the_word_if_the_model_took_most_of_it():
    assert found(("SURNAME", "oo", 0.9), ("STREET_NAME", "Mill Stre", 0.9), ("GIVEN_NAME", "Be", 0.9)) == [
        ("address", "Mill Street", 0.9)
    ]


def test_an_input_has_to_be_a_text():
    with pytest.raises(InvalidInput):
        pii.load(FindingModels())(5, {})


def test_the_real_model_finds_names_and_addresses_in_four_languages():
    run = pii.load(Models())
    texts = {
        "My name is Alex Rivera and I live at 12 Main Street, Springfield, IL 62704.": ["name", "address"],
        "Hallo, ich bin Jürgen Müller aus der Hauptstraße 5, 10115 Berlin.": ["name", "address"],
        "Bonjour, Marie Dubois, 14 rue de la Paix, 75002 Paris": ["name", "address"],
        "Me llamo María García López y vivo en Calle Mayor 10, 28013 Madrid": ["name", "address"],
        "The battery lasts long and the screen is gorgeous.": [],
    }
    assert {text: [one["type"] for one in run(text, {})[0]] for text in texts} == texts
