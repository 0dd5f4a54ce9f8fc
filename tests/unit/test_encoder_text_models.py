"""The encoder's operations on texts, with models whose findings the tests choose."""

from types import SimpleNamespace

import pytest

from app.embedded.encoder import answer, entities, keywords
from app.embedded.encoder.entities import EntityFinder
from app.embedded.encoder.errors import InvalidInput, ModelFileMissing
from app.embedded.encoder.models import Models
from app.texts.entities import Entity

TEXT = "The Acme Group of Mvezo hired Dr. Ada Moor of Leeds in May."


def place(text, part):
    return text.index(part), text.index(part) + len(part)


class ChosenModels(Models):
    """Models by the names of their classes."""

    def __init__(self, **chosen):
        super().__init__()
        self.chosen = chosen

    def get(self, load):
        if load.__name__ in self.chosen:
            model = self.chosen[load.__name__]
            if isinstance(model, Exception):
                raise model
            return model
        return load(self)


def names(text, *found):
    listed = [
        SimpleNamespace(label=label, start=place(text, part)[0], end=place(text, part)[1], score=score)
        for label, part, score in found
    ]
    return SimpleNamespace(find=lambda _text: (listed, 7))


def english(text, *found, phrases=()):
    return SimpleNamespace(
        entities=lambda _text: ([Entity(kind, *place(text, part)) for kind, part in found], 5),
        noun_phrases=lambda sentence: [place(sentence, part) for part in phrases if part in sentence],
        keyword_phrases=lambda _text: ([place(text, part) for part in phrases], 5),
    )


def listed(output, text=TEXT):
    return [(kind, text[start:end]) for kind, start, end, _ in output["entities"]]


def test_names_correct_the_types_of_spacys_entities():
    found = english(
        TEXT,
        ("organization", "The Acme Group of"),
        ("organization", "Mvezo"),
        ("organization", "Ada Moor of"),
        ("date", "May"),
    )
    rampart = names(
        TEXT, ("CITY", "Mvezo", 0.9), ("GIVEN_NAME", "Ada", 0.9), ("SURNAME", "Moor", 0.9), ("PHONE", "May", 0.9)
    )
    run = entities.load(ChosenModels(English=found, Rampart=rampart))
    output, tokens = run(TEXT, {"language": "en"})
    assert listed(output) == [
        ("organization", "Acme Group"),
        ("place", "Mvezo"),
        ("person", "Dr. Ada Moor"),
        ("date", "May"),
    ]
    assert (output["source"], tokens) == ("spacy", 12)


def test_a_likely_name_that_spacy_overlooks_is_added():
    rampart = names(
        TEXT, ("CITY", "Mvezo", 0.9), ("GIVEN_NAME", "Ada", 0.9), ("SURNAME", "Moor", 0.9), ("CITY", "Leeds", 0.5)
    )
    run = entities.load(ChosenModels(English=english(TEXT), Rampart=rampart))
    assert listed(run(TEXT, {"language": "en"})[0]) == [("place", "Mvezo"), ("person", "Dr. Ada Moor")]


def test_unlikely_names_correct_nothing():
    run = entities.load(
        ChosenModels(English=english(TEXT, ("organization", "Mvezo")), Rampart=names(TEXT, ("CITY", "Mvezo", 0.7)))
    )
    assert listed(run(TEXT, {})[0]) == [("organization", "Mvezo")]


@pytest.mark.parametrize(
    ("missing", "language"), [(ImportError("spacy"), "en"), (ModelFileMissing("x"), None), (english(TEXT), "de")]
)
def test_names_alone_are_found_in_other_languages_and_without_spacy(missing, language):
    found = [("STATE", "Mvezo", 0.31), ("GIVEN_NAME", "Ada", 0.4), ("SURNAME", "Moor of", 0.5), ("CITY", "Leeds", 0.29)]
    rampart = names(TEXT, *found)
    output, tokens = entities.load(ChosenModels(English=missing, Rampart=rampart))(TEXT, {"language": language})
    assert listed(output) == [("place", "Mvezo"), ("person", "Dr. Ada Moor")]
    assert (output["source"], tokens) == ("name_model", 7)


def test_a_name_keeps_at_least_one_word():
    text = "ada left"
    output, _ = entities.load(ChosenModels(English=english(text), Rampart=names(text, ("GIVEN_NAME", "ada", 0.9))))(
        text, {"language": "fr"}
    )
    assert listed(output, text) == [("person", "ada")]


def answers(scores, found=None, phrases=()):
    """Return the operation, with a score for each sentence by its first word."""
    rerank = SimpleNamespace(score=lambda _question, passage: (scores.get(passage.split()[0], -9.0), 3))
    finder = SimpleNamespace(
        find=lambda text, _language: (
            [Entity(kind, *place(text, part)) for kind, part in found or () if part in text],
            "spacy",
            2,
        ),
        english=lambda: english("", phrases=phrases) if phrases else None,
    )
    return answer.load(ChosenModels(Reranker=rerank, EntityFinder=finder))


CONTEXT = "Ann built it. Bob paints it. Nobody sings because of rain."


def said(run, question, text=CONTEXT, language="en"):
    output, _ = run(text, {"question": question, "language": language})
    return output["span"] and text[slice(*output["span"])], output["score"]


def test_the_part_of_the_kind_asked_for_is_the_answer():
    run = answers({"Ann": 5.0, "Bob": 4.0}, [("person", "Ann"), ("person", "Bob")])
    assert said(run, "Who built it?")[0] == "Ann"
    assert said(run, "Who built it?")[1] > 0.99


def test_a_sentence_with_a_part_of_the_kind_is_preferred():
    assert said(answers({"Ann": 5.0, "Bob": 4.0}, [("person", "Bob")]), "Who built it?")[0] == "Bob"


def test_a_low_score_is_no_answer():
    text, score = said(answers({}), "Who built it?")
    assert (text, score < 0.5) == (None, True)


def test_a_text_without_sentences_has_no_answer():
    assert said(answers({}), "Who built it?", " ") == (None, 0.0)


def test_a_reason_is_the_clause_behind_its_word():
    assert said(answers({"Nobody": 3.0}), "Why does nobody sing?")[0] == "rain"


def test_without_a_kind_the_answer_is_a_new_noun_phrase_or_the_sentence():
    scores, phrases = {"Bob": 3.0}, ["Bob", "it"]
    assert said(answers(scores, phrases=phrases), "What does Bob paint?")[0] == "it"
    assert said(answers(scores, phrases=["Bob"]), "What does Bob paint?")[0] == "Bob paints it."
    assert said(answers(scores), "What does Bob paint?")[0] == "Bob paints it."
    assert said(answers(scores, phrases=phrases), "What does Bob paint?", language="de")[0] == "Bob paints it."


def test_a_date_is_no_answer_to_what():
    text = "Bob paints on Monday a house."
    assert said(answers({"Bob": 3.0}, phrases=["Monday", "a house"]), "What does Bob paint?", text)[0] == "a house"


def test_of_a_long_text_the_sentences_with_the_questions_words_are_read():
    text = " ".join(f"Sentence {index} says nothing." for index in range(60)) + " Zoe paints the barn."
    output, tokens = answers({"Zoe": 5.0})(text, {"question": "What happened to the barn?", "language": "en"})
    assert text[slice(*output["span"])] == "Zoe paints the barn."
    assert tokens == 3 * answer.MAX_SENTENCES
    assert output["truncated"] is True


def test_keywords_are_ranked_noun_phrases():
    text = "The tram is new. The tram is late. A bus waits."
    run = keywords.load(
        ChosenModels(EntityFinder=SimpleNamespace(english=lambda: english(text, phrases=["tram", "bus"])))
    )
    found, tokens = run(text, {"max_keywords": 1})
    assert ([text[start:end] for start, end, _ in found], tokens) == (["tram"], 5)


def test_keywords_need_spacy():
    with pytest.raises(ModelFileMissing):
        keywords.load(ChosenModels(EntityFinder=SimpleNamespace(english=lambda: None)))


@pytest.mark.parametrize("module", [entities, answer, keywords])
@pytest.mark.parametrize(("text", "options"), [(5, {"question": "a", "max_keywords": 1}), ("a", {"max_keywords": 0})])
def test_inputs_of_other_types_are_refused(module, text, options):
    finder = SimpleNamespace(english=lambda: english("a"), find=lambda *_: ([], "spacy", 0))
    run = module.load(ChosenModels(EntityFinder=finder, Reranker=None))
    if module is not entities or text == 5:
        with pytest.raises(InvalidInput):
            run(text, options)


def test_the_finder_is_shared():
    models = Models()
    assert models.get(EntityFinder) is models.get(EntityFinder)
