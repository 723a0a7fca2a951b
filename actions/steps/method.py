"""The step that asks which payment method: to pay or get a difference, for a refund, in place of another."""

from collections.abc import Callable, Sequence

from actions.first_message import said_method
from actions.matching import Ambiguous, Choice, find_method, item_title, method_title
from actions.scene import Ended, Filled, Question, Reading, Scene, Step, Texts, Unclear
from actions.shop.records import GIFT_CARD, PaymentMethod
from actions.shop.rules import paid_with
from actions.steps.items import chosen_ids, chosen_item, chosen_items
from actions.steps.variants import chosen_variants

WORDS: Texts = {
    "en": {
        "pay": "Which payment method should be charged with or receive the difference?",
        "refund": "From order {number} you send back: {items}.\nWhere should the money go?",
        "switch": "Which payment method would you like to use instead?",
        "unclear method": "I am not sure which of them you mean: {among}.",
        "no method": "You have no payment method with us that can be used for this.",
        "low": "There is not enough left on your gift card for this.",
        "left": "{method} has {balance} left.",
    },
    "zh": {
        "pay": "差价用哪种支付方式支付或退还？",
        "refund": "您要退回订单 {number} 中的：{items}。\n退款退到哪里？",
        "switch": "您想改用哪种支付方式？",
        "unclear method": "我不太确定您指的是哪一种：{among}。",
        "no method": "您没有可用于此操作的支付方式。",
        "low": "您的礼品卡余额不足。",
        "left": "{method} 余额 {balance}。",
    },
}

Usable = Callable[[Scene], Sequence[PaymentMethod]]


def difference(scene: Scene) -> int:
    """What the chosen variants cost more than the items."""
    total = 0
    for old, new in zip(chosen_ids(scene, "items"), chosen_variants(scene), strict=False):
        item = chosen_item(scene, old)
        product = scene.product(item.product) if item else None
        variant = product.variant(new) if product else None
        total += variant.price - item.price if item and variant else 0
    return total


def method_step(question: str, usable: Usable, free: Callable[[Scene], bool] = lambda _: False) -> Step:
    """Which of the shopper's payment methods; where nothing is to be paid (``free``), the one that paid the order."""

    def ask(scene: Scene) -> Question:
        choices = [Choice(scene.named(method_title(method)), method.id) for method in usable(scene)]
        balances = left(scene, [m for m in usable(scene) if m.source == GIFT_CARD])
        items = ", ".join(map(item_title, chosen_items(scene)))
        asked = scene.words(WORDS, question, items=items, number=scene.slots.get("order"))
        return Question(f"{asked} {balances}".strip(), choices)

    def read(scene: Scene) -> Reading:
        original = next(iter(paid_with(scene.order)), None) if scene.order else None
        # Of a title in another language than the matching's own, all of it has to be there.
        titles = {scene.named(method_title(m)): m for m in scene.user.methods} if scene.language == "zh" else {}
        pressed = [method for title, method in titles.items() if title in scene.text]
        found = pressed[0] if len(pressed) == 1 else find_method(scene.user.methods, scene.text, original)
        if isinstance(found, Ambiguous):
            return Unclear(scene.words(WORDS, "unclear method", among=" / ".join(map(scene.named, found.among))))
        if found is None:
            return None
        if found.id in {method.id for method in usable(scene)}:
            return Filled(str(found.id))
        return Unclear(scene.words(WORDS, "low" if found.source == GIFT_CARD else "no method"))

    def low(scene: Scene) -> str | None:
        """That a gift card holds too little, and how much; None where no card is kept away by that."""
        paid = paid_with(scene.order) if scene.order and question == "switch" else {}
        cards = [m for m in scene.user.methods if m.source == GIFT_CARD and m.id not in paid and m not in usable(scene)]
        return " ".join([scene.words(WORDS, "low"), left(scene, cards)]) if cards else None

    def offer(scene: Scene) -> Reading:
        methods = list(usable(scene))
        if not methods:
            return Ended(low(scene) or scene.words(WORDS, "no method"))
        if free(scene) and scene.order:
            methods = [method for method in methods if method.id in paid_with(scene.order)] or methods
        original = next(iter(paid_with(scene.order)), None) if scene.order else None
        found = None if free(scene) else said_method(scene, scene.user.methods, original)
        if found and found.source == GIFT_CARD and found not in methods and (why := low(scene)):
            return Unclear(why)  # Another one may pay, but was not asked for.
        if len(methods) == 1:
            return Filled(str(methods[0].id))
        return Filled(str(found.id)) if found and found.id in {method.id for method in methods} else None

    def correct(scene: Scene) -> Reading:
        reading = read(scene)
        return reading if isinstance(reading, Filled) else None

    return Step("method", ask, read, offer, correct)


def left(scene: Scene, cards: Sequence[PaymentMethod]) -> str:
    """What gift cards still hold."""
    return " ".join(
        scene.words(WORDS, "left", method=scene.named(method_title(card)), balance=scene.money(card.balance or 0))
        for card in cards
    )


def paying(scene: Scene) -> list[PaymentMethod]:
    """Methods that can pay the difference of a swap."""
    owed = difference(scene)
    return [m for m in scene.user.methods if m.source != GIFT_CARD or (m.balance or 0) >= owed]


def refundable(scene: Scene) -> list[PaymentMethod]:
    """Methods that the money of the order can go back to: those that paid it, and gift cards."""
    paid = paid_with(scene.order) if scene.order else {}
    return [method for method in scene.user.methods if method.source == GIFT_CARD or method.id in paid]


def replacing(scene: Scene) -> list[PaymentMethod]:
    """Methods that can pay the order in place of the one that did."""
    paid = paid_with(scene.order) if scene.order else {}
    owed = sum(paid.values())
    return [
        method
        for method in scene.user.methods
        if method.id not in paid and (method.source != GIFT_CARD or (method.balance or 0) >= owed)
    ]
