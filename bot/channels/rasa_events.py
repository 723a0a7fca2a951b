"""Events that a program appends to a tracker: read, checked, and what they make of a conversation's state. Pure.

Source: `EVENTS_SCHEMA` and `rasa/shared/core/events.py` of Rasa 3.6.21.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.channels.rasa_access import ErrorResponse, bad_request
from bot.dialogue.vouching import VOUCHED
from bot.records import Button, Entity, Intent, State, Understanding, Utterance

FLOORS = ("pause", "resume")
"""Those that hand the floor over: they are kept as such, not as events."""

KEPT = (
    "slot",
    "user",
    "bot",
    "agent",
    "action",
    "active_loop",
    "session_started",
    "restart",
    "reset_slots",
    *FLOORS,
)
"""The events that can be appended. Rasa's others steer its policies, or take back what was said, which no log of
Kefu's does; they are refused, and not ignored in silence."""

MOST = 100
"""Events of one request."""

_DEEPEST = 32
"""Levels of an event: what is nested without end could not be written out again."""

Event = Mapping[str, Any]


def read_events(body: Any) -> list[Event]:
    """The events of a request: one, or a list of them.

    Raises:
        ErrorResponse: names what is wrong, and what is allowed.
    """
    events = body if isinstance(body, list) else [body]
    if not 0 < len(events) <= MOST:
        raise bad_request(f"Give 1 to {MOST} events.", "")
    return [_checked(event) for event in events]


def _checked(event: Any) -> Event:
    if not isinstance(event, dict) or event.get("event") not in KEPT:
        kind = event.get("event") if isinstance(event, dict) else event
        raise bad_request(f"event: {kind!r:.60} cannot be appended. Allowed are: {', '.join(KEPT)}.", "event")
    _check_depth(event)
    kind, at = event["event"], event.get("timestamp")
    if at is not None and (isinstance(at, bool) or not isinstance(at, int | float)):
        raise bad_request(f"timestamp: has to be a number of seconds since 1970, not {at!r:.60}.", "timestamp")
    _check_metadata(event)
    if kind == "slot" and not (isinstance(event.get("name"), str) and "value" in event):
        raise bad_request("slot: has to have a name and a value.", "name")
    if kind in ("action", "active_loop") and not isinstance(event.get("name"), str | None):
        raise bad_request(f"{kind}: its name has to be a string.", "name")
    if kind in ("user", "bot", "agent") and not isinstance(event.get("text"), str | None):
        raise bad_request(f"{kind}: its text has to be a string.", "text")
    if kind == "user":
        if not isinstance(event.get("parse_data", {}), dict):
            raise bad_request("user: its parse_data has to be an object.", "parse_data")
        _check_metadata(event.get("parse_data", {}))
    return event


def _check_metadata(told: Event) -> None:
    """Refuse metadata that is no object, or that says whom this server vouches for, which a reader would believe."""
    metadata = told.get("metadata")
    if not isinstance(metadata, dict | None):
        raise bad_request("metadata: has to be an object.", "metadata")
    if metadata and VOUCHED in metadata:
        raise bad_request(f"metadata: {VOUCHED} is this server's own word.", "metadata")


def _check_depth(value: Any) -> None:
    """Refuse what is nested deeper than `_DEEPEST`, level by level and without recursion."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [part for whole in level for part in _parts(whole)]
        if not level:
            return
    raise bad_request(f"The body is nested deeper than {_DEEPEST} levels.", "")


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def applied(state: State, events: Sequence[Event], slots: Collection[str], forms: Collection[str]) -> State:
    """The state after ``events``, of a domain with these slots and forms.

    Raises:
        ErrorResponse: a slot or form is not in the domain.
    """
    for event in events:
        match event["event"]:
            case "slot":
                state = with_slots(state, {event["name"]: event["value"]}, slots)
            case "active_loop":
                state = _with_form(state, event.get("name"), forms)
            case "reset_slots":
                state = replace(state, slots={})
            case "restart" | "session_started":
                state = State(language=state.language)
    return state


def with_slots(state: State, values: Mapping[str, Any], slots: Collection[str]) -> State:
    """The state with some slots set; None empties one.

    Raises:
        ErrorResponse: the domain has no such slot.
    """
    filled = dict(state.slots)
    for name, value in values.items():
        if name == "language" and isinstance(value, str):
            state = replace(state, language=value)
        elif name == "requested_slot" and isinstance(value, str | None):
            state = replace(state, requested=value)
        elif name not in slots:
            raise bad_request(f"slot: the domain has no {name!r:.60}. It has: {', '.join(sorted(slots))}.", "name")
        elif value is None:
            filled.pop(name, None)
        else:
            filled[name] = value
    return replace(state, slots=filled)


def _with_form(state: State, name: str | None, forms: Collection[str]) -> State:
    if name is not None and name not in forms:
        raise bad_request(
            f"active_loop: the domain has no form {name!r:.60}. It has: {', '.join(sorted(forms))}.", "name"
        )
    return replace(state, form=name, requested=None, attempts=0)


def utterance_of(event: Event) -> Utterance:
    """What a ``bot`` event says.

    Raises:
        ErrorResponse: its data is none of Rasa's.
    """
    data = event.get("data") or {}
    try:
        buttons = tuple(Button(str(b["title"]), str(b.get("payload", b["title"]))) for b in data.get("buttons") or ())
        image, custom = data.get("image"), data.get("custom")
        if not isinstance(image, str | None) or not isinstance(custom, dict | None):
            raise TypeError
    except (AttributeError, KeyError, TypeError) as exc:
        raise ErrorResponse(400, "BadRequest", "bot: its data has to be as Rasa writes it.") from exc
    return Utterance(event.get("text") or "", buttons, image, custom)


def read_parse_data(text: str, parsed: Any) -> Understanding:
    """What a program says that ``text`` means, as `/model/parse` words it.

    Raises:
        ErrorResponse: it is none of that.
    """
    _check_depth(parsed)
    try:
        intent = parsed.get("intent") or {}
        intents = (Intent(str(intent["name"]), float(intent.get("confidence") or 1.0)),) if intent.get("name") else ()
        entities = tuple(
            Entity(str(e["entity"]), str(e["value"]), int(e.get("start") or 0), int(e.get("end") or 0), "program")
            for e in parsed.get("entities") or ()
        )
        _check_metadata(parsed)
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        raise bad_request("parse_data: has to be an object, as /model/parse gives it.", "parse_data") from exc
    return Understanding(text, State().language, intents, 1.0, entities)
