"""Decisions: what a turn does, from what is known."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.dialogue.domain import read_domain
from bot.dialogue.forms import asked, fill, left
from bot.dialogue.policy import Thresholds, decide, unanswered
from bot.records import (
    Act,
    Answer,
    Ask,
    Decision,
    Entity,
    Escalate,
    Findings,
    Floor,
    Hit,
    Intent,
    Kind,
    Mood,
    Passage,
    PassageId,
    State,
    Understanding,
)

DOMAIN = read_domain(Path(__file__).parents[2] / "knowledge")
THRESHOLDS = Thresholds()
NOTHING = Findings("", (), 0.0)


def understood(
    intent: str,
    confidence: float = 0.95,
    *,
    in_scope: float = 0.95,
    mood: Mood = Mood.CALM,
    entities: Mapping[str, str] | None = None,
    text: str = "some words of a shopper",
) -> Understanding:
    found = tuple(Entity(name, value, 0, 0, "regex") for name, value in (entities or {}).items())
    return Understanding(text, "en", (Intent(intent, confidence),), in_scope, found, mood)


def found(question: float = 0.0, answerable: float = 0.9) -> Findings:
    passage = Passage(PassageId("faq:x"), Kind.FAQ, "X?", "Y.", "faq/x.yml#x")
    return Findings("x", (Hit(passage, 0.8, 0.8, 0.5, question),), answerable)


def decision(
    meaning: Understanding, findings: Findings = NOTHING, state: State | None = None, floor: Floor = Floor.ASSISTANT
) -> Decision:
    return decide(fill(state or State(), meaning, DOMAIN), meaning, findings, floor, DOMAIN, THRESHOLDS)


def test_that_a_greeting_gets_the_shops_greeting() -> None:
    assert decision(understood("greet"), found(answerable=0.9)) == Answer("utter_greet")


def test_that_a_question_is_answered_from_the_knowledge() -> None:
    assert decision(understood("shipping_cost"), found()) == Answer()


def test_that_a_person_comes_when_asked_for() -> None:
    assert isinstance(decision(understood("talk_to_human"), found(question=1.0)), Escalate)


def test_that_an_angry_shopper_gets_a_person_once() -> None:
    angry = understood("order_status", mood=Mood.ANGRY)
    assert isinstance(decision(angry, found()), Escalate)
    assert not isinstance(decision(angry, found(), floor=Floor.WAITING), Escalate)


def test_that_an_approved_answer_goes_before_a_form() -> None:
    assert decision(understood("order_status"), found(question=0.99)) == Answer()


def test_that_a_form_asks_for_what_is_missing_and_then_acts() -> None:
    assert decision(understood("order_status")) == Ask("order_number", "utter_ask_order_number")
    state = asked(State(), "order_status_form", "order_number")
    numbered = understood("order_status", 0.3, entities={"order_number": "LF-204518"})
    assert decision(numbered, state=state) == Ask("email", "utter_ask_email")
    state = asked(fill(state, numbered, DOMAIN), "order_status_form", "email")
    mailed = understood("greet", 0.3, entities={"email": "a@b.example"})
    assert decision(mailed, state=state) == Act("action_order_status")


def test_that_all_slots_at_once_act_at_once() -> None:
    full = understood("order_status", entities={"order_number": "LF-1", "email": "a@b.example"})
    assert decision(full) == Act("action_order_status")


def test_that_a_clear_question_in_a_form_is_answered() -> None:
    state = asked(State(), "order_status_form", "order_number")
    assert decision(understood("return_policy"), found(), state=state) == Answer()


def test_that_a_form_gives_up_to_a_person_after_three_attempts() -> None:
    state = State()
    for _ in range(3):
        mumbled = understood("order_status", 0.3, in_scope=0.2)
        assert decision(mumbled, state=state) == Ask("order_number", "utter_ask_order_number") or not state.form
        state = asked(state, "order_status_form", "order_number")
    assert isinstance(decision(understood("order_status", 0.3, in_scope=0.2), state=state), Escalate)


def test_that_an_unsure_reading_never_acts() -> None:
    assert decision(understood("order_status", 0.6), found()) == Answer()
    assert decision(understood("talk_to_human", 0.5), found()) == Answer()
    assert decision(understood("greet", 0.9, in_scope=0.1), found()) == Answer()


def test_that_a_manipulation_gets_a_calm_answer_even_when_knowledge_matches() -> None:
    assert decision(understood("manipulation"), found(question=1.0)) == Answer("utter_manipulation")


def test_that_what_is_out_of_scope_is_answered_when_the_knowledge_has_it() -> None:
    assert decision(understood("out_of_scope"), found(answerable=0.1)) == Answer("utter_out_of_scope")
    assert decision(understood("out_of_scope"), found(answerable=0.9)) == Answer()


@pytest.mark.parametrize(
    ("state", "meaning", "response"),
    [
        (State(), understood("x"), "utter_no_source"),
        (State(), understood("x", in_scope=0.1), "utter_out_of_scope"),
        (State(), understood("x", text="huh what"), "utter_clarify"),
        (State(unanswered=1), understood("x"), "utter_repeat"),
    ],
)
def test_that_no_answer_is_said_plainly(state: State, meaning: Understanding, response: str) -> None:
    assert unanswered(state, meaning, THRESHOLDS) == response


def test_that_the_last_value_of_a_slot_wins_and_survives_the_form() -> None:
    state = fill(State(), understood("x", entities={"order_number": "LF-1"}), DOMAIN)
    state = fill(state, understood("x", entities={"order_number": "LF-2"}), DOMAIN)
    assert left(asked(state, "order_status_form", "email")).slots == {"order_number": "LF-2"}
