"""Keywords by statistics."""

import time

import pytest

from app.texts.keywords import keywords


def found(text, language="en", limit=10):
    return [text[one.start : one.end] for one in keywords(text, language, limit)]


def test_phrases_stand_between_stop_words_and_marks():
    assert set(found("The parking tax is for the tram network, and for 12 new buses.")) >= {
        "parking tax",
        "tram network",
    }


def test_frequent_phrases_come_first_with_a_score_of_one():
    text = "A tram costs money. The tram is late. Bread is good."
    best, *others = keywords(text, "en", 10)
    assert (text[best.start : best.end], best.score) == ("tram", 1.0) or text[
        best.start : best.end
    ] == "tram costs money"
    assert all(0 < one.score <= 1 for one in others)


def test_a_long_run_of_words_gives_its_first_word_and_its_last_two():
    assert set(found("lithium battery factory jobs")) == {"lithium", "factory jobs"}


def test_nouns_of_german_texts_have_capitals():
    assert set(found("Die Waschmaschine schleudert nicht mehr und zeigt einen Fehlercode.", "de")) == {
        "Waschmaschine",
        "Fehlercode",
    }


def test_elided_articles_are_no_part_of_a_keyword():
    assert "appareil" in " ".join(found("Il faut renvoyer l'appareil.", "fr"))
    assert not any("'" in one for one in found("Il faut renvoyer l'appareil.", "fr"))


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("ja", "新しい電気自動車の工場がホッカイドウに建設される。", {"電気自動車", "工場", "ホッカイドウ", "建設"}),
        ("zh", "医院的机器学习和癌症", {"机器学习", "癌症", "医院"}),
    ],
)
def test_languages_without_spaces_have_runs_of_characters(language, text, expected):
    assert set(found(text, language)) == expected


def test_a_language_without_stop_words_has_keywords():
    assert found("habari njema", "xx") == ["habari njema"]


@pytest.mark.parametrize("language", ["en", "zh", None])
def test_a_text_without_words_has_none(language):
    assert found("12 !?", language) == []


@pytest.mark.parametrize(
    ("language", "repeated"), [("en", "tram "), ("en", "tram. "), ("de", "Zug "), ("zh", "医院的"), ("ja", "電車")]
)
def test_statistics_take_linear_time(language, repeated):
    start = time.process_time()
    keywords(repeated * 5_000, language, 10)
    assert time.process_time() - start < 1
