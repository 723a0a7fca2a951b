"""Tells figures from the shop's database: what comes back in all, what an order cost, what a product is sold in."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import identity
from actions.first_message import described
from actions.forms import actions_of
from actions.matching import Choice, item_title, method_title, variant_title
from actions.orders import STATUS
from actions.products import asked_about
from actions.scene import SHOPPER, WISH, Ended, Filled, Question, Reading, Scene, Step, Texts, changed, read_scene
from actions.shop.records import Order, Product, Receipt
from actions.shop.rules import paid_with
from actions.shop.shop import Shop
from actions.steps.order import named_orders, order_title

FORM = "order_cost_form"

WORDS: Texts = {
    "en": {
        "nothing": "Nothing was cancelled, returned or exchanged in this conversation yet, so no money goes back.",
        "even": "Nothing of what was done in this conversation costs you anything, and no money goes back for it.",
        "back": "{amount} for {what}",
        "charged": "{amount} is charged for {what}",
        "cancel": "the cancelled order {order}",
        "return_items": "what you return from order {order}",
        "exchange_items": "the exchange in order {order}",
        "change_items": "the changed items of order {order}",
        "total": "From what we did in this conversation you get back {amount} in total: {parts}.",
        "owed": "From what we did in this conversation you pay {amount} in total: {parts}.",
        "net": "{parts}. Less what is charged, you get back {amount} in total.",
        "net owed": "{parts}. Less what goes back, you pay {amount} in total.",
        "which": "Which order is it?",
        "cost": "Order {number}: {items}. Together that is {total}.",
        "paid": "It was paid with {methods}.",
        "product": "Which product do you mean?",
        "options": "{name}: {there} of {all} options are available. From the cheapest: {variants}.",
        "sold out": "{name} is sold out at the moment, in all {all} options.",
    },
    "zh": {
        "nothing": "本次对话中还没有取消、退货或换货，因此目前没有退款。",
        "even": "本次对话中办理的事项无需付款，也没有退款。",
        "back": "{what}：退 {amount}",
        "charged": "{what}：付 {amount}",
        "cancel": "取消订单 {order}",
        "return_items": "订单 {order} 的退货",
        "exchange_items": "订单 {order} 的换货",
        "change_items": "订单 {order} 的商品修改",
        "total": "本次对话中一共退给您 {amount}：{parts}。",
        "owed": "本次对话中您一共需付 {amount}：{parts}。",
        "net": "{parts}。扣除应付部分，一共退给您 {amount}。",
        "net owed": "{parts}。扣除退款，您一共需付 {amount}。",
        "which": "请问是哪个订单？",
        "cost": "订单 {number}：{items}。合计 {total}。",
        "paid": "支付方式：{methods}。",
        "product": "请问您指的是哪件商品？",
        "options": "{name}：共 {all} 款，{there} 款有货。价格从低到高：{variants}。",
        "sold out": "{name} 的 {all} 款目前全部缺货。",
    },
}


class ActionRefundTotal(Action):
    """Sums up what the receipts of this conversation give back and charge."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def name(self) -> str:
        """What the domain calls this action."""
        return "action_refund_total"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Tell each part and the sum."""
        scene = await asyncio.to_thread(read_scene, self._shop, tracker)
        receipts = await asyncio.to_thread(_receipts, scene)
        dispatcher.utter_message(text=money_moved(scene, receipts))
        return changed(scene, tracker)


class ActionOrderCost(Action):
    """Tells what an order of the shopper cost: each item, all of it, and how it was paid."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def name(self) -> str:
        """What the domain calls this action."""
        return "action_order_cost"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Look up the order that the form asked for."""
        scene = await asyncio.to_thread(read_scene, self._shop, tracker)
        order = await asyncio.to_thread(lambda: scene.order)
        if order:
            dispatcher.utter_message(text=await asyncio.to_thread(cost, scene, order))
        scene.slots |= {slot: None for slot in ("order", WISH) if slot in scene.slots}
        return changed(scene, tracker)


class ActionProductOptions(Action):
    """Tells which variants of a product can be had, from the cheapest, and how many."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def name(self) -> str:
        """What the domain calls this action."""
        return "action_product_options"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Find the product that the message names, else the one in the slot `product`."""
        scene = await asyncio.to_thread(read_scene, self._shop, tracker)
        products = await asyncio.to_thread(self._shop.products)
        found = await asyncio.to_thread(_own_first, asked_about(products, scene, tracker), scene)
        if len(found) == 1:
            dispatcher.utter_message(text=options(scene, found[0]))
            return changed(scene, tracker)
        titles = [product.name for product in found[:10]]
        buttons = [{"title": title, "payload": _payload(title)} for title in titles]
        dispatcher.utter_message(text=scene.words(WORDS, "product"), json_message={"options": titles}, buttons=buttons)
        return changed(scene, tracker)


def money_moved(scene: Scene, receipts: Sequence[Receipt]) -> str:
    """What these receipts give back and charge, part by part and in all."""
    moved = [(receipt, amount) for receipt in receipts if (amount := _back(receipt)) is not None]
    if not moved:
        return scene.words(WORDS, "nothing")
    back, owed = (sum(max(sign * amount, 0) for _, amount in moved) for sign in (1, -1))
    told = [
        scene.words(
            *(WORDS, "back" if amount > 0 else "charged"),
            amount=scene.money(abs(amount)),
            what=scene.words(WORDS, receipt.action, order=receipt.order),
        )
        for receipt, amount in moved
        if amount
    ]
    name = ("net" if back >= owed else "net owed") if back and owed else "total" if back else "owed" if owed else "even"
    return scene.words(WORDS, name, amount=scene.money(abs(back - owed)), parts="; ".join(told))


def _back(receipt: Receipt) -> int | None:
    """Cents that go back to the shopper, below zero for what is charged; None where nothing was bought or returned."""
    match receipt.action:
        case "cancel":
            return int(receipt.result["refund"])
        case "return_items":
            return int(receipt.result["amount"])
        case "exchange_items" | "change_items":
            return -int(receipt.result["difference"])
    return None


def _receipts(scene: Scene) -> list[Receipt]:
    return scene.shop.receipts_of(scene.shopper, scene.keys_begin) if scene.shopper else []


def cost(scene: Scene, order: Order) -> str:
    """What each item of an order costs, and all of it."""
    items = "; ".join(f"{item_title(item)} {scene.money(item.price)}" for item in order.items)
    text = scene.words(WORDS, "cost", number=order.id, items=items, total=scene.money(order.total))
    methods = [own for name in paid_with(order) if (own := scene.user.method(name))]
    return f"{text} {scene.words(WORDS, 'paid', methods=', '.join(map(method_title, methods)))}" if methods else text


def options(scene: Scene, product: Product) -> str:
    """The variants that can be had, each with its price."""
    there = sorted((variant for variant in product.variants if variant.available), key=lambda variant: variant.price)
    if not there:
        return scene.words(WORDS, "sold out", name=product.name, all=len(product.variants))
    variants = "; ".join(f"{variant_title(variant)} {scene.money(variant.price)}" for variant in there)
    return scene.words(
        WORDS, "options", name=product.name, there=len(there), all=len(product.variants), variants=variants
    )


def _payload(product: str) -> str:
    """What a button sends, so that nobody has to guess what was meant."""
    return f"/product_options{json.dumps({'product': product}, ensure_ascii=False)}"


def _own_first(found: list[Product], scene: Scene) -> list[Product]:
    """Of several products, those that the shopper's orders hold."""
    own = {item.product for order in scene.orders for item in order.items}
    return [product for product in found if product.id in own] or found if len(found) > 1 else found


def _ask(scene: Scene) -> Question:
    choices = [Choice(order_title(scene, order), order.id) for order in reversed(scene.orders)]
    return Question(scene.words(WORDS, "which"), choices)


def _read(scene: Scene) -> Reading:
    numbered = named_orders(scene)
    found = numbered[0] if len(numbered) == 1 else described(scene.orders, scene.text) if not numbered else None
    only = scene.orders[0] if len(scene.orders) == 1 else None
    return Filled(order.id) if (order := found or only) else None


def _offer(scene: Scene) -> Reading:
    return _read(scene) if scene.orders else Ended(scene.words(STATUS, "no orders"))


def steps(_: Scene) -> Iterator[Step]:
    """Who, and which order."""
    yield identity.STEP
    yield Step("order", _ask, _read, offer=_offer)


def actions(shop: Shop) -> list[Action]:
    """What this module serves."""
    return [
        *actions_of(FORM, steps, (SHOPPER, "order"), shop),
        ActionOrderCost(shop),
        ActionRefundTotal(shop),
        ActionProductOptions(shop),
    ]
