"""Actions on a shopper's orders, called by the assistant over rasa-sdk's protocol."""

from collections.abc import Mapping
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.shop import Order, find_order

STATUS = {
    "en": {
        "pending": "Your order {number} of {ordered} is pending: it has not been packed yet. It contains {items}.",
        "packed": "Your order {number} of {ordered} is packed and waits for {carrier} to collect it. "
        "It contains {items}.",
        "shipped": "Your order {number} of {ordered} is on its way with {carrier}, tracking number {tracking}. "
        "It contains {items}.",
        "delivered": "Your order {number} of {ordered} was delivered by {carrier}. It contains {items}.",
        "returned": "Your order {number} of {ordered} came back to us as a return. It contained {items}.",
        "cancelled": "Your order {number} of {ordered} was cancelled. It contained {items}.",
        "unknown": "I find no order with this number and e-mail address. Please check both; "
        "the number stands in your confirmation e-mail.",
    },
    "zh": {
        "pending": "您 {ordered} 的订单 {number} 待处理，尚未打包。商品：{items}。",
        "packed": "您 {ordered} 的订单 {number} 已打包，等待 {carrier} 揽收。商品：{items}。",
        "shipped": "您 {ordered} 的订单 {number} 已由 {carrier} 发出，运单号 {tracking}。商品：{items}。",
        "delivered": "您 {ordered} 的订单 {number} 已由 {carrier} 送达。商品：{items}。",
        "returned": "您 {ordered} 的订单 {number} 已退回。商品：{items}。",
        "cancelled": "您 {ordered} 的订单 {number} 已取消。商品：{items}。",
        "unknown": "没有找到与此订单号和邮箱相符的订单，请核对后再试。订单号在确认邮件中可以找到。",
    },
}


class ActionOrderStatus(Action):
    """Says where an order is, to the shopper who can name its number and its e-mail address."""

    def name(self) -> str:
        """What the domain calls this action."""
        return "action_order_status"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]) -> list[Any]:
        """Look the order up and say its status; forget a pair that does not match, so it is asked for again."""
        order = find_order(tracker.get_slot("order_number") or "", tracker.get_slot("email") or "")
        language = tracker.get_slot("language")
        words = STATUS.get(language, STATUS["en"])
        if order is None:
            dispatcher.utter_message(text=words["unknown"])
            return [SlotSet("order_number", None), SlotSet("email", None)]
        dispatcher.utter_message(text=words[order.status].format(**_facts(order)))
        return []


def _facts(order: Order) -> dict[str, str]:
    return {
        "number": order.number,
        "ordered": order.ordered.isoformat(),
        "carrier": order.carrier,
        "tracking": order.tracking,
        "items": order.items,
    }
