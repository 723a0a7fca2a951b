"""Swaps items of a pending order for other variants of the same products."""

from collections.abc import Iterator

from actions.forms import last_offer
from actions.matching import item_title, method_title, variant_title
from actions.scene import Scene, Step, Texts
from actions.shop.records import PENDING, Key, Receipt, Refusal
from actions.steps.items import chosen_ids, chosen_item, items_step
from actions.steps.method import difference, method_step, paying
from actions.steps.variants import chosen_variants, variant_steps

WORDS: Texts = {
    "en": {
        "swap": "{old} becomes {new}",
        "even": "The price stays the same.",
        "more": "{amount} is charged to {method}.",
        "less": "{amount} goes back to {method}.",
        "summary": "I will change order {order}: {swaps}. {difference} "
        "After that the order can neither be changed again nor cancelled.",
        "done": "Order {order} is changed: {swaps}. {difference}",
    },
    "zh": {
        "swap": "{old} 换成 {new}",
        "even": "价格不变。",
        "more": "{amount} 将从 {method} 扣款。",
        "less": "{amount} 将退到 {method}。",
        "summary": "将修改订单 {order}：{swaps}。{difference}修改后，该订单不能再修改或取消。",
        "done": "订单 {order} 已修改：{swaps}。{difference}",
    },
}


def swap_facts(scene: Scene) -> dict[str, str]:
    """What is swapped for what, and what that costs, in words."""
    swaps = []
    for name, new in zip(chosen_ids(scene, "items"), chosen_variants(scene), strict=True):
        product = scene.shop.product_of(new)
        variant = product.variant(new) if product else None
        old = chosen_item(scene, name)
        if variant and old:
            swaps.append(scene.words(WORDS, "swap", old=item_title(old), new=variant_title(variant)))
    money = _money(scene, difference(scene), str(scene.slots.get("method")))
    return {"order": str(scene.slots.get("order")), "swaps": "; ".join(swaps), "difference": money}


def receipt_facts(scene: Scene, receipt: Receipt) -> dict[str, str]:
    """What was swapped for what, and what that cost: the order and the prices may be others by now."""
    swaps = []
    for old, new in zip(receipt.result["items"], receipt.result["new_items"], strict=True):
        product = scene.shop.product_of(new)
        before, after = (product.variant(name) if product else None for name in (old, new))
        if product and before and after:
            title = f"{product.name} ({variant_title(before)})"
            swaps.append(scene.words(WORDS, "swap", old=title, new=variant_title(after)))
    money = _money(scene, int(receipt.result["difference"]), receipt.result["method"])
    return {"order": str(receipt.order), "swaps": "; ".join(swaps), "difference": money}


def _money(scene: Scene, owed: int, method: str) -> str:
    own = scene.user.method(method)
    name = "even" if owed == 0 else "more" if owed > 0 else "less"
    return scene.words(WORDS, name, amount=scene.money(abs(owed)), method=scene.named(method_title(own)) if own else "")


def agreed(scene: Scene) -> int | None:
    """The difference that the shopper said yes to."""
    return last_offer(scene).get("difference")


def steps(scene: Scene) -> Iterator[Step]:
    """Which items, what instead, and who pays the difference."""
    yield items_step()
    yield from variant_steps(scene)
    yield method_step("pay", paying, free=lambda now: difference(now) == 0)


def summary(scene: Scene) -> str:
    """What will be done."""
    return scene.words(WORDS, "summary", **swap_facts(scene))


def amounts(scene: Scene) -> dict[str, int]:
    """What it costs; nothing for an order that cannot be changed."""
    return {"difference": difference(scene)} if scene.order and scene.order.status == PENDING else {}


def done(scene: Scene, receipt: Receipt) -> str:
    """What was done."""
    return scene.words(WORDS, "done", **receipt_facts(scene, receipt))


def do(scene: Scene, key: Key) -> Receipt | Refusal:
    """Swap them."""
    assert scene.shopper, "the form asks who it is first"
    return scene.shop.change_items(
        *(key, scene.shopper, str(scene.slots["order"])),
        *(chosen_ids(scene, "items"), chosen_variants(scene), str(scene.slots["method"]), agreed(scene)),
    )
