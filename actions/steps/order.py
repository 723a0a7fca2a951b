"""The step that asks which order: one of the shopper's own, and one that the wish is possible for."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from actions.first_message import described, names_one
from actions.matching import Choice, place_of
from actions.scene import CARRIED, WISH, Ended, Filled, Question, Reading, Scene, Step, Texts, Unclear
from actions.shop.records import Order
from actions.shop.rows import fold

_NUMBER = re.compile(r"#?[^\W\d_]{1,3}-?\d{5,}|\b\d{5,}\b", re.IGNORECASE)
_ALIKE = re.compile(
    r"\b(?:same (?:one )?as|as (?:in|for|on)|like (?:in|for|on))\s+(?:my |the )?(?:order )?#?\w*-?\d{5,}", re.I
)
"""Another order that only tells how it should be."""

_POINTS_BACK = re.compile(
    r"\b(?:it|its|this|that|same|the order|my order|this one|that one)\b|它|这个|该订单|同一", re.IGNORECASE
)
_IT = re.compile(
    r"(?<!ordered )(?<!bought )\bit\b|\b(?:this|that|the|same) (?:order|one|parcel|package)\b"
    r"|\b(?:cancel|return|exchange|change|send) (?:this|that)\b|它|这个|该订单|同一",
    re.IGNORECASE,
)
"""Words for one order alone, which neither "this is Amelia" has nor "I ordered it by mistake"."""

_NOT_THAT = re.compile(
    r"(?:\b(?:not|instead of|rather than)\b|不是)\s*(?:for |order |my |the )*#?\w*-?\d{5,}", re.IGNORECASE
)
_NEWEST = re.compile(
    r"\b(?:latest|newest|most recent)\b|\blast\b(?=\W*$|\W+(?:order|purchase|delivery|parcel|package|one)s?\b)"
    r"|最近|最新",
    re.IGNORECASE,
)
"""An order's place in time; "last week" is none."""

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
    },
    "zh": {
        "order": "请问是哪个订单？",
        "instead change": "订单 {number} {status}：发货前可以修改商品。",
        "instead exchange": "订单 {number} {status}：可以换货。",
        "instead cancel": "订单 {number} {status}，无需退货，可以整单取消。",
        "no order": "没有找到您的订单 {number}，请核对订单号。",
        "wrong status": "订单 {number} {status}，因此无法这样操作。",
        "none": "您没有可以{done}的订单：{why}。",
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
        return Ended(self.told(scene, order), {CARRIED: f"{self.form}\n{text}"}, self.form)


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
        choices = fitting(scene)
        place = None if _NEWEST.search(scene.text) else place_of(scene.text, len(choices))
        if place is not None:
            return Filled(choices[place].id)
        return elsewhere(scene) or _numbered(scene, why_not) or _described(scene, choices)

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
        if (shown := _shown(scene)) and (why := why_not(scene, shown)):
            return Unclear(why)
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
        if meant := _meant(scene):
            named = [order for order in meant if order.id != scene.slots.get("order")]
            return _numbered(scene, why_not, named) if named else None
        if number := _foreign(scene):
            return Unclear(scene.words(WORDS, "no order", number=number))
        named = []
        if scene.requested == "items" and scene.order and not names_one(scene.order.items, scene.text):
            # Of the order that was taken for the right one it has nothing; another one has it.
            found = described(fitting(scene), scene.text)
            named = [found] if found else []
        return Filled(named[0].id) if len(named) == 1 else None

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


def _meant(scene: Scene) -> list[Order]:
    """The orders that the words name as the right ones: of "not LF-1, LF-2" the second."""
    return named_orders(replace(scene, text=_NOT_THAT.sub(" ", scene.text))) or named_orders(scene)


def _foreign(scene: Scene) -> str | None:
    """A number that is written as those of the shopper's orders are, and is none of theirs; a postcode is written in
    another way."""
    written = {re.sub(r"\d+$", "", fold(order.id)) for order in scene.orders}
    named = {fold(order.id) for order in scene.orders}
    said = [number for number in _numbers(_ALIKE.sub(" ", scene.text)) if not number.isdecimal()]
    return next((n.upper() for n in said if fold(n) not in named and re.sub(r"\d+$", "", fold(n)) in written), None)


def _shown(scene: Scene) -> Order | None:
    """The order that was spoken of before, where the words point back to it and name nothing of another."""
    said = (str(scene.slots.get("order_number") or ""), *scene.before)
    spoken = next(filter(None, (named_orders(replace(scene, text=text)) for text in said)), [])
    order = spoken[0] if len(spoken) == 1 else None
    if order is None or not _IT.search(_wish(scene)) or _NEWEST.search(_wish(scene)):
        return None
    others = [item for other in scene.orders for item in other.items]
    return None if names_one(others, _wish(scene)) and not names_one(order.items, _wish(scene)) else order


def _numbered(scene: Scene, why_not: Eligible, named: Sequence[Order] | None = None) -> Reading:
    """The order whose number was said. Another shopper's and one that does not exist are told in the same words."""
    named = named_orders(scene) if named is None else named
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
