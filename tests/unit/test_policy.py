"""Decisions: what a turn does first, from what is known."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bot.dialogue.domain import Domain, read_domain
from bot.dialogue.forms import asked, forgotten, left, opened
from bot.dialogue.policy import Thresholds, decide, intent_of, is_sure, unanswered
from bot.dialogue.project import Form, Moment, Place
from bot.dialogue.project import Path as Way
from bot.dialogue.slots import extract
from bot.dialogue.trail import UNSURE, heard, known, rested
from bot.records import (
    Answer,
    Ask,
    Choose,
    Decision,
    Entity,
    Escalate,
    Findings,
    Floor,
    Hit,
    Intent,
    Kind,
    Leave,
    Mood,
    Passage,
    PassageId,
    State,
    Understanding,
)

DOMAIN = read_domain(Path(__file__).parents[1] / "smallshop")
THRESHOLDS = Thresholds()
NOTHING = Findings("", (), 0.0)

ORDER = Ask("order_status_form")

TWO_FORMS = replace(
    DOMAIN,
    forms={**DOMAIN.forms, "cancel_form": Form(("order_number", "size"))},
    paths=(
        *DOMAIN.paths,
        Way(
            "Cancel",
            Place(Path("rules.yml"), 1),
            (Moment("user", "cancel_order"), Moment("action", "cancel_form", loop="cancel_form")),
            is_rule=True,
        ),
    ),
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
    return decide(taken_in(state or State(), meaning, domain), meaning, findings, floor, domain, THRESHOLDS)


def taken_in(state: State, meaning: Understanding, domain: Domain = DOMAIN) -> State:
    """The state that has heard a message and has its slots filled."""
    state = heard(state, meaning, intent_of(meaning, THRESHOLDS))
    sure = meaning.intents[0].name if is_sure(meaning, THRESHOLDS) else UNSURE
    return known(state, extract(state, meaning, sure, domain))


def asking(form: str, slot: str, state: State | None = None, domain: Domain = DOMAIN) -> State:
    """The state after a form was opened and asked for a slot."""
    return asked(opened(state or State(), form, domain)[0], slot)


def test_that_a_greeting_gets_the_shops_greeting() -> None:
    assert decision(understood("greet"), found(answerable=0.9)) == Answer("utter_greet")


def test_that_a_question_is_answered_from_the_knowledge() -> None:
    assert decision(understood("shipping_cost"), found()) == Answer()


def test_that_how_something_is_done_is_told_and_not_done() -> None:
    how = understood("order_status", text="How do I see where my order is?")
    assert decision(how, found()) == Answer()
    assert decision(how, found(answerable=0.1)) == Ask("order_status_form")
    assert decision(understood("order_status", text="Where is my order?"), found()) == Ask("order_status_form")


def test_that_a_person_comes_when_asked_for() -> None:
    assert isinstance(decision(understood("talk_to_human"), found(question=1.0)), Escalate)


def test_that_an_angry_shopper_gets_a_person_once() -> None:
    angry = understood("order_status", mood=Mood.ANGRY)
    assert isinstance(decision(angry, found()), Escalate)
    assert not isinstance(decision(angry, found(), floor=Floor.WAITING), Escalate)


@pytest.mark.parametrize("text", ["how do I track my order", "can I cancel an order?", "some words of a shopper"])
def test_that_an_approved_answer_goes_before_a_form(text: str) -> None:
    assert decision(understood("order_status", text=text), found(question=0.99)) == Answer()


@pytest.mark.parametrize(
    "text", ["I want to track my order", "Hi, could you track LF-1?", "please look", "track my order", "我想查询订单"]
)
def test_that_what_shall_be_done_goes_before_an_answer(text: str) -> None:
    assert decision(understood("order_status", text=text), found(question=0.99)) == ORDER
    cancelling = asking("cancel_form", "size", domain=TWO_FORMS)
    assert decision(understood("order_status", text=text), found(question=0.99), cancelling, domain=TWO_FORMS) == ORDER


def torn(text: str) -> Understanding:
    """A message that may mean two things."""
    return replace(understood("order_status", text=text), intents=(Intent("cancel_order", 0.5), ORDERED))


ORDERED = Intent("order_status", 0.45)


def test_that_of_two_likely_tasks_the_shopper_chooses_unless_a_question_has_its_answer() -> None:
    chosen = Choose(("cancel_order", "order_status"))
    assert decision(torn("something about my order"), domain=TWO_FORMS) == chosen
    assert decision(torn("something about my order"), found(), domain=TWO_FORMS) == chosen
    assert decision(torn("what happens to a lost parcel?"), domain=TWO_FORMS) == chosen
    assert decision(torn("what happens to a lost parcel?"), found(), domain=TWO_FORMS) == Answer()


def test_that_a_form_whose_validator_knows_what_it_needs_gets_every_message() -> None:
    form = "who_form"
    domain = replace(DOMAIN, forms={form: Form(())}, actions=DOMAIN.actions | {f"validate_{form}"})
    state = asking(form, "name", domain=domain)
    assert decision(understood("greet", text="Ann"), state=state, domain=domain) == Ask(form)
    without = replace(domain, actions=DOMAIN.actions)
    assert decision(understood("greet", text="Ann"), state=state, domain=without) != Ask(form)


def test_that_a_form_takes_what_it_asked_for() -> None:
    assert decision(understood("order_status")) == ORDER
    numbered = understood("order_status", 0.3, entities={"order_number": "LF-204518"})
    assert decision(numbered, state=asking("order_status_form", "order_number")) == ORDER
    mailed = understood("greet", 0.3, entities={"email": "a@b.example"})
    assert decision(mailed, found(question=0.99), state=asking("order_status_form", "email")) == ORDER


def test_that_a_clear_question_in_a_form_is_answered() -> None:
    state = asking("order_status_form", "order_number")
    assert decision(understood("return_policy", text="can I return it?"), found(), state=state) == Answer()
    unsure = understood("return_policy", 0.3, text="do you ship to Norway?")
    assert decision(unsure, found(), state=state) == Answer()
    assert decision(unsure, found(answerable=0.1), state=state) == Ask("order_status_form", again=True)


@pytest.mark.parametrize("text", ["only the boots", "credit card", "the brown one"])
def test_that_what_asks_nothing_in_a_form_is_not_answered_from_the_knowledge(text: str) -> None:
    state, again = asking("order_status_form", "order_number"), Ask("order_status_form", again=True)
    assert decision(understood("product_search", text=text), found(question=0.95), state=state) == again
    assert decision(understood("product_search", 0.3, text=text), found(question=0.95), state=state) == again


def test_that_what_goes_on_with_a_form_just_done_needs_no_more_to_be_said() -> None:
    done_so = left(asking("order_status_form", "order_number"))
    meant = understood("order_status", 0.57, text="no, LF-204519")
    just_now = rested(done_so, DOMAIN)
    assert decision(meant, found(question=0.99), state=just_now) == ORDER
    assert decision(meant, found(question=0.99)) == Answer()
    long_ago = rested(heard(just_now, understood("greet"), "greet"), DOMAIN)
    assert decision(meant, found(question=0.99), state=long_ago) == Answer()
    how = understood("order_status", text="how do I track a parcel?")
    assert decision(how, found(question=0.99), state=just_now) == Answer()


def test_that_no_leaves_a_form_and_yes_stays_in_it() -> None:
    state = asking("order_status_form", "order_number")
    assert decision(understood("deny"), state=state) == Leave("utter_deny")
    assert decision(understood("affirm"), state=state) == Ask("order_status_form", again=True)


@pytest.mark.parametrize(
    "text", ["never mind", "Forget it.", "ok, cancel that", "stop please", "算了", "oh, nevermind!"]
)
def test_that_a_form_is_left_in_plain_words(text: str) -> None:
    meaning = understood("cancel_order", text=text)
    assert decision(meaning, state=asking("order_status_form", "order_number")) == Leave("utter_left")
    assert decision(meaning) != Leave("utter_left")


@pytest.mark.parametrize("text", ["start over", "Can we start again?", "please start from scratch", "重新开始"])
def test_that_everything_begins_anew_in_plain_words(text: str) -> None:
    meaning = understood("out_of_scope", 0.4, text=text)
    assert decision(meaning, state=asking("order_status_form", "email")) == Leave("utter_restart", anew=True)
    assert decision(meaning) == Leave("utter_restart", anew=True)


@pytest.mark.parametrize("text", ["cancel my order LF-204518", "forget the tent, where is my order", "stop the parcel"])
def test_that_a_wish_that_sounds_alike_does_not_leave_a_form(text: str) -> None:
    meaning = understood("order_status", text=text)
    assert not isinstance(decision(meaning, state=asking("order_status_form", "order_number")), Leave)


def test_that_yes_and_no_outside_of_a_form_get_the_shops_words() -> None:
    assert decision(understood("affirm")) == Answer("utter_affirm")
    assert decision(understood("deny")) == Answer("utter_deny")


def test_that_another_form_is_asked_for_by_its_own_name() -> None:
    state = asking("order_status_form", "email")
    assert decision(understood("cancel_order"), state=state, domain=TWO_FORMS) == Ask("cancel_form")


def test_that_the_intent_of_the_open_form_goes_on_with_it_whatever_its_name() -> None:
    state = asking("cancel_form", "order_number", domain=TWO_FORMS)
    again = Ask("cancel_form", again=True)
    assert decision(understood("cancel_order", 0.6), state=state, domain=TWO_FORMS) == again
    assert decision(understood("order_status"), state=state, domain=TWO_FORMS) == ORDER


def test_that_a_bare_number_is_no_wish_for_another_form() -> None:
    number = Understanding(
        "LF-204518", "en", (Intent("order_status", 0.95),), 0.95, (Entity("order_number", "LF-204518", 0, 9, "regex"),)
    )
    state = asking(
        "cancel_form", "size", domain=replace(TWO_FORMS, forms={**TWO_FORMS.forms, "cancel_form": Form(("size",))})
    )
    domain = replace(TWO_FORMS, forms={**TWO_FORMS.forms, "cancel_form": Form(("size",))})
    assert decision(number, state=state, domain=domain) == Ask("cancel_form", again=True)


def test_that_attempts_are_counted_within_one_form() -> None:
    state = asking("order_status_form", "order_number")
    assert asked(asked(state, "order_number"), "order_number").attempts == 3
    assert asked(state, "order_number", counts=False).attempts == 1
    assert asking("cancel_form", "order_number", state, TWO_FORMS).attempts == 1


def test_that_a_slot_is_filled_by_the_entity_that_the_domain_names() -> None:
    (mapping,) = DOMAIN.slots["email"].mappings
    email = replace(DOMAIN.slots["email"], mappings=(replace(mapping, entity="address"),))
    domain = replace(DOMAIN, slots={**DOMAIN.slots, "email": email})
    given = understood("account_privacy", entities={"address": "a@b.example"})
    assert decision(given, found(question=0.99), state=asking("order_status_form", "email"), domain=domain) == ORDER
    assert taken_in(State(), given, domain).slots == {"email": "a@b.example"}


def test_that_a_form_gives_up_to_a_person_after_three_attempts() -> None:
    state = asking("order_status_form", "order_number")
    mumbled = understood("order_status", 0.3, in_scope=0.2)
    for _ in range(2):
        assert decision(mumbled, state=state) == Ask("order_status_form", again=True)
        state = asked(state, "order_number")
    assert isinstance(decision(mumbled, state=state), Escalate)


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
    state = taken_in(State(), understood("x", entities={"order_number": "LF-1"}))
    state = taken_in(state, understood("x", entities={"order_number": "LF-2"}))
    assert left(asking("order_status_form", "email", state)).slots == {"order_number": "LF-2"}


def test_that_a_form_that_did_its_work_forgets_what_it_asked_for_and_nothing_else() -> None:
    state = State(slots={"order_number": "LF-1", "email": "a@b.example", "size": "M"})
    assert forgotten(state, ["order_status_form"], DOMAIN).slots == {"size": "M"}
    assert forgotten(state, ["order_status_form"], DOMAIN, kept=["email"]).slots == {
        "email": "a@b.example",
        "size": "M",
    }
    still_open = replace(state, form="cancel_form")
    assert forgotten(still_open, ["order_status_form"], TWO_FORMS).slots == {"order_number": "LF-1", "size": "M"}


def test_that_what_the_dialogue_depends_on_outlives_a_form() -> None:
    email = replace(DOMAIN.slots["email"], influences=True)
    domain = replace(DOMAIN, slots={**DOMAIN.slots, "email": email})
    state = State(slots={"order_number": "LF-1", "email": "a@b.example"})
    assert forgotten(state, ["order_status_form"], domain).slots == {"email": "a@b.example"}
