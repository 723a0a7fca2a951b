"""Filling slots from what was understood, and the state of the form that asks for them. Pure."""

from dataclasses import replace

from bot.dialogue.domain import Domain
from bot.records import State, Understanding


def fill(state: State, understanding: Understanding, domain: Domain) -> State:
    """Put the entities of a message into the slots that take them; the last of a kind wins."""
    if not understanding.entities and understanding.language == state.language:
        return state
    entities = {entity.name: entity.value for entity in understanding.entities}
    filled = {slot: entities[entity] for slot, entity in domain.slots.items() if entity in entities}
    return replace(state, language=understanding.language, slots={**state.slots, **filled})


def missing(form: str, state: State, domain: Domain) -> str | None:
    """The first slot that a form still needs, or None when it is complete."""
    return next((slot for slot in domain.forms[form] if not state.slots.get(slot)), None)


def asked(state: State, form: str, slot: str) -> State:
    """The state after asking for ``slot``: asking again for the same one of the same form counts as an attempt."""
    again = (state.form, state.requested) == (form, slot)
    return replace(state, form=form, requested=slot, attempts=state.attempts + 1 if again else 1)


def left(state: State) -> State:
    """The state after a form ended; its slots stay known for the next question."""
    if (state.form, state.requested, state.attempts) == (None, None, 0):
        return state
    return replace(state, form=None, requested=None, attempts=0)


def submitted(state: State, form: str, domain: Domain) -> State:
    """The state after ``form`` did its work: what it asked for is forgotten, since the next shopper at a shared device
    writes in the same conversation."""
    return left(replace(state, slots={s: value for s, value in state.slots.items() if s not in domain.forms[form]}))
