"""What a Rasa server answers, read as intents and entities; anything else is refused."""

import json
from typing import Any

import pytest

from bot.records import Entity, Intent
from bot.understanding.rasa_answer import Reading, read_parse

TEXT = "from Utrecht to 2 Ghent"


def answer(**fields: Any) -> bytes:
    ranking = [{"name": "return_item", "confidence": 0.8}, {"name": "greet", "confidence": 0.1}]
    return json.dumps(
        {"text": TEXT, "intent": ranking[0], "intent_ranking": ranking, "entities": [], **fields}
    ).encode()


def ranked(*pairs: tuple[str, float]) -> dict[str, Any]:
    rows = [{"name": name, "confidence": confidence} for name, confidence in pairs]
    return {"intent": rows[0], "intent_ranking": rows}


def found(**fields: Any) -> dict[str, Any]:
    return {"entities": [{"entity": "city", "start": 5, "end": 12, "value": "Utrecht", **fields}]}


def test_that_the_ranking_is_kept() -> None:
    reading = read_parse(answer(), TEXT)
    assert reading == Reading((Intent("return_item", 0.8), Intent("greet", 0.1)), 0.9, ())


def test_that_rasas_rejection_is_low_in_scope_and_not_an_intent() -> None:
    reading = read_parse(answer(**ranked(("nlu_fallback", 1.0), ("greet", 0.42), ("return_item", 0.38))), TEXT)
    assert [intent.name for intent in reading.intents] == ["greet", "return_item"]
    assert reading.in_scope == pytest.approx(0.21)


@pytest.mark.parametrize(
    ("pairs", "inside"),
    [
        ((("greet", 0.31), ("return_item", 0.2)), True),
        ((("out_of_scope", 0.9), ("greet", 0.1)), False),
        ((("out_of_scope", 0.51), ("greet", 0.49)), False),
        ((("greet", 0.51), ("out_of_scope", 0.49)), True),
        ((("nlu_fallback", 0.5), ("greet", 1.0)), False),
        ((("nlu_fallback", 0.7),), False),
    ],
)
def test_that_in_scope_is_what_rasa_decides(pairs: tuple[tuple[str, float], ...], inside: bool) -> None:
    assert (read_parse(answer(**ranked(*pairs)), TEXT).in_scope >= 0.5) is inside


def test_that_the_surer_rasa_is_the_higher_is_in_scope() -> None:
    sure = [read_parse(answer(**ranked(("greet", c), ("deny", 0.0))), TEXT).in_scope for c in (0.3, 0.5, 0.9, 1.0)]
    assert sure == sorted(sure)
    assert sure[-1] == 1.0


def test_that_a_classifier_without_a_ranking_is_read() -> None:
    reading = read_parse(answer(intent={"name": "greet", "confidence": 1.0}, intent_ranking=[]), TEXT)
    assert reading.intents == (Intent("greet", 1.0),)


def test_that_no_intent_is_told_apart_from_nonsense() -> None:
    assert read_parse(answer(intent={"name": None, "confidence": 0.0}, intent_ranking=[]), TEXT).intents == ()


def test_that_a_retrieval_intent_has_its_full_name() -> None:
    keys = [
        {"intent_response_key": "faq/returns", "confidence": 0.75},
        {"intent_response_key": "faq/hours", "confidence": 0.25},
        {"intent_response_key": "chitchat/weather", "confidence": 0.0},
    ]
    selector = {"all_retrieval_intents": ["faq"], "default": {"response": {"responses": None}, "ranking": keys}}
    reading = read_parse(answer(**ranked(("faq", 0.8), ("greet", 0.2)), response_selector=selector), TEXT)
    assert [(intent.name, pytest.approx(intent.confidence)) for intent in reading.intents] == [
        ("faq/returns", 0.6),
        ("faq/hours", 0.2),
        ("greet", 0.2),
    ]


def test_that_an_entity_keeps_its_value_role_and_group() -> None:
    fields = found(role="departure", group="1", extractor="DIETClassifier", value="UTC", confidence_entity=0.9)
    (entity,) = read_parse(answer(**fields), TEXT).entities
    assert entity == Entity("city", "UTC", 5, 12, "DIETClassifier", "departure", "1")
    assert TEXT[entity.start : entity.end] == "Utrecht"


def test_that_spans_are_those_of_the_whole_text() -> None:
    (entity,) = read_parse(answer(**found()), f"  /{TEXT}", left_out=3).entities
    assert f"  /{TEXT}"[entity.start : entity.end] == "Utrecht"


@pytest.mark.parametrize(
    ("value", "text"), [(2, "2"), (2.5, "2.5"), ({"from": "a"}, '{"from":"a"}'), (None, "Utrecht"), (True, "true")]
)
def test_that_any_value_becomes_text(value: Any, text: str) -> None:
    assert read_parse(answer(**found(value=value)), TEXT).entities[0].value == text


def test_that_one_finding_of_two_extractors_counts_twice_only_where_they_differ() -> None:
    row = found(extractor="DIETClassifier")["entities"][0]
    entities = read_parse(answer(entities=[row, row, row | {"extractor": "RegexEntityExtractor"}]), TEXT).entities
    assert [entity.extractor for entity in entities] == ["DIETClassifier", "RegexEntityExtractor"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"[]",
        b"{}",
        b"null",
        b'{"intent": "greet"}',
        b'{"intent": {"name": 4, "confidence": 1}}',
        b'{"intent": {"name": "greet", "confidence": "high"}}',
        b"[" * 5000,
        answer(intent_ranking=[{"name": "greet", "confidence": 7}]),
        answer(intent={"name": "greet", "confidence": -0.5}),
        answer(**found(start=-1)),
        answer(**found(end=99)),
        answer(**found(start=12, end=5)),
        answer(entities="none"),
        answer()[:-10],
    ],
)
def test_that_nonsense_is_refused(body: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        read_parse(body, TEXT)
