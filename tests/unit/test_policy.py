"""Decisions: what a turn does, from what is known."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bot.dialogue.domain import Domain, Rule, read_domain
from bot.dialogue.forms import asked, fill, left, submitted
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

ORDER = Ask("order_status_form", "order_number", "utter_ask_order_number")
EMAIL = Ask("order_status_form", "email", "utter_ask_email")
LOOK_UP = Act("action_order_status", "order_status_form")

TWO_FORMS = replace(
    DOMAIN,
    forms={**DOMAIN.forms, "cancel_form": ("order_number", "reason")},
    submits={**DOMAIN.submits, "cancel_form": "action_cancel"},
    rules={**DOMAIN.rules, "cancel_order": Rule(form="cancel_form")},
)
"""The demo shop with a second form that needs one slot of the first."""


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
    meaning: Understanding,
    findings: Findings = NOTHING,
    state: State | None = None,
    floor: Floor = Floor.ASSISTANT,
    domain: Domain = DOMAIN,
) -> Decision:
    return decide(fill(state or State(), meaning, domain), meaning, findings, floor, domain, THRESHOLDS)


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
    assert decision(understood("order_status")) == ORDER
    state = asked(State(), "order_status_form", "order_number")
    numbered = understood("order_status", 0.3, entities={"order_number": "LF-204518"})
    assert decision(numbered, state=state) == EMAIL
    state = asked(fill(state, numbered, DOMAIN), "order_status_form", "email")
    mailed = understood("greet", 0.3, entities={"email": "a@b.example"})
    assert decision(mailed, state=state) == LOOK_UP


def test_that_all_slots_at_once_act_at_once() -> None:
    full = understood("order_status", entities={"order_number": "LF-1", "email": "a@b.example"})
    assert decision(full) == LOOK_UP


def test_that_a_clear_question_in_a_form_is_answered() -> None:
    state = asked(State(), "order_status_form", "order_number")
    assert decision(understood("return_policy"), found(), state=state) == Answer()


def test_that_no_leaves_a_form_and_yes_stays_in_it() -> None:
    state = asked(State(), "order_status_form", "order_number")
    assert decision(understood("deny"), state=state) == Answer("utter_deny")
    assert decision(understood("affirm"), state=state) == ORDER


def test_that_yes_and_no_outside_of_a_form_get_the_shops_words() -> None:
    assert decision(understood("affirm")) == Answer("utter_affirm")
    assert decision(understood("deny")) == Answer("utter_deny")


def test_that_another_form_is_asked_for_by_its_own_name() -> None:
    state = asked(State(), "order_status_form", "email")
    cancelling = understood("cancel_order")
    assert decision(cancelling, state=state, domain=TWO_FORMS) == Ask(
        "cancel_form", "order_number", "utter_ask_order_number"
    )


def test_that_the_intent_of_the_open_form_goes_on_with_it_whatever_its_name() -> None:
    state = asked(State(), "cancel_form", "order_number")
    assert decision(understood("cancel_order", 0.6), state=state, domain=TWO_FORMS) == Ask(
        "cancel_form", "order_number", "utter_ask_order_number"
    )
    assert decision(understood("order_status"), state=state, domain=TWO_FORMS) == ORDER


def test_that_attempts_are_counted_within_one_form() -> None:
    state = State()
    for _ in range(3):
        state = asked(state, "order_status_form", "order_number")
    assert asked(state, "cancel_form", "order_number").attempts == 1
    assert isinstance(decision(understood("cancel_order"), state=state, domain=TWO_FORMS), Ask)


def test_that_a_slot_is_filled_by_the_entity_that_the_domain_names() -> None:
    domain = replace(DOMAIN, slots={**DOMAIN.slots, "email": "address"})
    state = asked(State(slots={"order_number": "LF-1"}), "order_status_form", "email")
    given = understood("account_privacy", entities={"address": "a@b.example"})
    assert decision(given, found(question=0.99), state=state, domain=domain) == LOOK_UP


def test_that_a_form_gives_up_to_a_person_after_three_attempts() -> None:
    state = State()
    for _ in range(3):
        mumbled = understood("order_status", 0.3, in_scope=0.2)
        assert decision(mumbled, state=state) == ORDER or not state.form
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
    assert unanswered(state, meaning, False, THRESHOLDS) == response


def test_that_close_questions_are_offered_before_giving_up() -> None:
    assert unanswered(State(), understood("x"), True, THRESHOLDS) == "utter_suggest"
    assert unanswered(State(), understood("x", in_scope=0.1), True, THRESHOLDS) == "utter_out_of_scope"
    assert unanswered(State(unanswered=1), understood("x"), True, THRESHOLDS) == "utter_repeat"


def test_that_the_last_value_of_a_slot_wins_and_survives_the_form() -> None:
    state = fill(State(), understood("x", entities={"order_number": "LF-1"}), DOMAIN)
    state = fill(state, understood("x", entities={"order_number": "LF-2"}), DOMAIN)
    assert left(asked(state, "order_status_form", "email")).slots == {"order_number": "LF-2"}


def test_that_a_submitted_form_forgets_what_it_asked_for_and_nothing_else() -> None:
    state = State(slots={"order_number": "LF-1", "email": "a@b.example", "size": "M"})
    done = submitted(asked(state, "order_status_form", "email"), "order_status_form", DOMAIN)
    assert done == State(slots={"size": "M"})
