"""Looks products and their stock up, and recommends from what there is."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.matching import holds, variant_title, words
from actions.scene import Scene, Texts, read_scene
from actions.shop.records import Product, Variant
from actions.shop.shop import Shop

WORDS: Texts = {
    "en": {
        "which": "Which product do you mean?",
        "none": "I find no such product in our shop.",
        "in stock": "{name} is in stock, {price}: {variants}.",
        "plain": "{name} is in stock, {price}.",
        "sold out": "{name} is sold out at the moment.",
        "gone": "Sold out: {variants}.",
        "recommend": "From what is in stock: {products}.",
    },
    "zh": {
        "which": "请问您指的是哪件商品？",
        "none": "本店没有这样的商品。",
        "in stock": "{name} 有货，{price}：{variants}。",
        "plain": "{name} 有货，{price}。",
        "sold out": "{name} 目前缺货。",
        "gone": "缺货：{variants}。",
        "recommend": "目前有货：{products}。",
    },
}

_SHOWN = 3
"""How many products are recommended at once."""


class ActionProductStock(Action):
    """Says which variants of a product are in stock, and at what price."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def name(self) -> str:
        """What the domain calls this action."""
        return "action_product_stock"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Find the product that the words or the slot `product` name."""
        scene = await asyncio.to_thread(read_scene, self._shop, tracker)
        products = await asyncio.to_thread(self._shop.products)
        found = named(products, f"{scene.text} {scene.slots.get('product') or ''}")
        if len(found) == 1:
            dispatcher.utter_message(text=_stock(scene, found[0]))
        elif found:
            titles = [product.name for product in found[:10]]
            buttons = [{"title": title, "payload": title} for title in titles]
            dispatcher.utter_message(
                text=scene.words(WORDS, "which"), buttons=buttons, json_message={"options": titles}
            )
        else:
            dispatcher.utter_message(text=scene.words(WORDS, "none"))
        return []


class ActionRecommend(Action):
    """Names products of a category that are in stock, the cheapest first; the taste is left to the shopper."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def name(self) -> str:
        """What the domain calls this action."""
        return "action_recommend"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Find the category that the words or the slot `category` name."""
        scene = await asyncio.to_thread(read_scene, self._shop, tracker)
        products = await asyncio.to_thread(self._shop.products)
        said = words(f"{scene.text} {scene.slots.get('category') or ''} {scene.slots.get('product') or ''}")
        fitting = [p for p in products if _of_category(p, said) and any(v.available for v in p.variants)]
        if not fitting:
            dispatcher.utter_message(text=scene.words(WORDS, "none"))
            return []
        fitting.sort(key=lambda product: min(variant.price for variant in product.variants))
        titles = (f"{product.name} ({_price(scene, product.variants)})" for product in fitting[:_SHOWN])
        dispatcher.utter_message(text=scene.words(WORDS, "recommend", products="; ".join(titles)))
        return []


def named(products: Sequence[Product], text: str) -> list[Product]:
    """The products that the words name: by their whole name, else those that share most words of it."""
    said = words(text)
    whole = [product for product in products if holds(said, words(product.name))]
    if whole:
        longest = max(len(words(product.name)) for product in whole)
        return [product for product in whole if len(words(product.name)) == longest]
    shared = {p.id: sum(word in said for word in words(p.name) if not word.isdecimal()) for p in products}
    best = max(shared.values(), default=0)
    return [product for product in products if best and shared[product.id] == best]


def _of_category(product: Product, said: Sequence[str]) -> bool:
    names = words(product.category) or words(product.name)
    return any(name in said for name in names if name not in ("and", "first"))


def _stock(scene: Scene, product: Product) -> str:
    there = [variant for variant in product.variants if variant.available]
    gone = [variant for variant in product.variants if not variant.available]
    if not there:
        return scene.words(WORDS, "sold out", name=product.name)
    name = "in stock" if any(variant.options for variant in there) else "plain"
    text = scene.words(
        WORDS, name, name=product.name, price=_price(scene, there), variants=" / ".join(map(variant_title, there))
    )
    return text + (f" {scene.words(WORDS, 'gone', variants=' / '.join(map(variant_title, gone)))}" if gone else "")


def _price(scene: Scene, variants: Sequence[Variant]) -> str:
    low, high = min(v.price for v in variants), max(v.price for v in variants)
    return scene.money(low) if low == high else f"{scene.money(low)} – {scene.money(high)}"


def actions(shop: Shop) -> list[Action]:
    """What this module serves."""
    return [ActionProductStock(shop), ActionRecommend(shop)]
