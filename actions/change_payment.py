"""Changes how a pending order is paid."""

from collections.abc import Iterator

from actions.matching import method_title
from actions.scene import Scene, Step, Texts
from actions.shop.records import PENDING, Key, Receipt, Refusal
from actions.shop.rules import paid_with
from actions.steps.method import method_step, replacing

WORDS: Texts = {
    "en": {
        "summary": "I will charge {amount} for order {order} to {method}, and give back what was paid with {old}.",
        "done": "Order {order} is paid with {method} now. {amount} goes back to where it was paid from, "
        "at once to a gift card and else within 5 to 7 business days.",
    },
    "zh": {
        "summary": "订单 {order} 的 {amount} 将改用 {method} 支付，并退还 {old} 已支付的款项。",
        "done": "订单 {order} 改用 {method} 支付。{amount} 退回原支付方式：礼品卡立即到账，其他需 5 至 7 个工作日。",
    },
}


def steps(_: Scene) -> Iterator[Step]:
    """Which method instead."""
    yield method_step("switch", replacing)


def summary(scene: Scene) -> str:
    """What will be done."""
    paid = paid_with(scene.order) if scene.order else {}
    old = [scene.named(method_title(own)) for name in paid if (own := scene.user.method(name))]
    return scene.words(
        *(WORDS, "summary"),
        amount=scene.money(sum(paid.values())),
        order=scene.slots.get("order"),
        method=_title(scene, str(scene.slots.get("method"))),
        old=", ".join(old),
    )


def amounts(scene: Scene) -> dict[str, int]:
    """What moves; nothing of an order that cannot be changed."""
    if scene.order is None or scene.order.status != PENDING:
        return {}
    return {"amount": sum(paid_with(scene.order).values())}


def done(scene: Scene, receipt: Receipt) -> str:
    """What was done."""
    return scene.words(
        *(WORDS, "done"),
        order=receipt.order,
        method=_title(scene, receipt.result["method"]),
        amount=scene.money(int(receipt.result["amount"])),
    )


def do(scene: Scene, key: Key) -> Receipt | Refusal:
    """Change it."""
    assert scene.shopper, "the form asks who it is first"
    return scene.shop.change_payment(key, scene.shopper, str(scene.slots["order"]), str(scene.slots["method"]))


def _title(scene: Scene, method: str) -> str:
    own = scene.user.method(method)
    return scene.named(method_title(own)) if own else method
