"""Runs what a form was for, once, and says so with its receipt; says why where the shop refuses."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.forms import is_offered
from actions.scene import CONFIRMED, OFFER, WISH, Scene, Steps, Texts, changed, read_scene
from actions.shop.records import Key, Receipt, Refusal, Why
from actions.shop.shop import Shop

WORDS: Texts = {
    "en": {
        "unchanged": "All right, I have changed nothing.",
        "receipt": "{done} Your receipt: {number}.",
        Why.NO_SUCH_ORDER: "I find no such order of yours.",
        Why.NO_SUCH_USER: "I cannot find your account any more.",
        Why.NOT_PENDING: "That is not possible any more: the order is {about} now.",
        Why.NOT_DELIVERED: "That is not possible: the order is {about} now.",
        Why.REASON: "I can cancel an order that is no longer needed or was ordered by mistake, for no other reason.",
        Why.NO_SUCH_ITEM: "One of the items is not in the order.",
        Why.COUNT: "Each item needs one new variant.",
        Why.UNAVAILABLE: "One of the new variants has been sold out meanwhile.",
        Why.NO_SUCH_METHOD: "That payment method is not in your account.",
        Why.SAME_METHOD: "The order is paid with that method already.",
        Why.NOT_ONE_PAYMENT: "The payment of this order has been changed before; it can be changed only once.",
        Why.BALANCE: "There is not enough left on that gift card.",
        Why.REFUND_METHOD: "The money can go back to the original payment method or to a gift card only.",
        Why.TOO_LATE: "More than {about} days have passed since the delivery, so it cannot be sent back any more.",
        Why.NOT_RETURNABLE: "{about} cannot be returned or exchanged.",
        Why.PRICE: "The price has changed meanwhile, so I have changed nothing. Please ask for it once more.",
        Why.KEY_TAKEN: "I could not do that. Please ask for it once more.",
    },
    "zh": {
        "unchanged": "好的，没有做任何更改。",
        "receipt": "{done}回执编号：{number}。",
        Why.NO_SUCH_ORDER: "没有找到您的这个订单。",
        Why.NO_SUCH_USER: "找不到您的账户了。",
        Why.NOT_PENDING: "现在无法这样操作，订单状态已变更。",
        Why.NOT_DELIVERED: "无法这样操作：订单尚未送达，或已申请过退换货。",
        Why.REASON: "只有不再需要或误下单的订单才能取消。",
        Why.NO_SUCH_ITEM: "其中一件商品不在该订单中。",
        Why.COUNT: "每件商品都需要选择一个新款式。",
        Why.UNAVAILABLE: "所选款式中有一款刚刚售罄。",
        Why.NO_SUCH_METHOD: "您的账户中没有这个支付方式。",
        Why.SAME_METHOD: "该订单已经使用这个支付方式。",
        Why.NOT_ONE_PAYMENT: "该订单的支付方式已更改过，只能更改一次。",
        Why.BALANCE: "该礼品卡余额不足。",
        Why.REFUND_METHOD: "退款只能退回原支付方式或礼品卡。",
        Why.TOO_LATE: "签收已超过 {about} 天，无法退换。",
        Why.NOT_RETURNABLE: "{about} 不支持退换。",
        Why.PRICE: "价格刚刚有变动，因此没有做任何更改，请再说一次。",
        Why.KEY_TAKEN: "操作没有成功，请再说一次。",
    },
}

Do = Callable[[Scene, Key], Receipt | Refusal]
Done = Callable[[Scene, Receipt], str]


class Submit(Action):
    """The action after a form. It does nothing without a yes to the very summary that was said.

    Called again for the same turn, after a crash or beside itself, it gives the same receipt and does nothing more.
    """

    def __init__(self, name: str, steps: Steps, slots: tuple[str, ...], do: Do, done: Done, shop: Shop) -> None:
        self._name = name
        self._steps = steps
        self._slots = slots
        self._do = do
        self._done = done
        self._shop = shop

    def name(self) -> str:
        """What the domain calls this action."""
        return self._name

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Do it, tell, and forget what the form asked for."""
        scene = await asyncio.to_thread(read_scene, self._shop, tracker)
        answer = tracker.slots.get(CONFIRMED)
        if _is(answer, value=True):
            text, receipt = await asyncio.to_thread(self._submit, scene)
            custom = {"receipt": {"id": receipt.number, "summary": text}} if receipt else None
            dispatcher.utter_message(text=text, json_message=custom)
        elif answer is not None:
            dispatcher.utter_message(text=scene.words(WORDS, "unchanged"))
        scene.slots |= {slot: None for slot in (*self._slots, CONFIRMED, OFFER, WISH) if slot in scene.slots}
        return changed(scene, tracker)

    def _submit(self, scene: Scene) -> tuple[str, Receipt | None]:
        # Before all else: what this turn has done already may have changed what the summary said.
        result = scene.done(self._name) or self._agreed(scene)
        if isinstance(result, Receipt):
            done = self._done(scene.after(result), result)
            return scene.words(WORDS, "receipt", done=done, number=result.number), result
        return scene.words(WORDS, result.why, about=result.about) if result else scene.words(WORDS, "unchanged"), None

    def _agreed(self, scene: Scene) -> Receipt | Refusal | None:
        """Do it, if the yes was the shopper's and to what it is about now."""
        if not _is(scene.slots.get(CONFIRMED), value=True) or not scene.shopper or not is_offered(self._steps, scene):
            return None
        return self._do(scene, scene.key(self._name))


def _is(answer: Any, *, value: bool) -> bool:
    """Whether a slot holds this truth value; an assistant that keeps slots as text sends its name."""
    return answer is value or str(answer) == str(value)
