"""What the message that began a form says already: order, items, variants, payment. It is taken where it is plain.

A form shows all of it in its summary before anything is done; what is doubtful here is asked for instead.
"""

import re
from collections.abc import Sequence

from actions.lines import find_items
from actions.matching import find_method, find_variant, holds, words
from actions.scene import WISH, Scene
from actions.shop.records import Item, Order, PaymentMethod, Variant

_STORY = 40
"""Words; a longer message tells of other things too."""

_DOUBT = re.compile(
    r"\b(?:if|unless|or|either|whichever|maybe|perhaps|cheap\w*|similar|except|keep\w*|but|not|n't|don't|without)\b"
    r"|如果|或者|要不",
    re.IGNORECASE,
)
"""Conditions, choices and exceptions, which a form had better ask about."""

_ALL = re.compile(
    r"\b(?:everything|(?:whole|entire|complete|full) order|all items"
    r"|all (?:of )?(?:it|them|(?:the|my|its) (?:items|things|stuff)))\b|全部|所有",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?;。！？；])\s+|\n+")
_WANTS = re.compile(
    r"\b(?:return\w*|send\w*|refund\w*|exchang\w*|swap\w*|replac\w*|chang\w*|modif\w*|switch\w*|updat\w*|upgrad\w*"
    r"|back|instead|want|make|need|prefer)\b|退|换|改",
    re.IGNORECASE,
)
_BECOMES = re.compile(
    r"\b(?:for|to|into|with|in|as|becomes?|should be|(?:needs|has) to be|should have been)\b"
    r"(?: (?:a|an|the|one|my)\b)*",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"\b(?:instead of|rather than|in place of)\b[^,.;]*"
    r"|\bfrom (?!(?:\w+ ){0,2}(?:order|delivery|purchase)\b|#?[a-z]{0,3}-?\d{4,})[^,.;]*?(?=\bto\b|[,.;]|$)",
    re.IGNORECASE,
)
"""What is to be no more; "from order 204820" is not."""

_PAYING = re.compile(
    r"\b(?:to|with|via|using|use|on|onto|through|by|charge)\s+(?:my|the|that)?\s*"
    r"(?P<method>(?:original |same |other )?(?:paypal|pay pal|ideal|gift ?card|credit ?card|visa|master ?card|amex"
    r"|payment(?: method)?)(?: (?:ending )?(?:in |with )?\d{4})?|card (?:ending )?(?:in |with )?\d{4}"
    r"|(?:card|method|account) (?:that )?i (?:paid|used)[\w ]*)",
    re.IGNORECASE,
)


def wish(scene: Scene) -> str:
    """The message that the form began with; empty where it is a story, or leaves something open."""
    text = str(scene.slots.get(WISH) or "")
    return text if len(text.split()) <= _STORY and not _DOUBT.search(text) else ""


def head(name: str) -> list[str]:
    """What a product is, without its brand and size: ``lamp`` of ``Desk Lamp``, ``bottle`` of ``Steel Bottle 0.75 l``;
    nothing where no word of the name says so."""
    return [word for word in words(name) if word.isalpha() and len(word) > 2][-1:]


def names_one(lines: Sequence[Item], text: str) -> bool:
    """Whether the text names one of the lines, by the last word of its name at least."""
    told = words(text)
    return any(holds(told, head(line.name)) for line in lines)


def described(orders: Sequence[Order], text: str) -> Order | None:
    """The order that has most of what the text names: a whole name counts more than ``lamp`` for ``Desk Lamp``."""
    told = words(text)

    def weight(order: Order) -> int:
        names = {line.name for line in order.items}
        return sum(holds(told, words(name)) + holds(told, head(name)) for name in names)

    best = max(map(weight, orders), default=0)
    found = [order for order in orders if best and weight(order) == best]
    return found[0] if len(found) == 1 else None


def said_items(scene: Scene, lines: Sequence[Item]) -> tuple[str, ...] | None:
    """The lines of an order that the message names, each by its own word: of ``Desk Lamp``, at least ``lamp``."""
    text = " ".join(part for part in _SENTENCE.split(wish(scene)) if _WANTS.search(part))
    if not text:
        return None
    told = words(text)
    named = {line.id for line in lines if holds(told, head(line.name))}
    if not named:
        return tuple(str(line.id) for line in lines) if _ALL.search(text) else None
    found = find_items(lines, _ALL.sub(" ", _BEFORE.sub(" ", text)), told=True)
    return found if isinstance(found, tuple) and set(found) <= named else None


def said_variant(scene: Scene, item: Item, variants: Sequence[Variant], others: Sequence[Item]) -> Variant | None:
    """The variant that the message wants for ``item``: every value named or left as it is, and in stock.

    ``others`` are the further items of the same wish; what stands behind the name of one is about that one.
    """
    text, name = wish(scene), head(item.name)
    at = [found.end() for found in re.finditer(r"[^\W_]+", text) if words(found[0]) == name]
    if len(at) != 1 or any(other.name == item.name for other in others):
        return None
    rest = text[at[0] :]
    for other in others:
        stop = next((f.start() for f in re.finditer(r"[^\W_]+", rest) if words(f[0]) == head(other.name)), None)
        rest = rest if stop is None else rest[:stop]
    becomes = list(_BECOMES.finditer(rest))
    found = [find_variant(item, variants, _BEFORE.sub(" ", rest[each.end() :])) for each in becomes]
    fitting = {str(each.id): each for each in found if isinstance(each, Variant)}
    if len(fitting) != 1:
        return None
    (variant,) = fitting.values()
    told = words(rest)
    changed = [name for name, value in variant.options.items() if item.options.get(name) != value]
    plain = all(holds(told, words(variant.options[name])) for name in changed)
    return variant if changed and plain and variant.available else None


def said_method(scene: Scene, methods: Sequence[PaymentMethod], original: str | None) -> PaymentMethod | None:
    """The payment method that the message wants."""
    text = _BEFORE.sub(" ", wish(scene))
    found = {
        method.id: method
        for each in _PAYING.finditer(text)
        if isinstance(method := find_method(methods, each["method"], original), PaymentMethod)
    }
    return next(iter(found.values())) if len(found) == 1 else None
