"""Takes items of a delivered order back."""

from collections.abc import Iterator, Sequence

from rasa_sdk import Action

from actions import identity
from actions.forms import actions_of, confirm_step
from actions.matching import item_title, method_title
from actions.scene import CONFIRMED, SHOPPER, Scene, Step, Texts
from actions.shop.records import DELIVERED, PENDING, Key, Order, Receipt, Refusal, Why
from actions.shop.rules import return_period_over
from actions.shop.shop import Shop
from actions.steps.items import chosen_ids, chosen_item, chosen_items, items_step
from actions.steps.method import method_step, refundable
from actions.steps.order import WORDS as ORDER
from actions.steps.order import Eligible, Instead, order_step, status_word, with_status
from actions.submitting import WORDS as REFUSALS
from actions.submitting import Submit

FORM = "return_form"
SUBMIT = "action_return_items"
SLOTS = ("order", "items", "method")

WORDS: Texts = {
    "en": {
        "none done": "returned",
        "none why": "only a delivered order can, once, within {days} days after its delivery",
        "summary": "I will register the return of {items} from order {order}. "
        "{amount} goes to {method} once it is back with us.",
        "done": "The return of {items} from order {order} is registered; "
        "an e-mail tells you how to send it. {amount} goes to {method} once it is back with us.",
    },
    "zh": {
        "none done": "退货",
        "none why": "只有已送达的订单可以在签收后 {days} 天内申请一次退货",
        "summary": "将为订单 {order} 中的 {items} 登记退货。收到退货后，{amount} 将退到 {method}。",
        "done": "订单 {order} 中 {items} 的退货已登记，退货方式将通过邮件告知。收到退货后，{amount} 将退到 {method}。",
    },
}


def returnable() -> Eligible:
    """Delivered orders within the shop's period can be chosen."""
    delivered = with_status(DELIVERED)

    def why_not(scene: Scene, order: Order) -> str | None:
        if refused := delivered(scene, order):
            return refused
        if return_period_over(order, scene.shop.policy, scene.shop.today):
            return scene.words(REFUSALS, Why.TOO_LATE, about=scene.shop.policy.return_days)
        return None

    return why_not


def _none(scene: Scene) -> str:
    why = scene.words(WORDS, "none why", days=scene.shop.policy.return_days)
    return scene.words(ORDER, "none", done=scene.words(WORDS, "none done"), why=why)


def _summary(scene: Scene) -> str:
    amount = sum(item.price for item in chosen_items(scene))
    return _told(scene, "summary", chosen_ids(scene, "items"), amount, str(scene.slots.get("method")))


def _told(scene: Scene, name: str, items: Sequence[str], amount: int, method: str) -> str:
    own = scene.user.method(method)
    return scene.words(
        *(WORDS, name),
        order=scene.slots.get("order"),
        items=", ".join(item_title(item) for each in items if (item := chosen_item(scene, each))),
        amount=scene.money(amount),
        method=scene.named(method_title(own)) if own else "",
    )


def _amounts(scene: Scene) -> dict[str, int]:
    """What goes back; nothing from an order that cannot be returned."""
    if scene.order is None or scene.order.status != DELIVERED:
        return {}
    return {"amount": sum(item.price for item in chosen_items(scene))}


_INSTEAD = Instead(
    "cancel_order_form",
    with_status(PENDING),
    lambda scene, order: scene.words(ORDER, "instead cancel", number=order.id, status=status_word(scene, order.status)),
)


def steps(_: Scene) -> Iterator[Step]:
    """Who, which order, which items, where the money goes, and a yes."""
    yield identity.STEP
    yield order_step(returnable(), _none, _INSTEAD)
    yield items_step()
    yield method_step("refund", refundable)
    yield confirm_step(steps, _summary, _amounts)


def _do(scene: Scene, key: Key) -> Receipt | Refusal:
    assert scene.shopper, "the form asks who it is first"
    slots = scene.slots
    return scene.shop.return_items(
        key, scene.shopper, str(slots["order"]), chosen_ids(scene, "items"), str(slots["method"])
    )


def _done(scene: Scene, receipt: Receipt) -> str:
    result = receipt.result
    return _told(scene, "done", result["items"], int(result["amount"]), result["method"])


def actions(shop: Shop) -> list[Action]:
    """What this module serves."""
    return [
        *actions_of(FORM, steps, (SHOPPER, *SLOTS, CONFIRMED), shop, SUBMIT),
        Submit(SUBMIT, steps, SLOTS, _do, _done, shop),
    ]
