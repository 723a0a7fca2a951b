"""Exchanges items of a delivered order for other variants of the same products."""

from collections.abc import Iterator

from rasa_sdk import Action

from actions import identity
from actions.change_items import agreed, receipt_facts, swap_facts
from actions.forms import actions_of, confirm_step
from actions.returns import returnable
from actions.scene import CONFIRMED, SHOPPER, Scene, Step, Texts
from actions.shop.records import DELIVERED, PENDING, Key, Receipt, Refusal
from actions.shop.shop import Shop
from actions.steps.items import chosen_ids, items_step
from actions.steps.method import difference, method_step, paying
from actions.steps.order import WORDS as ORDER
from actions.steps.order import Instead, order_step, status_word, with_status
from actions.steps.variants import VARIANTS, chosen_variants, variant_steps
from actions.submitting import Submit

FORM = "exchange_form"
SUBMIT = "action_exchange_items"
SLOTS = ("order", "items", *VARIANTS, "method")

WORDS: Texts = {
    "en": {
        "none done": "exchanged",
        "none why": "only a delivered order can, once, within {days} days after its delivery",
        "summary": "I will register this exchange for order {order}: {swaps}. {difference} "
        "It can be done only once for an order.",
        "done": "The exchange for order {order} is registered: {swaps}. {difference} "
        "An e-mail tells you how to send the old ones back.",
    },
    "zh": {
        "none done": "换货",
        "none why": "只有已送达的订单可以在签收后 {days} 天内申请一次换货",
        "summary": "将为订单 {order} 登记换货：{swaps}。{difference}每个订单只能换货一次。",
        "done": "订单 {order} 的换货已登记：{swaps}。{difference}寄回方式将通过邮件告知。",
    },
}


def _none(scene: Scene) -> str:
    why = scene.words(WORDS, "none why", days=scene.shop.policy.return_days)
    return scene.words(ORDER, "none", done=scene.words(WORDS, "none done"), why=why)


_INSTEAD = Instead(
    "change_order_form",
    with_status(PENDING),
    lambda scene, order: scene.words(ORDER, "instead change", number=order.id, status=status_word(scene, order.status)),
)


def steps(scene: Scene) -> Iterator[Step]:
    """Who, which order, which items, what instead, who pays the difference, and a yes."""
    yield identity.STEP
    yield order_step(returnable(), _none, _INSTEAD)
    yield items_step()
    yield from variant_steps(scene, same=True)
    yield method_step("pay", paying, free=lambda now: difference(now) == 0)
    yield confirm_step(steps, lambda now: now.words(WORDS, "summary", **swap_facts(now)), _amounts)


def _amounts(scene: Scene) -> dict[str, int]:
    """What it costs; nothing for an order that cannot be exchanged."""
    return {"difference": difference(scene)} if scene.order and scene.order.status == DELIVERED else {}


def do(scene: Scene, key: Key) -> Receipt | Refusal:
    """Exchange, once, at the difference that was agreed."""
    assert scene.shopper, "the form asks who it is first"
    return scene.shop.exchange_items(
        *(key, scene.shopper, str(scene.slots["order"])),
        *(chosen_ids(scene, "items"), chosen_variants(scene), str(scene.slots["method"])),
        agreed=agreed(scene),
    )


def _done(scene: Scene, receipt: Receipt) -> str:
    return scene.words(WORDS, "done", **receipt_facts(scene, receipt))


def actions(shop: Shop) -> list[Action]:
    """What this module serves."""
    return [
        *actions_of(FORM, steps, (SHOPPER, *SLOTS, CONFIRMED), shop, SUBMIT),
        Submit(SUBMIT, steps, SLOTS, do, _done, shop),
    ]
