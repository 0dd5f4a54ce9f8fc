"""The language of a text."""

import csv
from pathlib import Path
from random import Random
from threading import Thread

import pytest

from app.texts.languages import MIN_CONFIDENCE, Candidate, candidates, detect, parts

DATA = Path(__file__).parents[1] / "data"
LABELLED, PARAGRAPHS = DATA / "quality/language.tsv", DATA / "language-paragraphs.tsv"


def labelled():
    lines = [line for line in LABELLED.read_text().splitlines() if not line.startswith("#")]
    rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    return [(row["text"], row["language"] or None) for row in rows]


def test_at_least_95_percent_of_labelled_texts_have_their_language():
    wrong = [(text, language, detect(text)) for text, language in labelled() if detect(text)[0] != language]
    assert len(wrong) <= 0.05 * len(labelled()), wrong


def test_confidence_is_about_the_share_of_right_languages():
    found = [(candidates(text)[0], language) for text, language in labelled() if language]
    right = sum(best.language == language for best, language in found) / len(found)
    assert sum(best.confidence for best, _ in found) / len(found) == pytest.approx(right, abs=0.05)


def excerpts():
    """Yield 1,680 excerpts of 1 to 20 words with their languages."""
    chooser = Random(1)
    for line in PARAGRAPHS.read_text().splitlines()[1:]:
        language, text = line.split("\t")
        words = text.split()
        for _ in range(60):
            count = chooser.choice([1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 10, 14, 20])
            start = chooser.randrange(max(1, len(words) - count + 1))
            yield " ".join(words[start : start + count]), language


def test_confidence_is_calibrated_on_excerpts():
    """The expected calibration error, in ten classes of confidence, is at most 0.05."""
    classes = [[] for _ in range(10)]
    for text, language in excerpts():
        best = next(iter(candidates(text)), Candidate("", 0.0))
        classes[min(9, int(10 * best.confidence))].append((best.confidence, best.language == language))
    errors = [abs(sum(confidence - right for confidence, right in found)) for found in classes]
    assert sum(errors) / sum(map(len, classes)) <= 0.05


@pytest.mark.parametrize("text", ["", " \n", "12345", "👍👍", "https://example.com/de/bestellung", "@anna", "ORD-2024"])
def test_a_text_without_words_has_no_language(text):
    assert detect(text) == (None, 0.0)
    assert parts(text) == []


def test_a_word_of_many_languages_is_a_guess_without_a_name():
    language, confidence = detect("ok")
    assert language is None
    assert 0 < confidence < MIN_CONFIDENCE


def test_probabilities_sum_up_to_one_at_most():
    assert sum(found.confidence for found in candidates("Grand prix")) <= 1.0 + 1e-9


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("ආයුබෝවන් ඔබට කොහොමද", "si"),
        ("မင်္ဂလာပါ", "my"),
        ("សួស្តី", "km"),
        ("מרק.", "he"),
        ("ᏣᎳᎩ", None),
        ("Kami pergi ke kantor karena besok libur dan mobil rusak", "id"),
        ("Kami pergi ke pejabat kerana esok cuti dan kereta rosak", "ms"),
    ],
)
def test_languages_that_the_detector_lacks(text, language):
    assert detect(text)[0] == language


@pytest.mark.parametrize("noise", ["\x00", "\ud83d", " https://example.de/über/uns ", " @müller_schäfer "])
def test_characters_and_addresses_without_language_do_not_count(noise):
    assert detect(f"Where is {noise} my parcel, please?")[0] == "en"


def test_the_end_of_a_long_text_counts_as_much_as_its_beginning():
    english, german = "The parcel has arrived at last. " * 100, "Das Paket ist endlich angekommen. " * 300
    assert detect(english + german)[0] == "de"
    assert detect(german + english)[0] == "de"


def test_parts_of_a_mixed_text_have_languages_and_offsets():
    text = "Hi!\nIch habe das Paket nicht bekommen.\nPlease tell me where it is now. Ok?\n谢谢你的帮助"
    found = parts(text)
    assert [part.language for part in found] == ["de", "en", "zh"]
    assert "".join(text[part.start : part.end] for part in found) == text
    assert text[found[1].start : found[1].end].strip() == "Please tell me where it is now. Ok?"
    assert all(part.confidence > 0.8 for part in found)


def test_a_text_of_one_language_is_one_part():
    text = "The parcel has arrived. It was open. Nothing is missing."
    (part,) = parts(text)
    assert (part.start, part.end, part.language) == (0, len(text), "en")


def test_threads_do_not_disturb_each_other():
    expected, seen = {text: detect(text) for text, _ in labelled()}, []
    threads = [Thread(target=lambda: seen.append({text: detect(text) for text in expected})) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [expected] * 4
