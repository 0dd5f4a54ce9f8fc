"""Entities from token-classification pipelines, in the shapes that servers send."""

import json

import pytest

from app.backends.responses.token_classes import parse_entities, type_of_label
from app.backends.upstream_response import UpstreamResponse
from app.errors import UpstreamInvalidResponse

TEXT = "Angela Merkel met Tim Cook of Hewlett-Packard in Köln."


def found(payload, text=TEXT):
    body = json.dumps(payload).encode()
    entities = parse_entities(UpstreamResponse(200, {"content-type": "application/json"}, body), text)
    return [(text[entity.start : entity.end], entity.type) for entity in entities]


def token(label, word, start=None, end=None, score=0.9):
    return {"entity": label, "word": word, "start": start, "end": end, "score": score, "index": 1}


def group(label, word, start=None, end=None, score=0.9):
    return {"entity_group": label, "word": word, "start": start, "end": end, "score": score}


GROUPS = [group("PER", "Angela Merkel", 0, 13), group("PER", "Tim Cook", 18, 26), group("LOC", "Köln", 49, 53)]
EXPECTED = [("Angela Merkel", "person"), ("Tim Cook", "person"), ("Köln", "place")]


@pytest.mark.parametrize("payload", [GROUPS, [GROUPS], [dict(one, start=None, end=None) for one in GROUPS]])
def test_groups_are_read_flat_nested_and_without_offsets(payload):
    assert found(payload) == EXPECTED


def test_offsets_that_do_not_fit_the_word_are_replaced_by_a_search():
    assert found([dict(one, start=one["start"] + 1, end=one["end"] + 1) for one in GROUPS]) == EXPECTED


def test_offsets_outside_of_the_text_are_replaced_by_a_search():
    assert found([group("LOC", "Köln", 490, 530)]) == [("Köln", "place")]


@pytest.mark.parametrize("offsets", [True, False])
def test_tokens_with_prefixes_and_pieces_of_words_become_entities(offsets):
    pieces = [("B-PER", "Angela", 0, 6), ("I-PER", "Me", 7, 9), ("I-PER", "##rkel", 9, 13), ("B-PER", "Tim", 18, 21)]
    pieces += [("I-PER", "Cook", 22, 26), ("B-ORG", "Hewlett", 30, 37), ("I-ORG", "-", 37, 38)]
    pieces += [("I-ORG", "Packard", 38, 45)]
    tokens = [token(label, word, *((start, end) if offsets else ())) for label, word, start, end in pieces]
    assert found(tokens) == [("Angela Merkel", "person"), ("Tim Cook", "person"), ("Hewlett-Packard", "organization")]


def test_tokens_of_sentencepiece_without_offsets_are_found_in_the_text():
    tokens = [token("I-PER", "▁Angela"), token("I-PER", "▁Merk"), token("I-PER", "el"), token("I-LOC", "▁Köln")]
    assert found(tokens) == [("Angela Merkel", "person"), ("Köln", "place")]


def test_tokens_outside_of_entities_are_left_out():
    assert found([token("O", "met", 14, 17), token("B-LOC", "Köln", 49, 53)]) == [("Köln", "place")]


def test_neighbours_that_begin_anew_stay_apart():
    assert found([token("B-PER", "Ann", 0, 3), token("B-PER", "Bob", 4, 7)], "Ann Bob") == [
        ("Ann", "person"),
        ("Bob", "person"),
    ]


def test_neighbours_without_a_space_between_them_stay_apart_in_scripts_without_spaces():
    tokens = [
        token("B-PER", "张", 0, 1),
        token("I-PER", "三", 1, 2),
        token("B-LOC", "北", 2, 3),
        token("I-LOC", "京", 3, 4),
    ]
    assert found(tokens, "张三北京") == [("张三", "person"), ("北京", "place")]


def test_a_group_within_a_word_joins_it_and_gets_the_complete_word():
    groups = [group("PER", "Mer", 7, 10), group("ORG", "##ke", 10, 12)]
    assert found(groups) == [("Merkel", "person")]


def test_an_end_of_a_word_becomes_the_complete_word():
    assert found([token("B-PER", "##rkel", 9, 13)]) == [("Merkel", "person")]


def test_marks_alone_are_no_entity():
    assert found([group("ORG", '"', 4, 5)], 'say "a"') == []


def test_repeated_words_without_offsets_are_found_one_after_the_other():
    text = "Paris is Paris"
    entities = parse_entities(UpstreamResponse(200, {}, json.dumps([group("LOC", "Paris")] * 2).encode()), text)
    assert [(entity.start, entity.end) for entity in entities] == [(0, 5), (9, 14)]


def test_a_word_that_the_text_does_not_have_is_left_out():
    assert found([group("LOC", "Atlantis", 3, 8), group("LOC", "[UNK]")]) == []


def test_overlapping_entities_keep_the_first():
    assert found([group("PER", "Angela Merkel", 0, 13), group("ORG", "Merkel", 7, 13)]) == [("Angela Merkel", "person")]


def test_a_lower_case_model_finds_its_words_in_the_text():
    assert found([group("PER", "angela merkel"), group("ORG", "hewlett - packard")]) == [
        ("Angela Merkel", "person"),
        ("Hewlett-Packard", "organization"),
    ]


def test_the_score_of_an_entity_is_the_mean_of_its_tokens():
    tokens = [token("B-PER", "Tim", 18, 21, 1.0), token("I-PER", "Cook", 22, 26, 0.5)]
    (entity,) = parse_entities(UpstreamResponse(200, {}, json.dumps(tokens).encode()), TEXT)
    assert entity.score == pytest.approx(0.75)


def test_a_text_without_entities_has_none():
    assert found([]) == found([[]]) == []


@pytest.mark.parametrize(
    "payload", ["x", {"a": 1}, [{"word": "a"}], [[[group("PER", "a")]]], [{"word": "a", "score": 1}]]
)
def test_a_response_of_another_kind_is_an_error(payload):
    with pytest.raises(UpstreamInvalidResponse):
        found(payload)


@pytest.mark.parametrize(
    ("label", "kind"), [("B-GPE", "place"), ("I_ORG", "organization"), ("WORK_OF_ART", "work"), ("LABEL_3", "other")]
)
def test_labels_of_models_stand_for_types(label, kind):
    assert type_of_label(label) == kind
