"""A conversation as Rasa's tracker: what `rasa_sdk.Tracker.from_dict` and Rasa's clients read. Pure.

Source: `DialogueStateTracker.current_state` and the events' `as_dict` of Rasa 3.6.21.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from bot.channels.metadata import told_metadata
from bot.grounding.shown import visible_data
from bot.records import Conversation, Entry, EntryKind, Floor, Message, State, Trace, Understanding, Utterance

LISTEN = "action_listen"

ANSWER = "action_answer"
"""What an answer from the knowledge is called: Rasa has no action for it."""

HANDOFF = "action_handoff"
"""A call for a person, which the dialogue makes without an action of that name too."""

_NAMED = re.compile(r"\b(?:response|action)='(\w+)'|\b((?:utter|action)_\w+)")
"""Of a decision in a trace: what was said or run."""

_DATA: Mapping[str, None] = dict.fromkeys(("elements", "quick_replies", "buttons", "attachment", "image", "custom"))


class Verbosity(StrEnum):
    """Which events a tracker is wanted with."""

    NONE = "NONE"
    APPLIED = "APPLIED"
    AFTER_RESTART = "AFTER_RESTART"
    ALL = "ALL"


def tracker(
    sender: str,
    conversation: Conversation | None,
    entries: Sequence[Entry],
    slots: Iterable[str],
    verbosity: Verbosity,
) -> dict[str, Any]:
    """The tracker of a conversation and its whole log; ``slots`` are the names that the domain has."""
    events = events_of(entries)
    state = conversation.state if conversation else State()
    users = [event for event in events if event["event"] == "user"]
    actions = [event for event in events if event["event"] == "action"]
    latest = actions[-1]["name"] if actions else None
    return {
        "sender_id": sender,
        "slots": slot_values(state, slots),
        "latest_message": users[-1].get("parse_data") if users else parse_data("", None),
        "latest_event_time": events[-1]["timestamp"] if events else None,
        "followup_action": None,
        "paused": conversation is not None and conversation.floor is Floor.AGENT,
        "events": _wanted(events, verbosity),
        "latest_input_channel": users[-1].get("input_channel") if users else None,
        "active_loop": active_loop(state),
        "latest_action": {"action_name": latest} if latest else {},
        "latest_action_name": latest,
    }


def slot_values(state: State, names: Iterable[str]) -> dict[str, Any]:
    """Every slot of the domain, None where it is not filled."""
    known = {"language": state.language, "requested_slot": state.requested}
    return {**dict.fromkeys(names), **state.slots, **known}


def active_loop(state: State) -> dict[str, Any]:
    """The form that is open; nothing where none is."""
    if state.form is None:
        return {}
    return {"name": state.form, "is_interrupted": False, "rejected": False, "trigger_message": None}


def _wanted(events: list[dict[str, Any]], verbosity: Verbosity) -> list[dict[str, Any]] | None:
    match verbosity:
        case Verbosity.NONE:
            return None
        case Verbosity.ALL:
            return events
        case Verbosity.AFTER_RESTART:
            return _after(events, ("restart",))
        case Verbosity.APPLIED:
            return _after(events, ("restart", "session_started"))


def _after(events: list[dict[str, Any]], kinds: Sequence[str]) -> list[dict[str, Any]]:
    cuts = [n for n, event in enumerate(events) if event["event"] in kinds]
    return events[cuts[-1] + 1 :] if cuts else events


def events_of(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """What a log tells, as Rasa's events, oldest first. What the assistant did stands before what it said."""
    covering = {message: entry.trace for entry in entries for message in entry.covers}
    traces = {entry.turn: entry.trace for entry in entries if entry.kind is EntryKind.TURN}
    begun: set[str] = set()
    events: list[dict[str, Any]] = []
    if entries and not _is_session_start(entries[0]):
        events += session_start(entries[0].at.timestamp())
    for entry in entries:
        at = entry.at.timestamp()
        if entry.kind is EntryKind.ASSISTANT and entry.turn is not None and entry.turn not in begun:
            begun.add(entry.turn)
            events.append(_action(_name(traces.get(entry.turn)), at))
        events += _told(entry, covering.get(entry.message.id) if entry.message else None, at)
    return events


def session_start(at: float) -> list[dict[str, Any]]:
    """How a conversation begins in Rasa."""
    return [_action("action_session_start", at), {"event": "session_started", "timestamp": at}, _action(LISTEN, at)]


def _is_session_start(entry: Entry) -> bool:
    return entry.event is not None and entry.event.get("event") in ("session_started", "action")


def _told(entry: Entry, trace: Trace | None, at: float) -> list[dict[str, Any]]:
    match entry:
        case Entry(kind=EntryKind.SHOPPER, message=message) if message is not None:
            return [user_uttered(message, trace, at)]
        case Entry(kind=EntryKind.ASSISTANT, utterance=utterance) if utterance is not None:
            return [bot_uttered(utterance, at)]
        case Entry(kind=EntryKind.AGENT, utterance=utterance) if utterance is not None:
            return [bot_uttered(utterance, at) | {"event": "agent"}]
        case Entry(kind=EntryKind.TURN):
            return [_action(LISTEN, at)]
        case Entry(kind=EntryKind.FLOOR, floor=Floor.AGENT):
            return [{"event": "pause", "timestamp": at}]
        case Entry(kind=EntryKind.FLOOR, floor=Floor.ASSISTANT):
            return [{"event": "resume", "timestamp": at}]
        case Entry(kind=EntryKind.EVENT, event=event) if event is not None:
            return [{**event, "timestamp": event.get("timestamp") or at}]
        case _:
            return []


def user_uttered(message: Message, trace: Trace | None, at: float) -> dict[str, Any]:
    """A shopper's message; what a turn understood is said of all that it covers."""
    return {
        "event": "user",
        "timestamp": at,
        "text": message.text,
        "parse_data": parse_data(message.text, trace) | {"metadata": told_metadata(message)},
        "input_channel": message.channel,
        "message_id": message.id,
        "metadata": told_metadata(message),
    }


def bot_uttered(utterance: Utterance, at: float) -> dict[str, Any]:
    """Something said."""
    data = {
        "buttons": [{"title": b.title, "payload": b.payload} for b in utterance.buttons] or None,
        "image": utterance.image,
        # As every client gets it: what is nested without end could not be written.
        "custom": visible_data(dict(utterance.custom)) if utterance.custom else None,
    }
    return {"event": "bot", "timestamp": at, "text": utterance.text or None, "data": {**_DATA, **data}, "metadata": {}}


def parse_data(text: str, understood: Trace | Understanding | None) -> dict[str, Any]:
    """What was understood, in the shape of Rasa's `/model/parse`."""
    intents = understood.intents if understood else ()
    ranking = [{"name": intent.name, "confidence": intent.confidence} for intent in intents]
    return {
        "text": text,
        "intent": ranking[0] if ranking else {"name": None, "confidence": 0.0},
        "entities": [
            {"entity": e.name, "value": e.value, "start": e.start, "end": e.end, "extractor": e.extractor}
            for e in (understood.entities if understood else ())
        ],
        "intent_ranking": ranking,
    }


def _name(trace: Trace | None) -> str:
    if trace is None:
        return ANSWER
    if found := _NAMED.search(trace.decision):
        return found[1] or found[2]
    return HANDOFF if trace.decision.startswith("Escalate") else ANSWER


def _action(name: str, at: float) -> dict[str, Any]:
    return action_executed(name) | {"timestamp": at}


def action_executed(name: str) -> dict[str, Any]:
    """That an action ran."""
    return {
        "event": "action",
        "timestamp": None,
        "name": name,
        "policy": None,
        "confidence": None,
        "action_text": None,
        "hide_rule_turn": False,
    }
