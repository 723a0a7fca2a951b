"""The steps that ask what each chosen item becomes."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace

from actions.agreeing import yes_or_no
from actions.first_message import names_one, said_variant
from actions.matching import (
    Ambiguous,
    Choice,
    find_by_price,
    find_variant,
    item_title,
    named_options,
    place_of,
    variant_title,
)
from actions.scene import CONFIRMED, OFFER, Ended, Filled, Question, Reading, Scene, Step, Texts, Unclear
from actions.shop.records import Item, Product, Variant
from actions.steps.items import MOST, chosen_ids, chosen_item, chosen_items

VARIANTS = tuple(f"variant_{number}" for number in range(1, MOST + 1))

_EACH = re.compile(r"\b(?:all|both|each|every|everything|same)\b|全部|所有|都|一样", re.IGNORECASE)
"""That an answer is about all of several equal items."""

_ASKS = re.compile(r"[?？]\s*$", re.IGNORECASE)
_CLITIC = re.compile(r"['’]\w{1,2}\b")
"""The s of "that's", which is no size."""

WORDS: Texts = {
    "en": {
        "variant": "What would you like instead of {item}?",
        "of several": "{item} ({number} of {all})",
        "whose": "For which of the items do you mean that: {items}?",
        "no variant": "There is no other variant of {item} in stock at the moment.",
        "sold out": "{variant} is sold out at the moment.",
        "unclear variant": "There are several that fit: {among}.",
        "no such variant": "There is no such variant of {item}.",
    },
    "zh": {
        "variant": "您想把 {item} 换成哪一款？",
        "of several": "{item}（第 {number} 件，共 {all} 件）",
        "whose": "您指的是其中哪一件：{items}？",
        "no variant": "{item} 目前没有其他有货的款式。",
        "sold out": "{variant} 目前缺货。",
        "unclear variant": "有几款符合：{among}。",
        "no such variant": "{item} 没有这个款式。",
    },
}


def variant_steps(scene: Scene, *, same: bool = False) -> Iterator[Step]:
    """What each chosen item becomes, a question an item; ``same`` offers the same again, for one that is faulty.

    Who names it gets it in any case: among other items it means that this one stays. Which steps there are depends on
    the slots alone: a turn that is played again finds an order that holds the new items already, and meets the same.
    """
    for slot, name in zip(VARIANTS, chosen_ids(scene, "items"), strict=False):
        yield _variant_step(slot, name, same=same)


def chosen_variants(scene: Scene) -> list[str]:
    """The ids of the new items, in the order of the chosen ones."""
    return [str(scene.slots.get(slot)) for slot, _ in zip(VARIANTS, chosen_ids(scene, "items"), strict=False)]


def _variant_step(slot: str, name: str, *, same: bool) -> Step:
    def swapped(scene: Scene) -> tuple[Item, Product]:
        item = chosen_item(scene, name)
        product = scene.product(item.product) if item else None
        assert item, f"the shop does not know {name}"
        assert product, f"{name} has no product"
        return item, product

    def ask(scene: Scene) -> Question:
        item, product = swapped(scene)
        choices = [Choice(_variant_choice(scene, item, v), v.id) for v in _fitting(item, product, same=same)]
        return Question(scene.words(WORDS, "variant", item=_title(scene, slot, item)), choices, {"item": item.id})

    def understood(scene: Scene, old: Item) -> Reading:
        """What the words make of ``old``; an option that they leave out stays as it has it."""
        item, product = swapped(scene)
        text = _CLITIC.sub(" ", scene.text)
        found = find_by_price(old, product.variants, text) or find_variant(old, product.variants, text)
        kept = {OFFER: json.dumps({slot: {**_kept(scene, slot), **named_options(product.variants, text)}})}
        match found:
            case None:
                return None
            case Ambiguous(among):
                there = {variant_title(variant) for variant in _fitting(item, product, same=same)}
                fitting = [title for title in among if title in there]
                if not fitting:
                    return Unclear(scene.words(WORDS, "no such variant", item=item.name))
                return Unclear(scene.words(WORDS, "unclear variant", among=" / ".join(fitting)), kept)
            case Variant():
                if found.available:
                    return Filled(str(found.id))
                return Unclear(scene.words(WORDS, "sold out", variant=variant_title(found)), kept)

    def read(scene: Scene) -> Reading:
        item, product = swapped(scene)
        choices = _fitting(item, product, same=same)
        if (place := place_of(scene.text, len(choices))) is not None:
            return Filled(str(choices[place].id))
        return understood(scene, replace(item, options={**item.options, **_kept(scene, slot)}))

    def correct(scene: Scene) -> Reading:
        """Another variant, at the summary: for the one item that the words name, or that they can be about."""
        item, product = swapped(scene)
        now = product.variant(str(scene.slots.get(slot)))
        is_answer = yes_or_no(scene.text, "") is True or _ASKS.search(scene.text)
        if scene.requested != CONFIRMED or is_answer or now is None:
            return None
        others = [other for other in chosen_items(scene) if other.id != item.id]
        is_named = names_one([item], scene.text)
        if names_one(others, scene.text) and not is_named:
            return None
        reading = understood(scene, replace(item, options=now.options))
        if isinstance(reading, Unclear):
            return Unclear(reading.why)  # The summary is what was said last.
        if not isinstance(reading, Filled) or reading.value == now.id:
            return None
        doubtful = [] if is_named else [item_title(other) for other in others if _could_become(scene, other)]
        if doubtful:
            among = " / ".join(dict.fromkeys((item_title(item), *doubtful)))
            return Unclear(scene.words(WORDS, "whose", items=among))
        equal = _equals(scene, item)
        if any(scene.slots.get(name) != now.id for name in equal):
            return Unclear(scene.words(WORDS, "whose", items=" / ".join(_title(scene, name, item) for name in equal)))
        return Filled(reading.value, dict.fromkeys(equal, reading.value))

    def offer(scene: Scene) -> Reading:
        """What was wished for it already; and say at once where an item has nothing to be swapped for."""
        item, product = swapped(scene)
        if not _fitting(item, product, same=same):
            return Ended(scene.words(WORDS, "no variant", item=item.name))
        if same_again := _as_its_equals(scene, slot, item):
            return Filled(same_again)
        others = [other for other in chosen_items(scene) if other.id != item.id]
        found = said_variant(scene, item, product.variants, others)
        return Filled(str(found.id)) if found else None

    return Step(slot, ask, read, offer, correct)


def _kept(scene: Scene, slot: str) -> dict[str, str]:
    """The options that were named for this item before, in words that did not suffice."""
    try:
        kept = json.loads(str(scene.slots.get(OFFER) or "{}"))
    except ValueError:
        return {}
    found = kept.get(slot) if isinstance(kept, dict) else None
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _equals(scene: Scene, item: Item) -> list[str]:
    """The slots of the chosen items that are the same as this one."""
    return [name for name, other in zip(VARIANTS, chosen_ids(scene, "items"), strict=False) if other == item.id]


def _title(scene: Scene, slot: str, item: Item) -> str:
    """An item, and which of several equal ones it is."""
    equal = _equals(scene, item)
    if len(equal) < 2:
        return item_title(item)
    number = equal.index(slot) + 1
    return scene.words(WORDS, "of several", item=item_title(item), number=number, all=len(equal))


def _as_its_equals(scene: Scene, slot: str, item: Item) -> str | None:
    """What an equal item has just become, where the answer was about all of them."""
    equal = _equals(scene, item)
    before = equal[: equal.index(slot)]
    is_for_each = scene.requested in before and _EACH.search(scene.text.split("\n")[-1])
    return str(scene.slots.get(str(scene.requested)) or "") or None if is_for_each else None


def _could_become(scene: Scene, item: Item) -> bool:
    """Whether the words name an option that there is of this item's product."""
    product = scene.shop.product(item.product)
    return product is not None and bool(named_options(product.variants, _CLITIC.sub(" ", scene.text)))


def _fitting(item: Item, product: Product, *, same: bool) -> list[Variant]:
    return [v for v in product.variants if v.available and (same or v.id != item.id)]


def _variant_choice(scene: Scene, item: Item, variant: Variant) -> str:
    """A variant as a choice, with its price where that differs."""
    title = variant_title(variant)
    return title if variant.price == item.price else f"{title} ({scene.money(variant.price)})"
