"""What a message fills, by the mappings of the domain, as Rasa's `action_extract_slots` does it. Pure."""

from collections.abc import Mapping
from typing import Any

from bot.dialogue.project import Domain, Slot, SlotMapping
from bot.dialogue.trail import given
from bot.dialogue.turning import says_yes_or_no
from bot.records import Findings, State, Understanding

CONFIRMED = "confirmed"
"""The slot of an explicit yes: never there before it was asked for, and taken back when anything else changes."""

PRODUCT = "product"
"""The slot, and its entity, of the product that is spoken of."""


def spoken_of(found: Findings, state: State, domain: Domain) -> dict[str, str | None]:
    """What `PRODUCT` becomes by what the knowledge found: the one product that a message is about, "it" included; empty
    after a search among several, as "it" may be any of them then.

    A form that is open is filled by its own questions alone.
    """
    slot = domain.slots.get(PRODUCT)
    if state.form is not None or slot is None or all(mapping.entity != PRODUCT for mapping in slot.mappings):
        return {}
    if not (found.filters or found.products):
        return {}
    rows = () if found.filters or len(found.products) > 1 else [hit.passage.attributes for hit in found.hits]
    name = next((row.get("name") for row in rows if row.get("sku") in found.products), None)
    if name is None and (PRODUCT in given(state) or PRODUCT not in state.slots):
        return {}
    return {PRODUCT: name}


def extract(state: State, understanding: Understanding, intent: str, domain: Domain) -> dict[str, Any]:
    """The slots that a message sets: of each, the first mapping that has a value.

    ``intent`` is what the message is taken to mean. Slots of an open form that share an entity are filled only when
    asked for, as nobody knows which one is meant.
    """
    found: dict[str, Any] = {}
    by_intent: set[str] = set()
    for name, slot in domain.slots.items():
        for mapping in slot.mappings:
            value = _value(mapping, slot, state, understanding, _meant(slot, state, understanding, intent), domain)
            if value is not None and not _anybodys(mapping, name, state, domain):
                found[name] = [value] if slot.type == "list" and not isinstance(value, list | tuple) else value
                if mapping.type == "from_intent":
                    by_intent.add(name)
                break
    asked = state.requested
    if asked in by_intent and corrected(found, state, domain):
        del found[asked]  # "No, I meant LF-204518" is no answer to the question, nor is "yes, but LF-204518".
    return found


def corrected(found: Mapping[str, Any], state: State, domain: Domain) -> list[str]:
    """The slots of the open form that had another value before, apart from the one that was asked for."""
    form = domain.open_form(state)
    required = form.required if form else ()
    return [
        name
        for name in required
        if name != state.requested and name in found and state.slots.get(name) not in (None, found[name])
    ]


def _meant(slot: Slot, state: State, understanding: Understanding, intent: str) -> str:
    """The intent as this slot reads it: asked yes or no, "yes, cancel it" is a yes and no new wish to cancel."""
    if slot.name != state.requested:
        return intent
    spoken = says_yes_or_no(understanding.text)
    yes_or_no = {name for mapping in slot.mappings if mapping.type == "from_intent" for name in mapping.intents}
    return spoken if spoken is not None and spoken in yes_or_no else intent


def _value(
    mapping: SlotMapping, slot: Slot, state: State, understanding: Understanding, intent: str, domain: Domain
) -> Any:
    if not _holds(mapping, state) or not _intent_fits(mapping, state, intent, domain):
        return None
    match mapping.type:
        case "from_entity":
            values = [
                entity.value
                for entity in understanding.entities
                if (entity.name, entity.role, entity.group) == (mapping.entity, mapping.role, mapping.group)
            ]
            return (values or None) if slot.type == "list" else values[-1] if values else None
        case "from_text":
            return understanding.text or None
        case "from_intent" | "from_trigger_intent":
            return mapping.value
        case _:
            return None


def _holds(mapping: SlotMapping, state: State) -> bool:
    """Whether one of the mapping's conditions holds; a trigger's is that the loop is not open yet."""
    if mapping.type == "from_trigger_intent":
        return all(condition.loop != state.form for condition in mapping.conditions) or not mapping.conditions
    return not mapping.conditions or any(
        condition.loop == state.form and condition.requested in (None, state.requested)
        for condition in mapping.conditions
    )


def _intent_fits(mapping: SlotMapping, state: State, intent: str, domain: Domain) -> bool:
    names = {intent, intent.partition("/")[0]}
    unwanted = mapping.not_intents
    form = domain.open_form(state)
    if form and (not mapping.conditions or any(condition.loop == state.form for condition in mapping.conditions)):
        unwanted |= form.ignored
    if mapping.intents:
        return not names.isdisjoint(mapping.intents)
    return names.isdisjoint(unwanted)


def _anybodys(mapping: SlotMapping, name: str, state: State, domain: Domain) -> bool:
    """Whether an entity may as well be for another slot of the open form, and this one was not asked for."""
    form = domain.open_form(state)
    if mapping.type != "from_entity" or form is None or name == state.requested or name not in form.required:
        return False
    return any(
        other != name and any(_same_entity(mapping, theirs) for theirs in domain.slots[other].mappings)
        for other in form.required
    )


def _same_entity(one: SlotMapping, other: SlotMapping) -> bool:
    if other.type != "from_entity":
        return False
    return (one.entity, one.role, one.group, one.intents) == (other.entity, other.role, other.group, other.intents)
