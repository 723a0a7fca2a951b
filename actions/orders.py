"""Looks at a shopper's orders: where one is, what is in it, and which there are."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import FollowupAction
from rasa_sdk.executor import CollectingDispatcher

from actions import identity
from actions.forms import Ask, Form, actions_of
from actions.matching import Choice, item_title
from actions.scene import (
    FAILED,
    HINT,
    SHOPPER,
    TRIES,
    WISH,
    Ended,
    Filled,
    Question,
    Reading,
    Scene,
    Step,
    Texts,
    changed,
    read_scene,
)
from actions.shop.records import Order
from actions.shop.rows import fold
from actions.shop.shop import Shop
from actions.steps.order import named_orders, order_title

STATUS: Texts = {
    "en": {
        "pending": "Your order {number}{ordered} is pending: it has not been packed yet. It contains {items}.",
        "pending (item modified)": "Your order {number}{ordered} is pending, with its items changed as you asked. "
        "It contains {items}.",
        "packed": "Your order {number}{ordered} is packed and waits for {carrier} to collect it. It contains {items}.",
        "processed": "Your order {number}{ordered} is being processed{tracked}. It contains {items}.",
        "shipped": "Your order {number}{ordered} is on its way with {carrier}{tracked}. It contains {items}.",
        "delivered": "Your order {number}{ordered} was delivered by {carrier}{tracked}. It contains {items}.",
        "returned": "Your order {number}{ordered} came back to us as a return. It contained {items}.",
        "return requested": "A return is registered for your order {number}{ordered}. It contains {items}.",
        "exchange requested": "An exchange is registered for your order {number}{ordered}. It contains {items}.",
        "cancelled": "Your order {number}{ordered} was cancelled. It contained {items}.",
        "other": "Your order {number}{ordered} has the status {status}. It contains {items}.",
        "ordered": " of {day}",
        "tracked": ", tracking number {tracking}",
        "carrier": "the carrier",
        "unknown": "I find no order with this number and e-mail address. Please check both; "
        "the number stands in your confirmation e-mail.",
        "list": "These are your orders, the newest first:",
        "no orders": "You have no orders with us yet.",
        "who": "First I have to know who you are: what is your e-mail address, or your full name and postcode?",
        "number": "Which order is it?",
    },
    "zh": {
        "pending": "您{ordered}的订单 {number} 待处理，尚未打包。商品：{items}。",
        "pending (item modified)": "您{ordered}的订单 {number} 待处理，商品已按您的要求修改。商品：{items}。",
        "packed": "您{ordered}的订单 {number} 已打包，等待 {carrier} 揽收。商品：{items}。",
        "processed": "您{ordered}的订单 {number} 正在处理{tracked}。商品：{items}。",
        "shipped": "您{ordered}的订单 {number} 已由 {carrier} 发出{tracked}。商品：{items}。",
        "delivered": "您{ordered}的订单 {number} 已由 {carrier} 送达{tracked}。商品：{items}。",
        "returned": "您{ordered}的订单 {number} 已退回。商品：{items}。",
        "return requested": "您{ordered}的订单 {number} 已登记退货。商品：{items}。",
        "exchange requested": "您{ordered}的订单 {number} 已登记换货。商品：{items}。",
        "cancelled": "您{ordered}的订单 {number} 已取消。商品：{items}。",
        "other": "您{ordered}的订单 {number} 状态：{status}。商品：{items}。",
        "ordered": " {day} ",
        "tracked": "，运单号 {tracking}",
        "carrier": "承运商",
        "unknown": "没有找到与此订单号和邮箱相符的订单，请核对后再试。订单号在确认邮件中可以找到。",
        "list": "您的订单如下，最新的在前：",
        "no orders": "您还没有订单。",
        "who": "请先告诉我您是谁：您的邮箱，或者姓名和邮政编码。",
        "number": "请问是哪个订单？",
    },
}


_FORM = "order_status_form"


class ActionOrderStatus(Action):
    """Says where an order is: to its shopper, once known, or to whoever names its number and its e-mail address."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def name(self) -> str:
        """What the domain calls this action."""
        return "action_order_status"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Look the order up and say its status; of a pair that does not match, the address is asked for again."""
        scene = await asyncio.to_thread(read_scene, self._shop, tracker)
        order = await asyncio.to_thread(_asked_for, scene)
        if order is None:
            # Who is known asks about their own orders alone, which is no guess at anybody's.
            ended = None if scene.shopper else identity.missed(scene)
            dispatcher.utter_message(text=ended.why if ended else scene.words(STATUS, "unknown"))
            goes_on = ended is None and scene.shopper is None
            # The address is asked for anew; who mistyped the number may say that instead.
            kept = scene.slots.get("order_number") if goes_on else None
            scene.slots |= {**(ended.slots if ended else {}), "order_number": kept, "email": None}
            followup = ended.followup if ended else _FORM if goes_on else None
            events = changed(scene, tracker)
            return [*events, FollowupAction(followup)] if followup else events
        if scene.shopper is None:
            # Number and address fit: that proves as much as the address does, which is what other forms ask for.
            scene.slots |= {SHOPPER: order.user, HINT: None, TRIES: None}
        dispatcher.utter_message(text=told(scene, order))
        return changed(scene, tracker)


class ActionListOrders(Action):
    """Lists the orders of the shopper, once known."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def name(self) -> str:
        """What the domain calls this action."""
        return "action_list_orders"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Say which orders there are, the newest first."""
        scene = await asyncio.to_thread(read_scene, self._shop, tracker)
        if scene.shopper is None:
            dispatcher.utter_message(text=scene.words(STATUS, "who"))
            return changed(scene, tracker)
        orders = await asyncio.to_thread(lambda: scene.orders)
        titles = (f"- {order_title(scene, order)}" for order in reversed(orders))
        dispatcher.utter_message(text="\n".join((scene.words(STATUS, "list" if orders else "no orders"), *titles)))
        if WISH in scene.slots:
            scene.slots[WISH] = None
        return changed(scene, tracker)


def _asked_for(scene: Scene) -> Order | None:
    number = str(scene.slots.get("order_number") or "")
    if scene.shopper:
        return next((order for order in scene.orders if fold(order.id) == fold(number)), None)
    if scene.slots.get(FAILED):
        return None
    user = scene.shop.user_by_email(str(scene.slots.get("email") or ""))
    return scene.shop.order(number, user.id) if user else None


def told(scene: Scene, order: Order) -> str:
    """The status of an order in words."""
    status = order.status if order.status in STATUS["en"] else "other"
    parcels = order.fulfilments
    tracking = ", ".join(number for parcel in parcels for number in parcel.tracking)
    carrier = next((parcel.carrier for parcel in parcels if parcel.carrier), "")
    counts = Counter(item_title(item) for item in order.items)
    return scene.words(
        *(STATUS, status),
        number=order.id,
        status=order.status,
        ordered=scene.words(STATUS, "ordered", day=order.ordered.isoformat()) if order.ordered else "",
        carrier=carrier or scene.words(STATUS, "carrier"),
        tracked=scene.words(STATUS, "tracked", tracking=tracking) if tracking else "",
        items=", ".join(f"{count} × {title}" for title, count in counts.items()),
    )


def _ask_number(scene: Scene) -> Question:
    choices = [Choice(order_title(scene, order), order.id) for order in reversed(scene.orders)]
    return Question(scene.words(STATUS, "number"), choices)


def _read_number(scene: Scene) -> Reading:
    named = named_orders(scene) or (scene.orders if len(scene.orders) == 1 else [])
    return Filled(named[0].id) if len(named) == 1 else None


def known_steps(_: Scene) -> Iterator[Step]:
    """For a shopper who is known: which of their orders."""
    yield identity.STEP
    yield Step("order_number", _ask_number, _read_number, offer=_read_number)


class StatusForm(Form):
    """Lets a shopper who is known choose from their orders; who is not is asked for number and address by the form."""

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """As a form of the shop where the shopper is known, or gives name and postcode in place of an e-mail address;
        else rasa-sdk's own, without a check of its own."""
        scene = await asyncio.to_thread(read_scene, self._shop, tracker)
        if scene.shopper:
            return await super().run(dispatcher, tracker, domain)
        if scene.requested == "email" and "@" not in scene.text:
            reading = await asyncio.to_thread(identity.STEP.offer, scene)
            if isinstance(reading, Filled):
                scene.slots[SHOPPER] = reading.value
            if isinstance(reading, Filled | Ended):
                # Who guessed too often is told so by the action that looks the order up.
                scene.slots["requested_slot"] = None
        return changed(scene, tracker)


class AskNumber(Ask):
    """Asks a shopper who is known which of their orders it is, and anybody else for its number."""

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Say the question."""
        scene = await asyncio.to_thread(read_scene, self._shop, tracker)
        if scene.shopper:
            return await super().run(dispatcher, tracker, domain)
        dispatcher.utter_message(response="utter_ask_order_number")
        return changed(scene, tracker)


def actions(shop: Shop) -> list[Action]:
    """What this module serves."""
    return [
        ActionOrderStatus(shop),
        ActionListOrders(shop),
        *actions_of("list_orders_form", identity.who_steps, (SHOPPER,), shop),
        StatusForm(_FORM, known_steps, shop),
        AskNumber(_FORM, "order_number", known_steps, shop),
    ]
