"""A log as Rasa's tracker: the order of its events, and what each has of what was said and understood."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rasa_sdk import Tracker

from bot.channels.tracker import Verbosity, events_of, tracker
from bot.records import (
    Act,
    Button,
    Conversation,
    ConversationId,
    Entity,
    Entry,
    EntryKind,
    Escalate,
    Floor,
    Intent,
    LogId,
    Message,
    MessageId,
    Receipt,
    State,
    Trace,
    TurnId,
    Utterance,
)

BEGAN = datetime(2026, 11, 26, 12, tzinfo=UTC)
ANNA = ConversationId("rest:anna")
ORDER = Trace(
    intents=(Intent("order", 0.9), Intent("greet", 0.1)),
    entities=(Entity("number", "LF-1", 0, 4, "regex"),),
    decision=str(Act("action_order_status")),
)


def entry(second: int, kind: EntryKind, **more: Any) -> Entry:
    return Entry(LogId(f"{second}-0"), kind, BEGAN + timedelta(seconds=second), **more)


def wrote(second: int, text: str) -> Entry:
    message = Message(MessageId(f"m{second}"), ANNA, "rest", "anna", text, BEGAN, {"page": "/cart"})
    return entry(second, EntryKind.SHOPPER, message=message)


def said(second: int, text: str, turn: str | None = "1-0", **more: Any) -> Entry:
    name = None if turn is None else TurnId(turn)
    return entry(second, EntryKind.ASSISTANT, turn=name, utterance=Utterance(text, **more))


def ended(second: int, *covers: str, trace: Trace | None = ORDER) -> Entry:
    named = tuple(MessageId(message) for message in covers)
    return entry(second, EntryKind.TURN, turn=TurnId("1-0"), trace=trace, covers=named)


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["name"] if event["event"] == "action" else event["event"] for event in events]


START = ["action_session_start", "session_started", "action_listen"]


def test_that_a_burst_is_understood_as_its_turn_was() -> None:
    events = events_of([wrote(1, "LF-1"), wrote(2, "please"), said(3, "On its way."), ended(4, "m1", "m2")])
    assert names(events) == [*START, "user", "user", "action_order_status", "bot", "action_listen"]
    first, second = (event for event in events if event["event"] == "user")
    assert first["parse_data"]["intent"] == second["parse_data"]["intent"] == {"name": "order", "confidence": 0.9}
    assert (first["parse_data"]["text"], second["parse_data"]["text"]) == ("LF-1", "please")
    assert first["metadata"] == {"page": "/cart"}


def test_that_an_action_stands_once_before_all_that_it_said() -> None:
    events = events_of([wrote(1, "LF-1"), said(2, "One."), said(3, "Two."), ended(4, "m1")])
    assert names(events)[3:] == ["user", "action_order_status", "bot", "bot", "action_listen"]


def test_that_a_message_that_waits_is_not_understood_yet() -> None:
    [*_, user] = events_of([wrote(1, "Hi")])
    assert user["parse_data"]["intent"] == {"name": None, "confidence": 0.0}


def test_that_an_answer_from_the_knowledge_is_an_action_of_its_own() -> None:
    trace = Trace(decision="Answer(response=None)")
    assert "action_answer" in names(events_of([wrote(1, "Hi"), said(2, "Yes."), ended(3, "m1", trace=trace)]))
    assert "action_answer" in names(events_of([wrote(1, "Hi"), said(2, "Yes."), ended(3, "m1", trace=None)]))


def test_that_a_call_for_a_person_is_an_action() -> None:
    trace = Trace(decision=str(Escalate("the shopper pressed the button for a person")))
    assert "action_handoff" in names(events_of([wrote(1, "Hi"), said(2, "Yes."), ended(3, "m1", trace=trace)]))


def test_that_what_is_nested_without_end_can_be_written() -> None:
    custom: dict[str, Any] = {}
    for _ in range(2000):
        custom = {"a": custom}
    assert json.dumps(events_of([said(1, "Hi", None, custom=custom)]))


def test_that_what_a_person_says_and_that_they_come_and_go_is_told() -> None:
    agent = entry(2, EntryKind.AGENT, utterance=Utterance("Let me look."))
    floors = [entry(n, EntryKind.FLOOR, floor=floor) for n, floor in ((1, Floor.AGENT), (3, Floor.ASSISTANT))]
    waiting = entry(0, EntryKind.FLOOR, floor=Floor.WAITING)
    events = events_of([waiting, floors[0], agent, floors[1]])
    assert names(events)[3:] == ["pause", "agent", "resume"]
    assert events[4]["text"] == "Let me look."


def test_that_what_comes_along_is_in_the_events_data() -> None:
    [*_, bot] = events_of(
        [said(1, "", None, buttons=(Button("Yes", "/affirm"),), image="https://x/y", custom={"a": 1})]
    )
    assert bot["text"] is None
    assert bot["data"] == {
        "elements": None,
        "quick_replies": None,
        "buttons": [{"title": "Yes", "payload": "/affirm"}],
        "attachment": None,
        "image": "https://x/y",
        "custom": {"a": 1},
    }


def test_that_a_programs_events_are_told_as_they_were_written() -> None:
    mine = {"event": "slot", "name": "x", "value": [1], "timestamp": 1.5, "metadata": {"by": "crm"}}
    untimed = {"event": "restart"}
    events = events_of([entry(1, EntryKind.EVENT, event=mine), entry(2, EntryKind.EVENT, event=untimed)])
    assert events[-2] == mine
    assert events[-1] == {"event": "restart", "timestamp": (BEGAN + timedelta(seconds=2)).timestamp()}


def test_that_receipts_and_thumbs_are_no_events_of_rasas() -> None:
    receipt = entry(1, EntryKind.RECEIPT, receipt=Receipt("r", "a", "s"))
    assert names(events_of([receipt])) == START


@pytest.mark.parametrize("verbosity", Verbosity)
def test_that_rasa_sdk_reads_a_tracker_of_each_verbosity(verbosity: Verbosity) -> None:
    log = [wrote(1, "LF-1"), said(2, "On its way."), ended(3, "m1")]
    state = State(language="zh", slots={"order_number": "LF-1"}, form="order_form", requested="email")
    conversation = Conversation(ANNA, 1, 0, Floor.AGENT, state, ())
    found = json.loads(json.dumps(tracker("anna", conversation, log, ("order_number", "email"), verbosity)))
    read = Tracker.from_dict(found)  # type: ignore[no-untyped-call]
    assert read.slots == {"order_number": "LF-1", "email": None, "language": "zh", "requested_slot": "email"}
    assert (read.active_loop_name, read.is_paused(), read.latest_action_name) == ("order_form", True, "action_listen")
    assert list(read.get_latest_entity_values("number")) == ["LF-1"]  # type: ignore[no-untyped-call]
    assert found["latest_input_channel"] == "rest"
