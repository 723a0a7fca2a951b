"""Cancels a pending order."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from rasa_sdk import Action

from actions import identity
from actions.forms import actions_of, confirm_step
from actions.matching import Choice, method_title
from actions.scene import CONFIRMED, SHOPPER, Filled, Question, Reading, Scene, Step, Texts, Unclear
from actions.shop.records import CANCEL_REASONS, GIFT_CARD, PENDING, Key, Receipt, Refusal
from actions.shop.rules import paid_with
from actions.shop.shop import Shop
from actions.steps.order import WORDS as ORDER
from actions.steps.order import order_step, with_status
from actions.submitting import Submit

FORM = "cancel_order_form"
SUBMIT = "action_cancel_order"
SLOTS = ("order", "reason")

WORDS: Texts = {
    "en": {
        "none done": "cancelled",
        "none why": "only an order that is still pending can",
        "reason": "Why would you like to cancel order {number}?",
        "no longer needed": "No longer needed",
        "ordered by mistake": "Ordered by mistake",
        "unclear": "I can only cancel an order for one of these two reasons.",
        "summary": "I will cancel order {number} ({items}). Reason: {reason}. {refunds}",
        "now": "{amount} goes back to {method} at once.",
        "days": "{amount} goes back to {method} within 5 to 7 business days.",
        "done": "Order {order} is cancelled. {refunds}",
    },
    "zh": {
        "none done": "取消",
        "none why": "只有待处理的订单才能取消",
        "reason": "请问取消订单 {number} 的原因是什么？",
        "no longer needed": "不再需要",
        "ordered by mistake": "误下单",
        "unclear": "只能因以下两种原因取消订单。",
        "summary": "将取消订单 {number}（{items}），原因：{reason}。{refunds}",
        "now": "{amount} 立即退回 {method}。",
        "days": "{amount} 将在 5 至 7 个工作日内退回 {method}。",
        "done": "订单 {order} 已取消。{refunds}",
    },
}

_SAID = {
    "no longer needed": re.compile(
        r"no longer (?:need|want)|not need|n['’]?t (?:need|want)(?! to cancel| you to)"
        r"|chang\w+ (?:my|their|his|her) mind|cheaper|found (?:it|one|something|another|a better)"
        r"|too (?:late|long)(?! to\b)|不再?需要|不想要|不要了|便宜|太晚|太慢",
        re.IGNORECASE,
    ),
    "ordered by mistake": re.compile(r"mistake|accident|by error|wrongly|误下单|误拍|下错|拍错|买错", re.IGNORECASE),
}


def _none(scene: Scene) -> str:
    return scene.words(ORDER, "none", done=scene.words(WORDS, "none done"), why=scene.words(WORDS, "none why"))


def _ask_reason(scene: Scene) -> Question:
    assert scene.order, "the order comes before the reason"
    choices = [Choice(scene.words(WORDS, name), name) for name in CANCEL_REASONS]
    return Question(scene.words(WORDS, "reason", number=scene.order.id), choices)


def _reason(scene: Scene) -> Reading:
    said = [name for name, pattern in _SAID.items() if pattern.search(scene.text)]
    return Filled(said[0]) if len(said) == 1 else None


def _offer_reason(scene: Scene) -> Reading:
    return _reason(scene) if scene.is_brief else None


def _read_reason(scene: Scene) -> Reading:
    return _reason(scene) or (Unclear(scene.words(WORDS, "unclear")) if scene.text.strip() else None)


def refunds(scene: Scene, amounts: Mapping[str, int]) -> str:
    """How much goes back to which method when the order is cancelled, and when."""
    told = []
    for method, amount in amounts.items():
        own = scene.user.method(method)
        if own:
            name = "now" if own.source == GIFT_CARD else "days"
            told.append(scene.words(WORDS, name, amount=scene.money(amount), method=scene.named(method_title(own))))
    return " ".join(told)


def _summary(scene: Scene) -> str:
    assert scene.order, "a summary follows the choice of the order"
    reason = scene.words(WORDS, str(scene.slots["reason"])).lower()
    counts = Counter(item.name for item in scene.order.items)
    items = ", ".join(name if count == 1 else f"{count} × {name}" for name, count in counts.items())
    return scene.words(
        WORDS, "summary", number=scene.order.id, items=items, reason=reason, refunds=refunds(scene, _paid(scene))
    )


def _paid(scene: Scene) -> Mapping[str, int]:
    """What goes back to which method; nothing of an order that cannot be cancelled."""
    if scene.order is None or scene.order.status != PENDING:
        return {}
    return {str(method): amount for method, amount in paid_with(scene.order).items()}


def steps(_: Scene) -> Iterator[Step]:
    """Who, which order, why, and a yes."""
    yield identity.STEP
    yield order_step(with_status(PENDING), _none)
    yield Step("reason", _ask_reason, _read_reason, offer=_offer_reason, correct=_reason)
    yield confirm_step(steps, _summary, _paid)


def _do(scene: Scene, key: Key) -> Receipt | Refusal:
    assert scene.shopper, "the form asks who it is first"
    return scene.shop.cancel(key, scene.shopper, str(scene.slots["order"]), str(scene.slots["reason"]))


def _done(scene: Scene, receipt: Receipt) -> str:
    # A receipt of an earlier version tells the sum alone.
    told = refunds(scene, receipt.result.get("refunds", {}))
    return scene.words(WORDS, "done", order=receipt.order, refunds=told)


def actions(shop: Shop) -> list[Action]:
    """What this module serves."""
    return [
        *actions_of(FORM, steps, (SHOPPER, *SLOTS, CONFIRMED), shop, SUBMIT),
        Submit(SUBMIT, steps, SLOTS, _do, _done, shop),
    ]
