"""Sentiment and classification in the encoder's process, with vectors of the tests."""

import json

import numpy as np
import pytest

from app.embedded.encoder import classify, sentiment
from app.embedded.encoder.errors import InvalidInput
from app.embedded.encoder.labels import TEMPLATE
from app.embedded.encoder.sentence_vectors import SentenceVectors
from app.embedded.encoder.sentiment_heads import HEADS, LABELS, Head

OPTIONS = {"labels": ["a", "b"]}


class Vectors:
    """Vectors by the last word of a text, of the length that a model has; `read` lists what was read."""

    def __init__(self):
        self.read = []

    def english(self, text):
        return self._vector("english", text, 384)

    def multilingual(self, text):
        return self._vector("multilingual", text, 512)

    def _vector(self, model, text, size):
        self.read.append((model, text))
        vector = np.zeros(size, np.float32)
        vector[{"a": 0, "b": 1}.get(text.split()[-1], 2)] = 1
        return vector, 3


class Models:
    """Loads at each call; the vectors are those of the test."""

    def __init__(self):
        self.vectors = Vectors()

    def get(self, load):
        return self.vectors if load is SentenceVectors else load(self)


@pytest.fixture
def models():
    return Models()


@pytest.mark.parametrize(
    ("language", "readers"), [("en", ["english"]), ("de", ["multilingual"]), (None, ["english", "multilingual"])]
)
@pytest.mark.parametrize(("load", "options"), [(sentiment.load, {}), (classify.load, OPTIONS)])
def test_the_language_decides_which_model_reads(models, load, options, language, readers):
    _, tokens = load(models)({"text": "text", "language": language}, options)
    assert [model for model, text in models.vectors.read if text == "text"] == readers
    assert tokens == 3 * len(readers)


def test_sentiment_is_a_probability_of_each_label(models):
    scores, _ = sentiment.load(models)({"text": "text", "language": None}, {})
    assert set(scores) == set(LABELS)
    assert sum(scores.values()) == pytest.approx(1)


def test_the_words_of_hindi_count_beside_the_vector(models):
    run = sentiment.load(models)
    praise, blame = (run({"text": text, "language": "hi"}, {})[0] for text in ("बहुत अच्छा", "बहुत खराब"))
    assert praise["positive"] > blame["positive"]


def test_emoji_are_read_in_words(models):
    sentiment.load(models)({"text": "👍", "language": "en"}, {})
    assert models.vectors.read == [("english", " thumbs up sign ")]


def test_a_greater_scale_makes_a_head_surer():
    weights, vector = [[1.0], [0.0], [-1.0]], np.array([0.5])
    assert Head(weights, [0.0] * 3, 2.0)(vector)[0] > Head(weights, [0.0] * 3, 1.0)(vector)[0] > 1 / 3


def test_labels_get_probabilities_that_sum_to_1(models):
    scores, _ = classify.load(models)({"text": "about b", "language": "en"}, OPTIONS)
    assert sum(scores) == pytest.approx(1)
    assert scores[1] > 0.99


def test_several_labels_get_a_probability_each(models):
    scores, _ = classify.load(models)({"text": "about b", "language": "en"}, {**OPTIONS, "multi_label": True})
    assert scores[0] < 0.01
    assert scores[1] > 0.99


def test_a_label_is_read_once_for_many_texts(models):
    run = classify.load(models)
    for text in ("one", "two"):
        run({"text": text, "language": "en"}, OPTIONS)
    labels = [TEMPLATE.format(label) for label in OPTIONS["labels"]]
    assert [text for _, text in models.vectors.read] == ["one", *labels, "two"]


@pytest.mark.parametrize(
    "item", ["text", {"language": "en"}, {"text": 5, "language": "en"}, {"text": "a", "language": 5}]
)
@pytest.mark.parametrize("load", [sentiment.load, classify.load])
def test_an_input_without_text_is_an_error(models, load, item):
    with pytest.raises(InvalidInput):
        load(models)(item, OPTIONS)


@pytest.mark.parametrize("options", [{}, {"labels": []}, {"labels": "ab"}, {"labels": [5]}])
def test_labels_must_be_a_list_of_texts(models, options):
    with pytest.raises(InvalidInput):
        classify.load(models)({"text": "a", "language": "en"}, options)


def test_the_heads_have_a_weight_for_each_number_of_a_vector():
    heads = json.loads(HEADS.read_bytes())["heads"]
    sizes = {name: [len(row) for row in head["weights"]] for name, head in heads.items()}
    assert sizes == {"english": [384] * 3, "multilingual": [512] * 3}
