"""How people in a hurry state a wish: loose names, order numbers that come late, reasons, politeness. Pure.

None of these sentences is one that the shop's intents learn from, and none is tau-bench's.
"""

import zlib
from collections.abc import Sequence

from bot.evaluation.conversation_tasks import Retail, Wish
from bot.evaluation.conversation_words import names_of

_WAYS = {
    "cancel": (
        "morning, the order with the {held} shouldn't go out, {reason}. cancel it pls",
        "need to cancel {number}, {reason}",
        "Hello there, I placed an order for {a_held} but {reason}. I would be glad if you could cancel that one.",
        "{number} has to be cancelled, as {reason}, thank you",
        "so sorry to bother you, is there any chance to cancel what I ordered? It has {a_held} in it and {reason}",
        "can we stop {number} please, {reason}",
    ),
    "return": (
        "hi I got the {items} and I'm not pleased at all, I want to send that back",
        "Good evening! I would like to return the {items} that you delivered, the number is {bare}.",
        "the {items} from {number} should go back to you, how about my money",
        "Unfortunately the {items} won't do. I'd like my money back for that, please.",
        "returning the {items}, order {bare}",
        "is it alright if I give back the {items} you delivered? not what I was looking for",
    ),
    "exchange": (
        "hello, the {items} you delivered isn't quite right for me, I want another version instead",
        "Could you help me swap the {items} from {number} for a different kind?",
        "got the {items} and would rather have {wanted}, can that be exchanged?",
        "exchange pls: {items}, {number}",
        "So I have received {number} and I need to exchange the {items} in it. {Wanted} would be right.",
        "Would it be possible to trade the delivered {items} for {wanted}?",
    ),
    "items": (
        "oops, in my pending order {number} I took the wrong {items}. I want {wanted}.",
        "Before you ship {number}: please change the {items}",
        "the order isn't sent yet, right? then I'd like to change the {items} in it to {wanted}",
        "I need another kind of {items} in {number}, it is still pending",
        "pls modify {number}, the {items} should be {wanted}",
        "Hi, I have ordered the {items} but chose the wrong options, can that still be changed in my order?",
    ),
    "payment": (
        "I want to pay {number} another way",
        "wrong payment on {number}, please take my {method} for it",
        "Could {number} be charged to my {method} rather than what I chose?",
        "hey, need to change how I pay for {number}",
    ),
    "address": (
        "the address on {number} is wrong, need to fix that asap",
        "please deliver {number} somewhere else, I gave you the wrong address",
        "Hello, I'd like you to send {number} to another address: {address}",
        "{number} must go to {address} pls",
    ),
    "account": (
        "we moved! please change my address in my account",
        "Could you put a new default address into my profile? It is {address}.",
        "my account still has an old address, I'd like to have it updated",
    ),
}

_REASONS = {
    "no longer needed": ("I don't need it any more", "we have no use for it any longer", "it's not needed now"),
    "ordered by mistake": ("it was ordered by mistake", "I ordered it by accident", "that was a mistake of mine"),
}


def hurried(wish: Wish, retail: Retail) -> str:
    """A wish in loose words; the same wish is always stated in the same ones."""
    draw = zlib.crc32(f"{wish.kind} {wish.order} {wish.facts.get('item_ids', '')}".encode())
    reasons = _REASONS.get(str(wish.facts.get("reason")), ("plans have changed",))
    held = [_loose(item["name"]) for item in retail.orders.get(wish.order, {}).get("items", ())]
    wanted = _wanted(wish, retail)
    ways = _WAYS[wish.kind]
    text = ways[draw % len(ways)].format(
        number=("order " if draw % 3 else "") + wish.order,
        bare=wish.order,
        items=_listed([_loose(name) for name in names_of(wish, retail)]),
        held=held[0] if held else "things",
        a_held=" and ".join([_with_article(name) for name in dict.fromkeys(held)][:2]) or "some things",
        reason=reasons[draw % len(reasons)],
        wanted=wanted,
        Wanted=wanted[:1].upper() + wanted[1:],
        method=str(wish.facts.get("payment_method_id", "")).rpartition("_")[0].replace("_", " ") or "other card",
        address=", ".join(str(wish.facts.get(part, "")) for part in ("address1", "city", "zip")),
    )
    return _mistyped(text, draw) if draw % 7 == 0 else text


def _loose(name: str) -> str:
    """A product as one calls it: ``lamp`` for ``Desk Lamp``."""
    return name.split()[-1].lower()


def _with_article(name: str) -> str:
    article = "an" if name[0] in "aeiou" else "a"
    return f"some {name}" if name.endswith("s") else f"{article} {name}"


def _listed(names: Sequence[str]) -> str:
    return " and the ".join(names) if len(names) < 3 else ", ".join(names[:-1]) + " and " + names[-1]


def _wanted(wish: Wish, retail: Retail) -> str:
    """Of one item, what is to be different about it; of several, that they differ."""
    old, new = wish.facts.get("item_ids", ()), wish.facts.get("new_item_ids", ())
    if len(old) != 1 or len(new) != 1 or old == new:
        return "other ones" if old != new else "the same again"
    before, after = retail.variant(str(old[0]))["options"], retail.variant(str(new[0]))["options"]
    return "the " + " ".join(str(value) for name, value in after.items() if before.get(name) != value) + " one"


def _mistyped(text: str, draw: int) -> str:
    """Two letters of one long word changed places; numbers stay, since a wrong one would be another's."""
    words = text.split(" ")
    long = [at for at, word in enumerate(words) if len(word) > 5 and word.isalpha()]
    if long:
        at = long[draw % len(long)]
        words[at] = words[at][:2] + words[at][3] + words[at][2] + words[at][4:]
    return " ".join(words)
