"""The step that asks which items of the order, each as often as it is meant."""

import re
from collections import Counter

from actions.agreeing import yes_or_no
from actions.first_message import names_one, said_items
from actions.lines import find_items, parted
from actions.matching import Ambiguous, Choice, item_title, place_of
from actions.scene import CONFIRMED, WISH, Filled, Question, Reading, Scene, Step, Texts, Unclear
from actions.shop.records import Item, Order

MOST = 9
"""Items that one swap takes; each has a slot of its own, since an assistant counts how often it asks for the same."""

_ADDS = re.compile(r"\b(?:also|too|as well|add|plus|besides|additionally)\b|还有|另外|也", re.IGNORECASE)
"""What is said of further items, when the ones before were told already."""

_ONLY = re.compile(r"\b(?:only|just the|nothing else|alone)\b|只|仅", re.IGNORECASE)
_ALONE = re.compile(r"\b(?:only|just the|nothing else|alone)\b|只|仅", re.IGNORECASE)
_JUST = re.compile(r"\b(?:only|just|nothing but)\b|只|仅", re.IGNORECASE)
_RIGHTS = re.compile(
    r"^\W*(?:no|nope|wait|actually|sorry|oh|oops|hang on|hold on|make (?:it|that))\b|\bi meant?\b"
    r"|^\W*(?:不对|错了|等等|我是说)",
    re.IGNORECASE,
)
"""How somebody begins who puts right what was said before."""

_OTHER = re.compile(r"\bthe other (?:one|item|thing)\b|另一[个件]", re.IGNORECASE)
_THAT_IS_ALL = re.compile(
    r"\b(?:only|just (?:that|this|it|the)|that(?:'s| is| was) (?:all|it)|nothing else|no others?|alone)\b"
    r"|只|就这|没有了",
    re.IGNORECASE,
)

WORDS: Texts = {
    "en": {
        "items": "Which items of order {number} is it about? If there are several, name all of them at once.",
        "more items": "So it is about {named}. Is that all? If other items of order {number} are meant too, "
        "name all of them at once.",
        "all": "All of them",
        "too many": "I can take {most} items at a time.",
        "unknown items": "I do not find {unknown} in order {number}. Which of its items do you mean? "
        "Please name all of them at once.",
        "unclear items": "I am not sure which items you mean.",
        "unclear among": "I am not sure which you mean, or how many: {among}.",
    },
    "zh": {
        "items": "请问是订单 {number} 中的哪些商品？如有多件，请一次说全。",
        "more items": "您指的是 {named}，对吗？如果还有订单 {number} 中的其他商品，请一次说全。",
        "all": "全部",
        "too many": "一次最多 {most} 件。",
        "unknown items": "订单 {number} 中没有找到：{unknown}。请问您指的是哪些商品？请一次说全。",
        "unclear items": "我不太确定您指的是哪些商品。",
        "unclear among": "我不太确定您指的是哪一件，或者几件：{among}。",
    },
}


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
        found = _pointed(scene, scene.order, only) or find_items(
            scene.order.items, _THAT_IS_ALL.sub(" ", scene.text) if only else scene.text
        )
        if not found and only and yes_or_no(scene.text, scene.intent) is False:
            return Unclear(scene.words(WORDS, "unclear items"))
        return _reading(scene, found)

    def offer(scene: Scene) -> Reading:
        assert scene.order, "the order comes before its items"
        if len(scene.order.items) == 1:
            return Filled(str(scene.order.items[0].id))
        found = said_items(scene, scene.order.items)
        if not found or len(found) > MOST or _named_alone(scene, scene.order):
            return None
        return Filled(",".join(found))

    def correct(scene: Scene) -> Reading:
        return _corrected(scene, scene.order) if scene.order else None

    return Step("items", ask, read, offer, correct)


def _pointed(scene: Scene, order: Order, only: Item | None) -> tuple[str, ...] | None:
    """The item that is pointed at among those that were listed: "the first one", or "the other one" of two."""
    names = list(dict.fromkeys(str(item.id) for item in order.items))
    if only and len(names) == 2 and _OTHER.search(scene.text):
        return tuple(name for name in names if name != only.id)
    place = place_of(scene.text, len(names)) if len(names) == len(order.items) else None
    return None if place is None else (names[place],)


def _reading(scene: Scene, found: tuple[str, ...] | Ambiguous | None) -> Reading:
    if isinstance(found, Ambiguous):
        name = "unknown items" if found.unknown else "unclear among" if found.among else "unclear items"
        unknown, among = ", ".join(found.unknown), " / ".join(found.among)
        return Unclear(scene.words(WORDS, name, among=among, unknown=unknown, number=scene.slots.get("order")))
    if found and len(found) > MOST:
        return Unclear(scene.words(WORDS, "too many", most=MOST))
    return Filled(",".join(found)) if found else None


def _corrected(scene: Scene, order: Order) -> Reading:
    """Other items than were chosen, where a later question is answered with them: further ones, one in place of
    another, one fewer, or these alone."""
    if yes_or_no(scene.text, "") is True:
        return None
    chosen = chosen_ids(scene, "items")
    wanted, unwanted = parted(scene.text)
    left_out = find_items(order.items, unwanted, told=True) if unwanted else None
    if _asks_variants(scene) and not names_one(order.items, unwanted):
        left_out = None  # "Not the black one" may be about what one of them becomes.
    if isinstance(left_out, tuple) and set(left_out) & set(chosen):
        found = find_items(order.items, _JUST.sub(" ", wanted), told=True)
        if isinstance(found, Ambiguous):
            return _reading(scene, found)
        more = [name for name in found or () if name not in chosen]
        rest = tuple(name for name in chosen if name not in left_out)
        return _reading(scene, (*rest, *more) or Ambiguous())
    if _ADDS.search(scene.text):
        found = find_items(order.items, _ADDS.sub(" ", scene.text), told=True)
        more = [name for name in found if name not in chosen] if isinstance(found, tuple) else []
        return _reading(scene, (*chosen, *more)) if more else None
    # In answers to other questions items may be named in passing.
    puts_right = scene.requested == CONFIRMED and (_RIGHTS.search(scene.text) or _JUST.search(scene.text))
    if not puts_right:
        return None
    found = find_items(order.items, _JUST.sub(" ", _RIGHTS.sub(" ", scene.text)))
    if isinstance(found, tuple) and _asks_variants(scene) and set(found) <= set(chosen):
        return None  # It may be about what one of them becomes.
    return _reading(scene, found)


def _asks_variants(scene: Scene) -> bool:
    return bool(scene.slots.get("variant_1")) or str(scene.requested).startswith("variant_")


def _named_alone(scene: Scene, order: Order) -> Item | None:
    """The one item of several that the first words name, unless they say that it is the only one.

    What is done to an order is done once: who has begun with one item is reminded of the others.
    """
    found = said_items(scene, order.items)
    if not found or len(found) > 1 or len(order.items) == 1 or _ALONE.search(str(scene.slots.get(WISH))):
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
