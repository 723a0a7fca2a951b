"""What a message fills: the mappings of a domain, as Rasa's documentation has them."""

from dataclasses import replace
from typing import Any

import pytest

from bot.dialogue.project import Condition, Domain, Form, Slot, SlotMapping
from bot.dialogue.slots import corrected, extract, spoken_of
from bot.records import Entity, Filter, Findings, Hit, Intent, Kind, Passage, PassageId, State, Understanding

BOOKING = State(form="booking_form", requested="when")


def meaning(text: str = "some words", *entities: Entity) -> Understanding:
    return Understanding(text, "en", (Intent("inform", 1.0),), 1.0, entities)


def city(value: str, role: str | None = None, group: str | None = None) -> Entity:
    return Entity("city", value, 0, 0, "regex", role, group)


def found(
    mapping: SlotMapping | tuple[SlotMapping, ...],
    understood: Understanding,
    state: State = BOOKING,
    *,
    intent: str = "inform",
    kind: str = "text",
) -> Any:
    mappings = mapping if isinstance(mapping, tuple) else (mapping,)
    slots = {"when": Slot("when", kind, mappings=mappings), "other": Slot("other")}
    forms = {"booking_form": Form(("when", "other"), frozenset({"chitchat"}))}
    return extract(state, understood, intent, Domain(slots=slots, forms=forms)).get("when")


FROM_CITY = SlotMapping("from_entity", entity="city")


def test_that_the_last_entity_counts_and_a_list_takes_all() -> None:
    cities = meaning("from a to b", city("Utrecht"), city("Berlin"))
    assert found(FROM_CITY, cities) == "Berlin"
    assert found(FROM_CITY, cities, kind="list") == ["Utrecht", "Berlin"]
    assert found(FROM_CITY, meaning()) is None


def test_that_roles_and_groups_tell_entities_apart() -> None:
    cities = meaning("from a to b", city("Utrecht", "origin"), city("Berlin", "destination", "2"), city("Delft"))
    assert found(replace(FROM_CITY, role="origin"), cities) == "Utrecht"
    assert found(replace(FROM_CITY, role="destination", group="2"), cities) == "Berlin"
    assert found(replace(FROM_CITY, role="destination"), cities) is None
    assert found(FROM_CITY, cities) == "Delft"


def test_that_the_first_mapping_with_a_value_wins() -> None:
    mappings = (SlotMapping("from_intent", intents=frozenset({"deny"}), value="none"), SlotMapping("from_text"))
    assert found(mappings, meaning("no, nothing"), intent="deny") == "none"
    assert found(mappings, meaning("a window")) == "a window"


@pytest.mark.parametrize(
    ("mapping", "intent", "filled"),
    [
        (SlotMapping("from_text", intents=frozenset({"inform"})), "inform", True),
        (SlotMapping("from_text", intents=frozenset({"inform"})), "faq", False),
        (SlotMapping("from_text", intents=frozenset({"faq"})), "faq/returns", True),
        (SlotMapping("from_text", not_intents=frozenset({"faq"})), "faq/returns", False),
        (SlotMapping("from_text"), "chitchat", False),
        (SlotMapping("from_text", conditions=(Condition("booking_form"),)), "inform", True),
        (SlotMapping("from_text", conditions=(Condition("booking_form", "when"),)), "inform", True),
        (SlotMapping("from_text", conditions=(Condition("booking_form", "other"),)), "inform", False),
        (SlotMapping("from_text", conditions=(Condition("other_form"),)), "inform", False),
        (SlotMapping("from_text", conditions=(Condition("other_form"), Condition("booking_form"))), "inform", True),
        (SlotMapping("from_trigger_intent", intents=frozenset({"book"}), value=1), "book", True),
        (
            SlotMapping(
                "from_trigger_intent", intents=frozenset({"book"}), value=1, conditions=(Condition("booking_form"),)
            ),
            "book",
            False,
        ),
        (SlotMapping("custom"), "inform", False),
    ],
)
def test_that_intents_and_conditions_decide_whether_a_slot_is_filled(
    mapping: SlotMapping, intent: str, filled: bool
) -> None:
    assert (found(mapping, meaning(), intent=intent) is not None) is filled


def test_that_an_entity_of_two_slots_fills_the_one_that_was_asked_for() -> None:
    slots = {name: Slot(name, "text", mappings=(FROM_CITY,)) for name in ("origin", "destination")}
    domain = Domain(slots=slots, forms={"trip_form": Form(("origin", "destination"))})
    state = State(form="trip_form", requested="destination", slots={"origin": "Utrecht"})
    assert extract(state, meaning("b", city("Berlin")), "inform", domain) == {"destination": "Berlin"}


YES_OR_NO = Slot(
    "confirmed",
    "bool",
    mappings=(
        SlotMapping(
            "from_intent", intents=frozenset({"affirm"}), value=True, conditions=(Condition("f", "confirmed"),)
        ),
        SlotMapping("from_intent", intents=frozenset({"deny"}), value=False, conditions=(Condition("f", "confirmed"),)),
    ),
)
PAYING = Domain(
    slots={"city": Slot("city", "text", mappings=(FROM_CITY,)), "confirmed": YES_OR_NO},
    forms={"f": Form(("city", "confirmed"))},
)
ASKED = State(form="f", requested="confirmed", slots={"city": "Utrecht"})


@pytest.mark.parametrize(
    ("text", "intent", "slots"),
    [
        ("yes", "affirm", {"confirmed": True}),
        ("yes, cancel it please", "cancel_order", {"confirmed": True}),
        ("no, don't cancel it", "cancel_order", {"confirmed": False}),
        ("what does it cost?", "ask_price", {}),
    ],
)
def test_that_a_yes_is_a_yes_whatever_else_it_sounds_like(text: str, intent: str, slots: dict[str, Any]) -> None:
    assert extract(ASKED, meaning(text), intent, PAYING) == slots


def test_that_a_yes_with_a_change_is_no_yes_to_what_was_asked() -> None:
    changed = extract(ASKED, meaning("yes, to Berlin", city("Berlin")), "affirm", PAYING)
    assert changed == {"city": "Berlin"}
    assert corrected(changed, ASKED, PAYING) == ["city"]
    same = extract(ASKED, meaning("yes, to Utrecht", city("Utrecht")), "affirm", PAYING)
    assert same == {"city": "Utrecht", "confirmed": True}
    assert corrected(same, ASKED, PAYING) == []


def test_that_a_yes_to_something_else_confirms_nothing() -> None:
    assert extract(replace(ASKED, requested="city"), meaning("yes"), "affirm", PAYING) == {}
    assert extract(State(), meaning("yes"), "affirm", PAYING) == {}


PRODUCTS = Domain(slots={"product": Slot("product", "text", mappings=(SlotMapping("from_entity", entity="product"),))})


def about(*skus: str, filters: tuple[Filter, ...] = ()) -> Findings:
    rows = [{"sku": sku, "name": f"Tarn {sku}"} for sku in skus]
    passages = [Passage(PassageId(row["sku"]), Kind.PRODUCT, row["name"], "", "p.csv", attributes=row) for row in rows]
    return Findings("", tuple(Hit(passage, 1.0, 1.0, 1.0) for passage in passages), 1.0, skus, filters)


def test_that_the_slot_of_the_product_holds_the_one_last_spoken_of() -> None:
    before = State(slots={"product": "Tarn 2"})
    assert spoken_of(about("1"), before, PRODUCTS) == {"product": "Tarn 1"}
    assert spoken_of(about(), before, PRODUCTS) == {}


def test_that_after_a_search_among_several_it_holds_none() -> None:
    before = State(slots={"product": "Tarn 2"})
    assert spoken_of(about("1", "2"), before, PRODUCTS) == {"product": None}
    assert spoken_of(about("1", filters=(Filter("colours", "has", "red"),)), before, PRODUCTS) == {"product": None}
    assert spoken_of(about("1", "2"), State(), PRODUCTS) == {}


def test_that_a_form_and_a_shop_without_the_slot_are_left_alone() -> None:
    assert spoken_of(about("1"), BOOKING, PRODUCTS) == {}
    assert spoken_of(about("1"), State(), Domain()) == {}
