"""What happened lately, matched with the project's rules and stories: what comes next. Pure.

A rule or a story's beginning matches when the last things that happened are its steps, in order; the longest match
wins, and rules go before stories, as in Rasa with its rule and memoization policies and no trained one. Two things are
left out of what happened, so that a dialogue finds back to its path: messages that an open form took as its answers (as
Rasa does), and questions that were answered from the knowledge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.dialogue.project import ANYTHING, LISTEN, REQUESTED, Domain, Moment
from bot.records import Event, State, Understanding

ANSWER = "action_answer"
"""Our own action: a question was answered from the knowledge."""

UNSURE = "nlu_fallback"
"""Rasa's intent of a message that is not understood."""

LONGEST = 60
"""Events that a trail keeps: some fifteen turns, two kilobytes."""


@dataclass(slots=True)
class _Past:
    """One message or action of the past, with what held after it."""

    kind: str
    name: str
    entities: Mapping[str, Any]
    slots: dict[str, Any]
    loop: str | None
    opened: frozenset[str] = frozenset()
    """Loops that were open while it was done, though it may have opened them itself, or ended them."""


def heard(state: State, understanding: Understanding, intent: str) -> State:
    """The state after a message with this ``intent`` came."""
    entities = {entity.name: entity.value for entity in understanding.entities}
    return _with(state, Event("user", intent, entities or None))


def done(state: State, action: str) -> State:
    """The state after ``action`` was done."""
    return _with(state, Event("action", action))


def known(state: State, slots: Mapping[str, Any]) -> State:
    """The state after slots were set; a value of None empties one."""
    if not slots:
        return state
    both = {**state.slots, **slots}
    filled = {name: value for name, value in both.items() if value is not None and name != REQUESTED}
    return _with(replace(state, slots=filled), *(Event("slot", name, value) for name, value in slots.items()))


def looped(state: State, loop: str | None) -> State:
    """The state after ``loop`` was opened, or the open one ended."""
    return _with(replace(state, form=loop), Event("loop", loop or ""))


def rejected(state: State) -> State:
    """The state after the open form found nothing for it in a message."""
    return _with(state, Event("rejected", state.form or ""))


def _with(state: State, *events: Event) -> State:
    return replace(state, trail=(*state.trail, *events)[-LONGEST:])


def rested(state: State, domain: Domain) -> State:
    """The state at the end of a turn: slots that no rule or story looks at leave the trail, which is stored."""
    watched = {name for path in domain.paths for moment in path.moments for name, _ in moment.slots}
    kept = tuple(event for event in state.trail if event.kind != "slot" or event.name in watched)
    return replace(state, trail=(*kept, Event("action", LISTEN))[-LONGEST:])


def given(state: State) -> dict[str, Any]:
    """The slots that were set since the last message came."""
    slots: dict[str, Any] = {}
    for event in reversed(state.trail):
        if event.kind == "user":
            break
        if event.kind == "slot":
            slots.setdefault(event.name, event.value)
    return slots


def last_action(state: State) -> str | None:
    """What was done last before this message, apart from listening and answering."""
    actions = (event.name for event in reversed(state.trail) if event.kind == "action")
    return next((name for name in actions if name not in (LISTEN, ANSWER)), None)


def goes_on_with(form: str, state: State) -> bool:
    """Whether ``form`` did its work in the turn before this message, and no form is open any more."""
    turns = 0
    for event in reversed(state.trail):
        turns += (event.kind, event.name) == ("action", LISTEN)
        if turns > 1:
            break
        if (event.kind, event.name) == ("action", form):
            return state.form is None
    return False


def interrupted(state: State) -> bool:
    """Whether something else was done since the open form last ran, so that the message may be an answer to that."""
    return state.form is not None and last_action(state) not in (None, state.form)


@dataclass(frozen=True, slots=True)
class Next:
    """What rules, or else stories, have come next."""

    action: str
    """`LISTEN` for the shopper's turn."""
    goes_on: bool
    """Whether it was begun before this message: more than one message led to it."""
    loop: str | None
    """The loop that it says is open at this message, if it says so."""


def next_action(state: State, domain: Domain) -> Next | None:
    """What comes next after what happened; None where neither a rule nor a story matches."""
    past = _past(state, domain)
    if not past:
        return None
    found: tuple[tuple[bool, int, int, bool], Next] | None = None
    for path, at in domain.crossings.get((past[-1].kind, past[-1].name.partition("/")[0]), ()):
        action = path.after(at)
        assert action is not None, "crossings are places from which something follows"
        told = path.moments[:at]
        if not _match(told, past, domain) or (path.from_start and len(past) > _length(told)):
            continue
        weight = (path.is_rule, _length(told), sum(map(_said, told)), action != LISTEN)
        if found is None or weight > found[0]:
            messages = [moment for moment in told if moment.kind == "user"]
            loops = [moment.loop for moment in told if isinstance(moment.loop, str)]
            found = weight, Next(action, len(messages) > 1, loops[-1] if loops else None)
    return found[1] if found else None


def _length(told: Sequence[Moment]) -> int:
    return sum(moment.kind != "any" for moment in told)


def _said(moment: Moment) -> int:
    """How much a moment says: of two rules that match, the one that says more is meant."""
    return len(moment.entities) + len(moment.slots) + (moment.loop is not True)


def _match(told: Sequence[Moment], past: Sequence[_Past], domain: Domain) -> bool:
    """Whether the last of the ``past`` is what is ``told``."""
    at = len(past)
    following: _Past | None = None
    for moment in reversed(told):
        if moment.kind == "any":
            before = past[at - 1] if at > 0 else None
            if not _held(moment, before, following, domain):
                return False
            continue
        at -= 1
        if at < 0 or not _matches(moment, past[at], domain):
            return False
        following = past[at]
    return True


def _held(moment: Moment, before: _Past | None, following: _Past | None, domain: Domain) -> bool:
    """Whether a rule's condition held before its first step.

    A loop that the step itself opened counts: a form that is complete at once was open all the same.
    """
    if following is not None and following.kind == "user":
        before = following  # A message changes no loop; its slots are set before anything is decided.
    loop = before.loop if before else None
    opened = following.opened if following else frozenset[str]()
    if moment.loop is not True and loop != moment.loop and moment.loop not in opened:
        return False
    slots = following.slots if before is None and following else before.slots if before else {}
    return all(_is(slots.get(name), value, name, domain) for name, value in moment.slots)


def _matches(moment: Moment, past: _Past, domain: Domain) -> bool:
    if moment.kind != past.kind:
        return False
    if moment.name != past.name and ("/" in moment.name or moment.name != past.name.partition("/")[0]):
        return False
    if moment.loop is not True and moment.loop != past.loop:
        return False
    for name, value in moment.entities:
        if name not in past.entities or (value is not None and str(past.entities[name]) != str(value)):
            return False
    return all(_is(past.slots.get(name), value, name, domain) for name, value in moment.slots)


def _is(value: Any, told: Any, slot: str, domain: Domain) -> bool:
    """Whether a slot is as told. Of texts and lists, as in Rasa, it counts only whether they are set."""
    if told is None:
        return value is None or value == []
    if value is None or value == []:
        return False
    kind = domain.slots[slot].type if slot in domain.slots and slot != REQUESTED else "any"
    if told == ANYTHING or kind in ("text", "list"):
        return True
    return str(value).casefold() == str(told).casefold() or _number(value) == _number(told) is not None


def _number(value: Any) -> float | None:
    """A number as it was said or told: "2" is 2.0."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _first_loop(state: State, domain: Domain) -> str | None:
    """The loop that was open when the trail begins: it is cut off somewhere, or was not kept yet."""
    for at, event in enumerate(state.trail):
        if event.kind == "loop":
            before = (past.name for past in reversed(state.trail[:at]) if past.kind == "action")
            return None if event.name else next((name for name in before if name in domain.forms), None)
    return state.form


def _past(state: State, domain: Domain) -> list[_Past]:
    """The trail as messages and actions with what held after each."""
    changed = {event.name for event in state.trail if event.kind == "slot"}
    slots = {name: value for name, value in state.slots.items() if name not in changed}
    past: list[_Past] = []
    loop = _first_loop(state, domain)
    astray = False  # Whether the open loop's run was followed by anything but answers to it.
    for kind, name, value in state.trail:
        last = past[-1] if past else None
        match kind:
            case "user":
                past.append(_Past("user", name, value or {}, dict(slots), loop))
            case "action" if name == ANSWER:
                if last and last.kind == "user":
                    past.pop()
            case "action" if name == LISTEN:
                pass
            case "action" if name == loop and not astray and last and last.kind == "user":
                past.pop()
                if past and past[-1].name == loop:
                    past.pop()  # The same run of the form, now with what it was told in the meantime.
                past.append(_Past("action", name, {}, dict(slots), loop, frozenset({name})))
            case "action":
                astray = loop is not None and name != loop
                past.append(_Past("action", name, {}, dict(slots), loop, frozenset({name} if name == loop else ())))
            case "rejected":
                astray = True
            case "slot":
                slots[name] = value
                if last:
                    last.slots[name] = value
            case "loop":
                loop, astray = name or None, False
                if last:
                    last.loop = loop
                    last.opened |= {name} if name else frozenset()
    return past
