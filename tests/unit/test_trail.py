"""What comes next: rules and stories matched with what happened."""

from pathlib import Path
from typing import Any

import pytest

from bot.dialogue.domain import read_domain
from bot.dialogue.project import LISTEN, Domain
from bot.dialogue.trail import ANSWER, LONGEST, given, interrupted, known, looped, next_action, rested
from bot.records import Event, State

DOMAIN = """
intents: [greet, hungry, more, yes, stop, ask]
actions: [action_a, action_b, action_c]
slots:
  vip: {type: bool}
  name: {type: text}
  dish: {type: categorical, values: [soup, rice]}
  count: {type: float}
forms:
  order_form: {required_slots: [dish]}
  other_form: {required_slots: [dish]}
responses:
"""
RESPONSES = "".join(f"  utter_{name}: [{{text: x}}]\n" for name in ("hi", "a", "b", "c", "vip", "soup", "bye"))


@pytest.fixture
def project(tmp_path: Path) -> "Project":
    return Project(tmp_path)


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rules(self, text: str) -> Domain:
        return self._read(f"rules:\n{text}")

    def stories(self, text: str) -> Domain:
        return self._read(f"stories:\n{text}")

    def _read(self, text: str) -> Domain:
        (self.folder / "domain.yml").write_text(DOMAIN + RESPONSES)
        (self.folder / "rules.yml").write_text(text)
        return read_domain(self.folder)


def after(*events: str | tuple[str, Any], slots: dict[str, Any] | None = None, form: str | None = None) -> State:
    """A state after messages (``?greet``), actions, slots (a pair), loops (``+form``, ``-``) and rejections (``!``)."""
    trail = []
    loop = form
    for event in events:
        match event:
            case (str(name), value):
                trail.append(Event("slot", name, value))
            case str(name) if name.startswith("?"):
                trail.append(Event("user", name[1:]))
            case str(name) if name.startswith("+"):
                trail.append(Event("loop", name[1:]))
                loop = name[1:]
            case "-":
                trail.append(Event("loop", ""))
                loop = None
            case "!":
                trail.append(Event("rejected", loop or ""))
            case str(name):
                trail.append(Event("action", name))
    told = {event.name: event.value for event in trail if event.kind == "slot"}
    return State(slots={**(slots or {}), **told}, form=loop, trail=tuple(trail))


def action(state: State, domain: Domain) -> str | None:
    following = next_action(state, domain)
    return following.action if following else None


GREET = "- rule: g\n  steps: [{intent: greet}, {action: utter_hi}, {action: action_a}]\n"


def test_that_a_rule_leads_through_all_of_its_actions(project: Project) -> None:
    domain = project.rules(GREET)
    assert action(after("?greet"), domain) == "utter_hi"
    assert action(after("?greet", "utter_hi"), domain) == "action_a"
    assert action(after("?greet", "utter_hi", "action_a"), domain) == LISTEN
    assert action(after("?more", "utter_b", LISTEN, "?greet"), domain) == "utter_hi"
    assert action(after("?more"), domain) is None
    assert action(after("utter_hi"), domain) is None


def test_that_a_rule_for_the_start_holds_at_the_start_only(project: Project) -> None:
    start = "- rule: s\n  conversation_start: true\n  steps: [{intent: greet}, {action: utter_b}]\n"
    domain = project.rules(GREET + start)
    assert action(after("?more", "utter_c", LISTEN, "?greet"), domain) == "utter_hi"
    first = project.rules(start)
    assert action(after("?greet"), first) == "utter_b"
    assert action(after("?more", "utter_c", LISTEN, "?greet"), first) is None


def test_that_a_rule_need_not_wait(project: Project) -> None:
    domain = project.rules("- rule: g\n  wait_for_user_input: false\n  steps: [{intent: greet}, {action: utter_hi}]\n")
    assert action(after("?greet", "utter_hi"), domain) is None


def test_that_conditions_on_slots_choose_between_rules(project: Project) -> None:
    domain = project.rules(
        "- rule: any\n  steps: [{intent: greet}, {action: utter_hi}]\n"
        "- rule: vip\n  condition: [{slot_was_set: [{vip: true}]}]\n  steps: [{intent: greet}, {action: utter_vip}]\n"
        "- rule: soup\n  condition: [{slot_was_set: {dish: soup}}]\n  steps: [{intent: more}, {action: utter_soup}]\n"
        "- rule: n\n  condition: [{slot_was_set: [{count: 2}, name]}]\n  steps: [{intent: more}, {action: utter_c}]\n"
    )
    assert action(after("?greet"), domain) == "utter_hi"
    assert action(after("?greet", slots={"vip": False}), domain) == "utter_hi"
    assert action(after("?greet", slots={"vip": True}), domain) == "utter_vip"
    assert action(after("?greet", ("vip", True)), domain) == "utter_vip"
    assert action(after("?more", slots={"dish": "Soup"}), domain) == "utter_soup"
    assert action(after("?more", slots={"count": 2.0, "name": "Mei", "dish": "soup"}), domain) == "utter_c"
    assert action(after("?more", slots={"count": 2.0}), domain) is None


FORM = (
    "- rule: open\n  steps: [{intent: hungry}, {action: order_form}, {active_loop: order_form}]\n"
    "- rule: close\n  condition: [{active_loop: order_form}]\n"
    "  steps: [{action: order_form}, {active_loop: null}, {slot_was_set: [{requested_slot: null}]}, "
    "{action: action_a}]\n"
    "- rule: beside\n  condition: [{active_loop: order_form}]\n"
    "  steps: [{intent: ask}, {action: utter_b}, {action: order_form}, {active_loop: order_form}]\n"
)
OPENED = ("?hungry", "order_form", "+order_form", ("requested_slot", "dish"), LISTEN)


def test_that_a_form_is_opened_and_submitted(project: Project) -> None:
    domain = project.rules(FORM)
    assert action(after("?hungry"), domain) == "order_form"
    assert action(after(*OPENED), domain) == LISTEN
    closed = ("order_form", ("requested_slot", None), "-")
    assert action(after(*OPENED, "?more", ("dish", "soup"), *closed), domain) == "action_a"
    assert action(after(*OPENED, "?more", ("dish", "soup"), *closed, "action_a"), domain) == LISTEN
    # Several answers later, and complete at once.
    several = (*OPENED, "?more", "order_form", ("requested_slot", "count"), LISTEN, "?yes", *closed)
    assert action(after(*several), domain) == "action_a"
    assert action(after("?hungry", "order_form", "+order_form", ("requested_slot", None), "-"), domain) == "action_a"
    other = ("?hungry", "other_form", "+other_form", ("requested_slot", None), "-")
    assert action(after(*other), domain) is None


def test_that_what_is_said_beside_a_form_leads_back_to_it(project: Project) -> None:
    domain = project.rules(FORM)
    assert action(after(*OPENED, "?ask", "!"), domain) == "utter_b"
    assert action(after(*OPENED, "?ask", "!", "utter_b"), domain) == "order_form"
    assert action(after("?ask"), domain) is None
    answered = (
        *OPENED,
        "?ask",
        "!",
        "utter_b",
        "order_form",
        LISTEN,
        "?more",
        "order_form",
        ("requested_slot", None),
        "-",
    )
    assert action(after(*answered), domain) == "action_a"
    assert interrupted(after(*OPENED, "?ask", "!", "utter_b", LISTEN, "?yes"))
    assert not interrupted(after(*OPENED, "?more", ANSWER, LISTEN, "?yes"))


def test_that_a_form_that_was_open_before_trails_were_kept_ends_well(project: Project) -> None:
    domain = project.rules(FORM)
    closed = after("?more", "order_form", ("requested_slot", None), "-", form="order_form")
    assert action(closed, domain) == "action_a"


STORY = (
    "- story: s\n  steps: [{intent: greet}, {action: utter_hi}, {intent: more}, {action: utter_a}, {action: utter_b}, "
    "{checkpoint: c}]\n"
    "- story: t\n  steps: [{checkpoint: c}, {or: [{intent: yes}, {intent: more}]}, {action: utter_c}]\n"
    "- story: u\n  steps: [{intent: more}, {action: utter_bye}]\n"
)


def test_that_the_longest_beginning_of_a_story_wins(project: Project) -> None:
    domain = project.stories(STORY)
    assert action(after("?greet", "utter_hi", LISTEN, "?more"), domain) == "utter_a"
    assert action(after("?more"), domain) == "utter_bye"
    assert action(after("?greet", "utter_hi", LISTEN, "?more", "utter_a"), domain) == "utter_b"
    both = ("?greet", "utter_hi", LISTEN, "?more", "utter_a", "utter_b", LISTEN)
    assert action(after(*both, "?yes"), domain) == "utter_c"
    assert action(after(*both, "?more"), domain) == "utter_c"
    assert action(after("?yes"), domain) is None
    following = next_action(after(*both, "?yes"), domain)
    assert following
    assert following.goes_on


def test_that_an_answer_from_the_knowledge_does_not_break_a_story(project: Project) -> None:
    domain = project.stories(STORY)
    assert action(after("?greet", "utter_hi", LISTEN, "?ask", ANSWER, LISTEN, "?more"), domain) == "utter_a"


def test_that_rules_go_before_stories(project: Project) -> None:
    domain = project._read(
        "rules:\n- rule: r\n  steps: [{intent: more}, {action: utter_c}]\n"
        "stories:\n- story: s\n  steps: [{intent: greet}, {action: utter_hi}, {intent: more}, {action: utter_a}]\n"
    )
    assert action(after("?greet", "utter_hi", LISTEN, "?more"), domain) == "utter_c"


def test_that_stories_tell_entities_and_later_slots_apart(project: Project) -> None:
    domain = project.stories(
        "- story: a\n  steps: [{intent: more, entities: [{dish: soup}]}, {action: utter_soup}]\n"
        "- story: b\n  steps: [{intent: more, entities: [dish]}, {action: utter_a}]\n"
        "- story: c\n  steps: [{intent: more}, {action: action_a}, {slot_was_set: {vip: true}}, {action: utter_vip}]\n"
        "- story: d\n  steps: [{intent: more}, {action: action_a}, {slot_was_set: {vip: false}}, {action: utter_bye}]\n"
    )
    soup = State(trail=(Event("user", "more", {"dish": "soup"}),))
    rice = State(trail=(Event("user", "more", {"dish": "rice"}),))
    assert action(soup, domain) == "utter_soup"
    assert action(rice, domain) == "utter_a"
    assert action(after("?more"), domain) == "action_a"
    assert action(after("?more", "action_a", ("vip", True)), domain) == "utter_vip"
    assert action(after("?more", "action_a", ("vip", False)), domain) == "utter_bye"
    assert action(after("?more", "action_a"), domain) is None


def test_that_a_retrieval_intent_is_one_intent_to_rules(project: Project) -> None:
    domain = project.rules("- rule: a\n  steps: [{intent: ask}, {action: utter_a}]\n")
    assert action(after("?ask/returns"), domain) == "utter_a"
    exact = project.rules("- rule: a\n  steps: [{intent: ask/returns}, {action: utter_a}]\n")
    assert action(after("?ask/returns"), exact) == "utter_a"
    assert action(after("?ask/shipping"), exact) is None


def test_that_a_trail_stays_short_and_keeps_what_rules_look_at(project: Project) -> None:
    domain = project.rules(
        "- rule: a\n  condition: [{slot_was_set: [vip]}]\n  steps: [{intent: ask}, {action: utter_a}]\n"
    )
    state = known(after("?ask"), {"vip": True, "name": "Mei"})
    assert given(state) == {"vip": True, "name": "Mei"}
    rest = rested(state, domain)
    assert rest.trail == (Event("user", "ask"), Event("slot", "vip", True), Event("action", LISTEN))
    assert rest.slots == {"vip": True, "name": "Mei"}
    for _ in range(LONGEST):
        rest = rested(looped(rest, "order_form"), domain)
    assert len(rest.trail) == LONGEST
