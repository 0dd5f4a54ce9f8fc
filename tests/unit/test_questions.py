"""The kind of answer that a question asks for, and the part of a sentence that is of the kind."""

import pytest

from app.texts.entities import Entity, combined
from app.texts.entity_rules import by_rules
from app.texts.questions import answering, is_about_reason, kinds_of_answer, numbers, reason


def answer(question, sentence, *names):
    entities = [Entity(kind, sentence.index(name), sentence.index(name) + len(name)) for name, kind in names]
    span = answering(question, sentence, combined(by_rules(sentence), entities, numbers(sentence)))
    return span and sentence[slice(*span)]


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Who wrote it?", "person"),
        ("Wer hat es geschrieben?", "person"),
        ("¿Quién lo escribió?", "person"),
        ("Where is it?", "place"),
        ("Où est-il ?", "place"),
        ("Which city is it in?", "place"),
        ("When did it open?", "date"),
        ("In which year did it open?", "date"),
        ("What time is it?", "time"),
        ("How long did it take?", "time"),
        ("How many were there?", "quantity"),
        ("Wie hoch ist es?", "quantity"),
        ("What is the price?", "money"),
        ("Combien coûte le billet ?", "money"),
        ("What is the e-mail of the office?", "email"),
        ("Which address answers?", "email"),
        ("What is the phone number?", "phone"),
        ("What is the website?", "url"),
        ("Which company made it?", "organization"),
    ],
)
def test_first_words_tell_the_kind_of_the_answer(question, kind):
    assert kinds_of_answer(question)[0] == kind


@pytest.mark.parametrize("question", ["What does it eat?", "Describe it.", "Is the car red?", ""])
def test_other_questions_take_any_part(question):
    assert kinds_of_answer(question) == ()


@pytest.mark.parametrize(
    ("question", "sentence", "names", "expected"),
    [
        ("Who met Ann?", "Ann met Bob.", [("Ann", "person"), ("Bob", "person")], "Bob"),
        ("Who formed it?", "Acme was formed by Ada.", [("Acme", "organization"), ("Ada", "person")], "Ada"),
        ("When is it?", "It is on Friday at 10 am.", [], "Friday at 10 am"),
        ("When did it open?", "Das Haus wurde 1884 gebaut.", [], "1884"),
        ("How many books?", "Today it lends 40 books.", [("Today", "date")], "40"),
        ("How many cups?", "The recipe has two cups.", [], "two"),
        ("What does it cost?", "It weighs 2 kg and costs $5.", [], "$5"),
        ("How heavy is it?", "It costs $5 and weighs 2 kg.", [], "2 kg"),
        ("Where is it?", "It is on Friday.", [], None),
    ],
)
def test_the_part_of_the_kind_is_new_to_the_question(question, sentence, names, expected):
    assert answer(question, sentence, *names) == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The car stopped because of the cold.", "the cold"),
        ("Der Zug hält, weil es brennt.", "es brennt"),
        ("It closed after the fire!", "the fire"),
        ("It closed because.", None),
        ("It closed.", None),
    ],
)
def test_a_reason_follows_its_word(sentence, expected):
    span = reason(sentence)
    assert (span and sentence[slice(*span)]) == expected


def test_questions_for_reasons_are_known():
    assert is_about_reason("Why?")
    assert is_about_reason("Warum ist das so?")
    assert not is_about_reason("What is the reason?")
