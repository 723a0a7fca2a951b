"""The steps that forms on orders share: which order, which of its items, which variants, which payment method."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from actions.agreeing import yes_or_no
from actions.matching import (
    Ambiguous,
    Choice,
    find_by_price,
    find_items,
    find_variant,
    item_title,
    variant_title,
)
from actions.said import described, names_one, said_items, said_variant
from actions.scene import CARRIED, WISH, Ended, Filled, Question, Reading, Scene, Step, Texts, Unclear
from actions.shop.records import Item, Order, Product, Variant
from actions.shop.rows import fold

_NUMBER = re.compile(r"#?[^\W\d_]{1,3}-?\d{5,}|\b\d{5,}\b", re.IGNORECASE)
_ALIKE = re.compile(
    r"\b(?:same (?:one )?as|as (?:in|for|on)|like (?:in|for|on))\s+(?:my |the )?(?:order )?#?\w*-?\d{5,}", re.I
)
"""Another order that only tells how it should be."""

_POINTS_BACK = re.compile(
    r"\b(?:it|its|this|that|same|the order|my order|this one|that one)\b|它|这个|该订单|同一", re.IGNORECASE
)
_NEWEST = re.compile(
    r"\b(?:latest|newest|most recent)\b|\blast\b(?=\W*$|\W+(?:order|purchase|delivery|parcel|package|one)s?\b)"
    r"|最近|最新",
    re.IGNORECASE,
)
"""An order's place in time; "last week" is none."""

_ADDS = re.compile(r"\b(?:also|too|as well|add|plus|besides|additionally)\b|还有|另外|也", re.IGNORECASE)
"""What is said of further items, when the ones before were told already."""

_ONLY = re.compile(r"\b(?:only|just the|nothing else|alone)\b|只|仅", re.IGNORECASE)
_THAT_IS_ALL = re.compile(
    r"\b(?:only|just (?:that|this|it|the)|that(?:'s| is| was) (?:all|it)|nothing else|no others?|alone)\b"
    r"|只|就这|没有了",
    re.IGNORECASE,
)

STATUS: Texts = {
    "en": {},
    "zh": {
        "pending": "待处理",
        "pending (item modified)": "待处理（已修改商品）",
        "packed": "已打包",
        "processed": "处理中",
        "shipped": "已发货",
        "delivered": "已送达",
        "cancelled": "已取消",
        "returned": "已退回",
        "return requested": "已申请退货",
        "exchange requested": "已申请换货",
    },
}

WORDS: Texts = {
    "en": {
        "order": "Which order is it about?",
        "instead change": "Order {number} is {status}: its items can be changed before it leaves.",
        "instead exchange": "Order {number} is {status}: its items can be exchanged.",
        "instead cancel": "Order {number} is {status}, so it can be cancelled as a whole.",
        "no order": "I find no order {number} of yours. Please check the number.",
        "wrong status": "Order {number} is {status}, so this is not possible for it any more or not yet.",
        "none": "None of your orders can be {done}: {why}.",
        "items": "Which items of order {number} is it about? If there are several, name all of them at once.",
        "more items": "So it is about {named}. Is that all? If other items of order {number} are meant too, "
        "name all of them at once.",
        "all": "All of them",
        "too many": "I can take {most} items at a time.",
        "unclear items": "I am not sure which items you mean.",
        "unclear among": "I am not sure which you mean, or how many: {among}.",
        "variant": "What would you like instead of {item}?",
        "no variant": "There is no other variant of {item} in stock at the moment.",
        "sold out": "{variant} is sold out at the moment.",
        "unclear variant": "There are several that fit: {among}.",
        "no such variant": "There is no such variant of {item}.",
    },
    "zh": {
        "order": "请问是哪个订单？",
        "instead change": "订单 {number} {status}：发货前可以修改商品。",
        "instead exchange": "订单 {number} {status}：可以换货。",
        "instead cancel": "订单 {number} {status}，无需退货，可以整单取消。",
        "no order": "没有找到您的订单 {number}，请核对订单号。",
        "wrong status": "订单 {number} {status}，因此无法这样操作。",
        "none": "您没有可以{done}的订单：{why}。",
        "items": "请问是订单 {number} 中的哪些商品？如有多件，请一次说全。",
        "more items": "您指的是 {named}，对吗？如果还有订单 {number} 中的其他商品，请一次说全。",
        "all": "全部",
        "too many": "一次最多 {most} 件。",
        "unclear items": "我不太确定您指的是哪些商品。",
        "unclear among": "我不太确定您指的是哪一件，或者几件：{among}。",
        "variant": "您想把 {item} 换成哪一款？",
        "no variant": "{item} 目前没有其他有货的款式。",
        "sold out": "{variant} 目前缺货。",
        "unclear variant": "有几款符合：{among}。",
        "no such variant": "{item} 没有这个款式。",
    },
}

Eligible = Callable[[Scene, Order], str | None]
"""Why an order cannot be chosen, in words; None where it can."""


def status_word(scene: Scene, status: str) -> str:
    """A status in the shopper's language."""
    return STATUS.get(scene.language, {}).get(status, status)


def order_title(scene: Scene, order: Order) -> str:
    """An order as a choice: its number, what is in it, its status."""
    names = Counter(item.name for item in order.items)
    items = ", ".join(name if count == 1 else f"{count} × {name}" for name, count in names.items())
    return f"{order.id}: {items} ({status_word(scene, order.status)})"


def with_status(*allowed: str) -> Eligible:
    """Orders of these statuses can be chosen."""

    def why_not(scene: Scene, order: Order) -> str | None:
        if order.status in allowed:
            return None
        return scene.words(WORDS, "wrong status", number=order.id, status=status_word(scene, order.status))

    return why_not


@dataclass(frozen=True, slots=True)
class Instead:
    """Another form that does what is wished for the orders that this one cannot take, and how that is told."""

    form: str
    why_not: Eligible
    told: Callable[[Scene, Order], str]

    def goes_on(self, scene: Scene, order: Order) -> Ended:
        """End this form and begin the other one, with the words that began this one."""
        text = f"{scene.slots.get(WISH) or scene.text}\n{order.id}"
        return Ended(self.told(scene, order), {CARRIED: text}, self.form)


def order_step(why_not: Eligible, none: Callable[[Scene], str], instead: Instead | None = None) -> Step:
    """Which order; one of the shopper's own, and one that it is possible for.

    ``none`` words that no order is; ``instead`` goes on where only another form can take the order that was named.
    """

    def elsewhere(scene: Scene) -> Ended | None:
        if instead is None:
            return None
        named = named_orders(scene)
        if not named and _described(scene, fitting(scene)) is None:
            there = [order for order in reversed(scene.orders) if instead.why_not(scene, order) is None]
            found = _described(scene, there) if scene.is_brief and not _NEWEST.search(scene.text) else None
            named = [order for order in there if isinstance(found, Filled) and order.id == found.value]
        if len(named) != 1 or why_not(scene, named[0]) is None or instead.why_not(scene, named[0]) is not None:
            return None
        return instead.goes_on(scene, named[0])

    def fitting(scene: Scene) -> list[Order]:
        return [order for order in reversed(scene.orders) if why_not(scene, order) is None]

    def ask(scene: Scene) -> Question:
        choices = [Choice(order_title(scene, order), order.id) for order in fitting(scene)]
        return Question(scene.words(WORDS, "order"), choices)

    def read(scene: Scene) -> Reading:
        return elsewhere(scene) or _numbered(scene, why_not) or _described(scene, fitting(scene))

    def offer(scene: Scene) -> Reading:
        choices = fitting(scene)
        if ended := elsewhere(scene):
            return ended
        if numbered := _numbered(scene, why_not):
            if isinstance(numbered, Unclear) and not choices:
                return Ended(numbered.why)
            return numbered
        if not choices:
            return Ended(none(scene))
        known = str(scene.slots.get("order_number") or "")
        if len(choices) == 1:
            return Filled(choices[0].id)
        if described := _described(scene, choices) if scene.is_brief else None:
            return described
        # Of an order that was spoken of before, only where the words point back to it and name nothing that it has
        # not: the next wish may be another's.
        mentioned = next((order for order in choices if known and fold(known) == fold(order.id)), None)
        if mentioned is None or not _POINTS_BACK.search(_wish(scene)):
            return None
        others = [item for order in choices for item in order.items]
        strange = names_one(others, _wish(scene)) and not names_one(mentioned.items, _wish(scene))
        return None if strange else Filled(mentioned.id)

    def correct(scene: Scene) -> Reading:
        named = named_orders(scene)
        if not named and scene.requested == "items" and scene.order and not names_one(scene.order.items, scene.text):
            # Of the order that was taken for the right one it has nothing; another one has it.
            found = described(fitting(scene), scene.text)
            named = [found] if found else []
        return Filled(named[0].id) if len(named) == 1 and why_not(scene, named[0]) is None else None

    return Step("order", ask, read, offer, correct)


def named_orders(scene: Scene) -> list[Order]:
    """The shopper's orders whose number stands in the words, as the ones that they are about."""
    said = {fold(number) for number in _numbers(_ALIKE.sub(" ", scene.text))}
    return [
        order
        for order in scene.orders
        if fold(order.id) in said or re.sub(r"\D", "", order.id) in said or fold(order.id) == fold(scene.text)
    ]


def _numbers(text: str) -> list[str]:
    """What looks like an order's number; an e-mail address may look so too, and is none."""
    return _NUMBER.findall(re.sub(r"\S+@\S+", " ", text))


def _numbered(scene: Scene, why_not: Eligible) -> Reading:
    """The order whose number was said. Another shopper's and one that does not exist are told in the same words."""
    named = named_orders(scene)
    possible = [order for order in named if why_not(scene, order) is None]
    if len(possible) == 1:
        return Filled(possible[0].id)
    if named:
        return Unclear(scene.words(WORDS, "order") if possible else why_not(scene, named[0]) or "")
    foreign = [number for number in _numbers(scene.text) if not number.isdecimal()]
    if foreign:
        return Unclear(scene.words(WORDS, "no order", number=foreign[0].upper()))
    return None


def _described(scene: Scene, orders: Sequence[Order]) -> Reading:
    """The order whose items the words name, or the newest one where that was said."""
    if _NEWEST.search(scene.text) and orders:
        return Filled(orders[0].id)
    found = described(orders, scene.text)
    return Filled(found.id) if found else None


def _wish(scene: Scene) -> str:
    """The message that the form began with, which is the last one where it begins now."""
    return str(scene.slots.get(WISH) or scene.text)


def items_step() -> Step:
    """Which items of the order, as often as they are meant; kept as their ids with commas between."""

    def ask(scene: Scene) -> Question:
        order = scene.order
        assert order, "the order comes before its items"
        counts = Counter(item_title(item) for item in order.items)
        choices = [
            Choice(title if times == 1 and counts[title] == 1 else f"{times} × {title}", title)
            for title in counts
            for times in range(1, counts[title] + 1)
        ]
        if len(order.items) > 1:
            choices.append(Choice(scene.words(WORDS, "all"), "all"))
        if only := _named_alone(scene, order):
            return Question(scene.words(WORDS, "more items", number=order.id, named=item_title(only)), choices)
        return Question(scene.words(WORDS, "items", number=order.id), choices)

    def read(scene: Scene) -> Reading:
        assert scene.order, "the order comes before its items"
        if only := _named_alone(scene, scene.order):
            rest = _THAT_IS_ALL.sub(" ", scene.text)
            if yes_or_no(scene.text, scene.intent) or (rest != scene.text and not names_one(scene.order.items, rest)):
                return Filled(str(only.id))
        found = find_items(scene.order.items, scene.text)
        if not found and only and yes_or_no(scene.text, scene.intent) is False:
            return Unclear(scene.words(WORDS, "unclear items"))
        if isinstance(found, Ambiguous):
            name = "unclear among" if found.among else "unclear items"
            return Unclear(scene.words(WORDS, name, among=" / ".join(found.among)))
        if found and len(found) > MOST:
            return Unclear(scene.words(WORDS, "too many", most=MOST))
        return Filled(",".join(found)) if found else None

    def offer(scene: Scene) -> Reading:
        assert scene.order, "the order comes before its items"
        if len(scene.order.items) == 1:
            return Filled(str(scene.order.items[0].id))
        found = said_items(scene, scene.order.items)
        if not found or len(found) > MOST or _named_alone(scene, scene.order):
            return None
        return Filled(",".join(found))

    def correct(scene: Scene) -> Reading:
        """Further items, where a later question is answered with them."""
        if not scene.order or not _ADDS.search(scene.text):
            return None
        found = find_items(scene.order.items, _ADDS.sub(" ", scene.text))
        chosen = chosen_ids(scene, "items")
        more = [name for name in found if name not in chosen] if isinstance(found, tuple) else []
        return Filled(",".join((*chosen, *more))) if more and len(chosen) + len(more) <= MOST else None

    return Step("items", ask, read, offer, correct)


def _named_alone(scene: Scene, order: Order) -> Item | None:
    """The one item of several that the first words name, unless they say that it is the only one.

    What is done to an order is done once: who has begun with one item is reminded of the others.
    """
    found = said_items(scene, order.items)
    if not found or len(found) > 1 or len(order.items) == 1 or _ONLY.search(str(scene.slots.get(WISH))):
        return None
    return next(item for item in order.items if item.id == found[0])


def chosen_items(scene: Scene) -> list[Item]:
    """The items that were chosen, in the order they were named."""
    return [item for name in chosen_ids(scene, "items") if (item := chosen_item(scene, name))]


def chosen_item(scene: Scene, name: str) -> Item | None:
    """The item of the order with this id; one that was swapped meanwhile, as the shop sells it."""
    lines = scene.order.items if scene.order else ()
    if line := next((item for item in lines if item.id == name), None):
        return line
    product = scene.shop.product_of(name)
    variant = product.variant(name) if product else None
    return Item(variant.id, product.id, product.name, variant.price, variant.options) if product and variant else None


def chosen_ids(scene: Scene, slot: str) -> list[str]:
    """The ids that a slot keeps."""
    return [name for name in str(scene.slots.get(slot) or "").split(",") if name]


MOST = 9
"""Items that one swap takes; each has a slot of its own, since an assistant counts how often it asks for the same."""

VARIANTS = tuple(f"variant_{number}" for number in range(1, MOST + 1))


def variant_steps(scene: Scene, *, same: bool = False) -> Iterator[Step]:
    """What each chosen item becomes, a question an item; ``same`` offers the same again, for one that is faulty.

    Who names it gets it in any case: among other items it means that this one stays. Which steps there are depends on
    the slots alone: a turn that is played again finds an order that holds the new items already, and meets the same.
    """
    for slot, name in zip(VARIANTS, chosen_ids(scene, "items"), strict=False):
        yield _variant_step(slot, name, same=same)


def chosen_variants(scene: Scene) -> list[str]:
    """The ids of the new items, in the order of the chosen ones."""
    return [str(scene.slots.get(slot)) for slot, _ in zip(VARIANTS, chosen_ids(scene, "items"), strict=False)]


def _variant_step(slot: str, name: str, *, same: bool) -> Step:
    def swapped(scene: Scene) -> tuple[Item, Product]:
        item = chosen_item(scene, name)
        product = scene.shop.product(item.product) if item else None
        assert item, f"the shop does not know {name}"
        assert product, f"{name} has no product"
        return item, product

    def ask(scene: Scene) -> Question:
        item, product = swapped(scene)
        choices = [Choice(_variant_choice(scene, item, v), v.id) for v in _fitting(item, product, same=same)]
        return Question(scene.words(WORDS, "variant", item=item_title(item)), choices, {"item": item.id})

    def read(scene: Scene) -> Reading:
        item, product = swapped(scene)
        found = find_by_price(item, product.variants, scene.text) or find_variant(item, product.variants, scene.text)
        match found:
            case None:
                return None
            case Ambiguous(among):
                there = {variant_title(variant) for variant in _fitting(item, product, same=same)}
                fitting = [title for title in among if title in there]
                if not fitting:
                    return Unclear(scene.words(WORDS, "no such variant", item=item.name))
                return Unclear(scene.words(WORDS, "unclear variant", among=" / ".join(fitting)))
            case Variant():
                if found.available:
                    return Filled(str(found.id))
                return Unclear(scene.words(WORDS, "sold out", variant=variant_title(found)))

    def offer(scene: Scene) -> Reading:
        """What was wished for it already; and say at once where an item has nothing to be swapped for."""
        item, product = swapped(scene)
        if not _fitting(item, product, same=same):
            return Ended(scene.words(WORDS, "no variant", item=item.name))
        others = [other for other in chosen_items(scene) if other.id != item.id]
        found = said_variant(scene, item, product.variants, others)
        return Filled(str(found.id)) if found else None

    return Step(slot, ask, read, offer)


def _fitting(item: Item, product: Product, *, same: bool) -> list[Variant]:
    return [v for v in product.variants if v.available and (same or v.id != item.id)]


def _variant_choice(scene: Scene, item: Item, variant: Variant) -> str:
    """A variant as a choice, with its price where that differs."""
    title = variant_title(variant)
    return title if variant.price == item.price else f"{title} ({scene.money(variant.price)})"
