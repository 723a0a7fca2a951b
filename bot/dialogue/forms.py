"""The state of the form that is open: what it asks for, how often, and how it ends. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from bot.dialogue.project import REQUESTED, Domain
from bot.dialogue.slots import CONFIRMED
from bot.dialogue.trail import done, known, looped
from bot.records import State, Utterance


def opened(state: State, form: str, domain: Domain) -> tuple[State, dict[str, Any]]:
    """The state with ``form`` open, and what is known of its slots already, which has to be validated.

    A yes that was given to something else is none to this.
    """
    required = domain.forms[form].required
    if CONFIRMED in required:
        state = known(state, {CONFIRMED: None}) if state.slots.get(CONFIRMED) is not None else state
    state = looped(done(replace(state, requested=None, attempts=0), form), form)
    return state, {slot: state.slots[slot] for slot in required if state.slots.get(slot) is not None}


def missing(form: str, state: State, domain: Domain) -> str | None:
    """The first slot that a form still needs, or None when it is complete."""
    return next((slot for slot in domain.forms[form].required if state.slots.get(slot) is None), None)


def asked(state: State, slot: str, *, counts: bool = True) -> State:
    """The state after asking for ``slot``: asking again for the same one counts as an attempt, unless the shopper had
    only asked something in between."""
    again = state.requested == slot
    attempts = state.attempts + counts if again else 1
    return known(replace(state, requested=slot, attempts=attempts), {REQUESTED: slot})


def left(state: State) -> State:
    """The state after a form ended; its slots stay known for the next question."""
    if (state.form, state.requested, state.attempts) == (None, None, 0):
        return state
    return looped(known(replace(state, requested=None, attempts=0), {REQUESTED: None}), None)


def forgotten(state: State, forms: Iterable[str], domain: Domain, kept: Iterable[str] = ()) -> State:
    """The state after forms did their work: what they asked for is forgotten where the dialogue does not depend on it,
    since the next shopper at a shared device writes in the same conversation. An open form keeps what it needs."""
    still_open = domain.open_form(state)
    needed = {*kept, *(still_open.required if still_open else ())}
    gone = {
        slot
        for form in forms
        for slot in domain.forms[form].required
        if slot not in needed and domain.slots[slot].is_forgotten
    }
    if gone.isdisjoint(state.slots):
        return state
    return replace(state, slots={slot: value for slot, value in state.slots.items() if slot not in gone})


def begun_anew(state: State, domain: Domain, *, keeps_slots: bool = False) -> State:
    """The state of a new session: nothing is open, nothing has happened yet."""
    slots: Mapping[str, Any] = {**domain.initial, **state.slots} if keeps_slots else domain.initial
    return replace(state, slots=slots, form=None, requested=None, attempts=0, trail=(), pending=(), unanswered=0)


def as_question(said: list[Utterance], slot: str) -> list[Utterance]:
    """Mark the last of what was said as the question for ``slot``, with the answers to choose from: the titles of its
    buttons, unless whoever worded it named ``options`` itself."""
    last = said[-1]
    custom = dict(last.custom or {})
    options = custom.pop("options", None) or [button.title for button in last.buttons]
    return [*said[:-1], replace(last, custom={**custom, "ask": slot, "options": list(options)})]
