"""Looks products and their stock up, and recommends from what there is."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.matching import Ambiguous, find_variant, holds, variant_title, words
from actions.preferences import CAPACITY, Preferences, read_preferences
from actions.scene import Scene, Texts, changed, read_scene
from actions.shop.records import Item, ItemId, Product, Variant
from actions.shop.shop import Shop

WORDS: Texts = {
    "en": {
        "which": "Which product do you mean?",
        "ask": "Is the {name} in stock{options}?",
        "in": " in {options}",
        "none": "I find no such product in our shop.",
        "in stock": "We have the {name} in stock, {price}: {variants}.",
        "plain": "We have the {name} in stock, {price}.",
        "yes": "Yes, we have the {name} in {variant} in stock, {price}.",
        "no": "Sold out at the moment: {name} in {variants}.",
        "no such": "There is no {name} in {options}.",
        "no variant": "There is no such variant of {name}.",
        "others": "In stock, {price}: {variants}.",
        "sold out": "Sold out at the moment: {name}.",
        "gone": " Sold out: {variants}.",
        "within": "{first} ({rest})",
        "recommend": "From what is in stock, the cheapest first:",
        "recommended": "- {name}, {price}",
        "nearest": "Nothing that is in stock fits all of that. The nearest:",
    },
    "zh": {
        "which": "请问您指的是哪件商品？",
        "ask": "{name}{options}有货吗？",
        "in": "{options}",
        "none": "本店没有这样的商品。",
        "in stock": "{name} 有货，{price}：{variants}。",
        "plain": "{name} 有货，{price}。",
        "yes": "有的，{name}（{variant}）有货，{price}。",
        "no": "{name}（{variants}）目前缺货。",
        "no such": "{name} 没有 {options} 款。",
        "no variant": "{name} 没有这个款式。",
        "others": "有货的款式，{price}：{variants}。",
        "sold out": "{name} 目前缺货。",
        "gone": "缺货：{variants}。",
        "within": "{first}（{rest}）",
        "recommend": "目前有货，价格从低到高：",
        "recommended": "- {name}，{price}",
        "nearest": "没有完全符合且有货的商品。最接近的有：",
    },
}

_SHOWN = 3
"""How many products are recommended at once."""

_FIGURE = re.compile(
    r"(?<![\d.,€$#-])\d{2}(?:\.5)?(?![\d.,]*\d|\s*(?:€|%|eur|欧|块|g\b|kg|l\b|litre|cm|m\b|人))", re.IGNORECASE
)
"""A number that may be a size."""

_PRICED = re.compile(r"(?:under|below|than|to|max\w*|most|within|不超过|低于|最多)\.?\s*(?:of\s)?$", re.IGNORECASE)
"""What goes before a price."""

_OFFERED = 10
"""How many are offered to choose from."""


class ActionProductStock(Action):
    """Says whether a product is in stock: in the colour and size that were asked for, or in which."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def name(self) -> str:
        """What the domain calls this action."""
        return "action_product_stock"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Find the product that the message names, else the one in the slot `product`."""
        scene = await asyncio.to_thread(read_scene, self._shop, tracker)
        products = await asyncio.to_thread(self._shop.products)
        options = [*_heard(tracker, "colour"), *_heard(tracker, "size")]
        found = asked_about(products, scene, tracker)
        if len(found) == 1:
            dispatcher.utter_message(text=_stock(scene, found[0], options))
        elif found:
            wanted = scene.words(WORDS, "in", options=", ".join(options)) if options else ""
            buttons = [
                {"title": product.name, "payload": scene.words(WORDS, "ask", name=product.name, options=wanted)}
                for product in found[:_OFFERED]
            ]
            titles = [product.name for product in found[:_OFFERED]]
            dispatcher.utter_message(
                text=scene.words(WORDS, "which"), buttons=buttons, json_message={"options": titles}
            )
        else:
            dispatcher.utter_message(text=scene.words(WORDS, "none"))
        return changed(scene, tracker)


class ActionRecommend(Action):
    """Names products of a kind that are in stock and fit what was said of persons, price, colour and size, the cheapest
    first; the taste is left to the shopper."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def name(self) -> str:
        """What the domain calls this action."""
        return "action_recommend"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Find the kind that the message names, else the one in the slot `category`."""
        scene = await asyncio.to_thread(read_scene, self._shop, tracker)
        products = await asyncio.to_thread(self._shop.products)
        kinds = _heard(tracker, "category")
        said = words(" ".join((scene.text, *kinds))) if kinds else words(f"{scene.text} {scene.slots.get('category')}")
        kind = _of_kind([product for product in products if any(v.available for v in product.variants)], said)
        if not kind:
            dispatcher.utter_message(text=scene.words(WORDS, "none"))
            return changed(scene, tracker)
        options = [*_heard(tracker, "colour"), *_heard(tracker, "size"), *_sizes(kind, scene.text)]
        preferences = read_preferences(scene.text, list(dict.fromkeys(options)))
        if not any(CAPACITY in product.attributes for product in kind):
            preferences = replace(preferences, persons=None)  # Nobody has told for how many these are.
        fitting = [product for product in kind if preferences.fit(product)]
        dispatcher.utter_message(
            text="\n".join(_recommended(scene, fitting or kind, preferences, all_fit=bool(fitting)))
        )
        return changed(scene, tracker)


def _sizes(products: Sequence[Product], text: str) -> list[str]:
    """The sizes in figures that a text asks for: "boots in brown 44". A price or a number of persons is none."""
    sizes = {value for product in products for variant in product.variants for value in variant.options.values()}
    found = _FIGURE.finditer(text)
    return [each[0] for each in found if each[0] in sizes and not _PRICED.search(text[: each.start()])]


def named(products: Sequence[Product], text: str) -> list[Product]:
    """The products that the words name: by their whole name, else those that share most words of it."""
    said = words(text)
    whole = [product for product in products if holds(said, words(product.name))]
    if whole:
        longest = max(len(words(product.name)) for product in whole)
        return [product for product in whole if len(words(product.name)) == longest]
    shared = {p.id: sum(word in said for word in words(p.name)) for p in products if _telling(p.name, said)}
    best = max(shared.values(), default=0)
    return [product for product in products if best and shared.get(product.id) == best]


def asked_about(products: Sequence[Product], scene: Scene, tracker: Tracker) -> list[Product]:
    """The products that the message names, by its words or as an entity; else those of the slot `product`."""
    heard = " ".join(_heard(tracker, "product"))
    return named(products, f"{scene.text} {heard}") or named(products, str(scene.slots.get("product") or ""))


def _telling(name: str, said: Sequence[str]) -> bool:
    """Whether a word of the name was said; a number alone names nothing."""
    return any(word in said for word in words(name) if not word.isdecimal())


def _heard(tracker: Tracker, entity: str) -> list[str]:
    """The values of an entity in the latest message, as the assistant knows them: of "红色" it is "red"."""
    entities = (tracker.latest_message or {}).get("entities") or ()
    return [str(found["value"]) for found in entities if found.get("entity") == entity]


def _of_kind(products: Sequence[Product], said: Sequence[str]) -> list[Product]:
    """The products of the category that the words name, and of these those whose own names have most of them: a
    footprint lies among the tents and is none, and "a down jacket" is not every jacket."""
    of_category = [product for product in products if _is_named(product.category or product.name, said)]
    shared = {p.id: len({w for w in words(p.name) if w in said and not w.isdecimal()}) for p in of_category}
    most = max(shared.values(), default=0)
    return [product for product in of_category if shared[product.id] == most]


def _is_named(category: str, said: Sequence[str]) -> bool:
    """Whether what a category is for was said: the last word of each of its parts, of "sleeping bags" the bag."""
    parts = [words(part) for part in re.split(r"\band\b", category.casefold())]
    return any(part[-1] in said for part in parts if part)


def _stock(scene: Scene, product: Product, options: Sequence[str]) -> str:
    there = [variant for variant in product.variants if variant.available]
    asked = _asked_for(product, scene.text, options)
    if asked is None:
        return _all_stock(scene, product)
    available = [variant for variant in asked if variant.available]
    if len(asked) == 1 and available:
        variant = variant_title(available[0])
        return scene.words(WORDS, "yes", name=product.name, variant=variant, price=_price(scene, available))
    if available:
        return _all_stock(scene, product, asked)
    if asked:
        text = scene.words(WORDS, "no", name=product.name, variants=_grouped(scene, asked))
    elif options:
        text = scene.words(WORDS, "no such", name=product.name, options=", ".join(options))
    else:
        text = scene.words(WORDS, "no variant", name=product.name)
    if not there:
        return text if asked else f"{text} {scene.words(WORDS, 'sold out', name=product.name)}"
    others = scene.words(WORDS, "others", price=_price(scene, there), variants=_grouped(scene, there))
    return f"{text} {others}"


def _asked_for(product: Product, text: str, options: Sequence[str]) -> list[Variant] | None:
    """The variants that the words name, none where there is no such; None where they name no colour and no size."""
    own = words(product.name)
    rest = [word for word in words(re.sub(r"['’]s\b", "", text)) if word not in own]
    nothing = Item(ItemId(""), product.id, product.name, 0, {})
    found = find_variant(nothing, product.variants, " ".join((*rest, *options)))
    if isinstance(found, Variant):
        return [found]
    if isinstance(found, Ambiguous):
        return [variant for variant in product.variants if variant_title(variant) in found.among]
    return [] if options else None


def _all_stock(scene: Scene, product: Product, among: Sequence[Variant] = ()) -> str:
    variants = among or product.variants
    there = [variant for variant in variants if variant.available]
    gone = [variant for variant in variants if not variant.available]
    if not there:
        return scene.words(WORDS, "sold out", name=product.name)
    name = "in stock" if any(variant.options for variant in there) else "plain"
    price = _price(scene, there)
    text = scene.words(WORDS, name, name=product.name, price=price, variants=_grouped(scene, there))
    return text + (scene.words(WORDS, "gone", variants=_grouped(scene, gone)) if gone else "")


def _grouped(scene: Scene, variants: Sequence[Variant]) -> str:
    """Variants in words, each colour once, or each size where these are fewer: ``black (S, M) / yellow (M)``."""
    names = list(dict.fromkeys(name for variant in variants for name in variant.options))
    names.sort(key=lambda name: len({variant.options.get(name) for variant in variants}))
    groups: dict[str, list[str]] = {}
    for variant in variants:
        first, *rest = [variant.options[name] for name in names if name in variant.options] or [variant.id]
        groups.setdefault(first, []).append(", ".join(rest))
    return " / ".join(
        scene.words(WORDS, "within", first=first, rest=", ".join(rest)) if any(rest) else first
        for first, rest in groups.items()
    )


def _recommended(
    scene: Scene, products: Sequence[Product], preferences: Preferences, *, all_fit: bool
) -> Iterator[str]:
    yield scene.words(WORDS, "recommend" if all_fit else "nearest")
    fitting = {p.id: [v for v in p.variants if v.available and (not all_fit or preferences.allow(v))] for p in products}
    best = sorted(products, key=lambda p: (preferences.lacks(p), min(variant.price for variant in fitting[p.id])))
    for product in best[:_SHOWN]:
        yield scene.words(WORDS, "recommended", name=product.name, price=_price(scene, fitting[product.id]))


def _price(scene: Scene, variants: Sequence[Variant]) -> str:
    low, high = min(v.price for v in variants), max(v.price for v in variants)
    return scene.money(low) if low == high else f"{scene.money(low)} – {scene.money(high)}"


def actions(shop: Shop) -> list[Action]:
    """What this module serves."""
    return [ActionProductStock(shop), ActionRecommend(shop)]
