"""Swaps items of a pending order for other variants of the same products."""

from collections.abc import Iterator, Sequence

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
    items, new = chosen_ids(scene, "items"), chosen_variants(scene)
    return _facts(scene, items, new, difference(scene), str(scene.slots.get("method")))


def receipt_facts(scene: Scene, receipt: Receipt) -> dict[str, str]:
    """What was swapped for what, and what that cost: the order and the prices may be others by now."""
    result = receipt.result
    return _facts(scene, result["items"], result["new_items"], int(result["difference"]), result["method"])


def _facts(scene: Scene, items: Sequence[str], new: Sequence[str], owed: int, method: str) -> dict[str, str]:
    swaps = []
    for before, after in zip(items, new, strict=True):
        product = scene.shop.product_of(after)
        variant = product.variant(after) if product else None
        item = chosen_item(scene, before)
        if variant and item:
            swaps.append(scene.words(WORDS, "swap", old=item_title(item), new=variant_title(variant)))
    own = scene.user.method(method)
    name = "even" if owed == 0 else "more" if owed > 0 else "less"
    money = scene.words(
        WORDS, name, amount=scene.money(abs(owed)), method=scene.named(method_title(own)) if own else ""
    )
    return {"order": str(scene.slots.get("order")), "swaps": "; ".join(swaps), "difference": money}


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
        *(chosen_ids(scene, "items"), chosen_variants(scene), str(scene.slots["method"])),
        agreed=agreed(scene),
    )
