"""The scripted shopper: says what it wants, answers what it is asked, and reads a summary before its yes. Pure.

It is easier to please than tau-bench's, which a language model plays: it never changes its mind, never wanders off,
and knows order numbers and payment methods by heart.
"""

import re
from dataclasses import dataclass
from typing import Any

from bot.evaluation.conversation_talk import Heard
from bot.evaluation.conversation_tasks import Retail, Task, Wish
from bot.evaluation.conversation_words import address_line, names_of

_CHANGES = {"items": "the items", "payment": "the payment method", "address": "the delivery address"}
_SUMMARY = {
    "cancel": "cancel",
    "return": "return",
    "exchange": "exchange",
    "items": "becomes",
    "payment": "pa",
    "address": "send",
    "account": "account",
}
"""A word that the summary of a wish has in it, and those of most others have not."""

_ALIKE = {"return": "exchange", "exchange": "return"}
NO = "No, that is not what I want."
LEAVE = "Never mind."


@dataclass(frozen=True, slots=True)
class Shopper:
    """Somebody with a task."""

    task: Task
    retail: Retail
    own_words: bool = False
    """Whether it answers in words of its own instead of taking what is offered; at a second time it takes that."""
    hurriedly: bool = False
    """Whether it states its wishes in loose words, and not in the instruction's."""

    trusting: bool = False
    """Whether it says yes to every summary, right or wrong."""

    def identity(self, times: int) -> str:
        """Who it is; another way each time it is asked."""
        text, user = self.task.instruction, self.retail.users[self.task.user]
        emails = [email.rstrip(".") for email in re.findall(r"\S+@\S+", text)]
        name = " ".join(user["name"].values())
        code = re.search(r"\b\d{5}\b", re.sub(r"#?W\d+|\S+@\S+|\w+_\d+", " ", text))
        known = [*(f"My e-mail address is {email}" for email in emails), *([f"{name}, {code[0]}"] if code else [])]
        known = known or [f"{name}, {user['address']['zip']}"]
        return known[min(times, len(known) - 1)]

    def answer(self, wish: Wish, heard: Heard, times: int) -> str:
        """What to say to a question about ``wish``; ``times`` it was asked before."""
        slot = heard.ask or ""
        if slot in ("shopper", "email"):
            return self.identity(times)
        if self.own_words and times == 0 and (said := self._own(wish, slot, heard)):
            return said
        if slot.startswith("variant"):
            return self._variant(wish, heard)
        match slot:
            case "order" | "order_number":
                return _holding(heard.options, wish.order) or wish.order or "I do not know the number."
            case "reason":
                return str(wish.facts.get("reason", "no longer needed")).capitalize()
            case "change":
                return _CHANGES.get(wish.kind, "the items")
            case "address_of":
                return "the address of my account" if wish.kind == "account" else "the delivery address of an order"
            case "items":
                return self._items(wish, heard)
            case "method":
                return self._method(wish, heard)
            case "new_address":
                return address_line(dict(wish.facts)) if "address1" in wish.facts else LEAVE
            case "confirmed":
                return "Yes" if self.agrees(wish, heard.text) else NO
        return heard.options[0] if heard.options else LEAVE

    def _own(self, wish: Wish, slot: str, heard: Heard) -> str | None:
        """An answer in the shopper's own words, where there is something to word."""
        names = [name.lower() for name in names_of(wish, self.retail)]
        match slot.rstrip("123456789_"):
            case "order" if names:
                return f"The one with the {names[0]}"
            case "items" if names and len(names) == len(wish.facts["item_ids"]):
                return "the " + " and the ".join(names)
            case "variant":
                return self._changed(wish, heard)
            case "reason":
                mistaken = "mistake" in str(wish.facts.get("reason"))
                return "oh, I ordered it by accident" if mistaken else "I just don't need it anymore"
            case "method":
                name = str(wish.facts.get("payment_method_id", ""))
                return f"Please use my {name.rpartition('_')[0].replace('_', ' ')}"
            case "confirmed" if self.agrees(wish, heard.text):
                return "Yes please, go ahead"
        return None

    def _changed(self, wish: Wish, heard: Heard) -> str | None:
        """Only what is to be different: ``black and large``."""
        old, pairs = str(heard.about.get("item")), self._pairs(wish)
        new = [after for before, after in pairs if before == old]
        if len(new) != 1 or new[0] == old:
            return None
        before, after = self.retail.variant(old)["options"], self.retail.variant(new[0])["options"]
        return " and ".join(str(value) for name, value in after.items() if before.get(name) != value)

    def agrees(self, wish: Wish, summary: str) -> bool:
        """Whether a summary says what is wished, as far as a careful reader sees."""
        if self.trusting:
            return True
        lowered = summary.casefold()
        new = [self.retail.variant(item) for item in wish.facts.get("new_item_ids", ())]
        facts = [wish.order, _SUMMARY[wish.kind], *names_of(wish, self.retail)]
        facts += [str(value) for variant in new for value in variant.get("options", {}).values()]
        facts += [str(wish.facts[name]) for name in ("address1", "address2", "zip", "reason") if name in wish.facts]
        other = _ALIKE.get(wish.kind)
        return all(fact.casefold() in lowered for fact in facts) and not (other and f"register this {other}" in lowered)

    def _items(self, wish: Wish, heard: Heard) -> str:
        ids = [str(item) for item in wish.facts.get("item_ids", ())]
        told = []
        for item in dict.fromkeys(ids):
            fitting = [option for option in heard.options if _is(option, self.retail.variant(item))]
            times = ids.count(item)
            counted = [option for option in fitting if option.startswith(f"{times} ×")]
            told.append((counted or fitting or [f"{times} × {self.retail.variant(item).get('name', item)}"])[0])
        return ", ".join(told) or LEAVE

    def _variant(self, wish: Wish, heard: Heard) -> str:
        old, pairs = str(heard.about.get("item")), list(self._pairs(wish))
        wanted = [new for before, new in pairs if before == old]
        if not wanted:
            return LEAVE
        # The same item may be swapped for two things: they are asked for in this order.
        asked = int(re.sub(r"\D", "", heard.ask or "") or 1) - 1
        mine = [new for at, (before, new) in enumerate(pairs) if before == old and at <= asked]
        new = wanted[min(max(len(mine), 1), len(wanted)) - 1]
        variant = self.retail.variant(new)
        # With its price where that is another one: ``black, AC adapter (150.01 EUR)``.
        fitting = [option for option in heard.options if _same(re.sub(r" \([^()]*\)$", "", option), variant)]
        return fitting[0] if fitting else ", ".join(map(str, variant["options"].values()))

    def _pairs(self, wish: Wish) -> list[tuple[str, str]]:
        old, new = wish.facts.get("item_ids", ()), wish.facts.get("new_item_ids", ())
        return [(str(one), str(other)) for one, other in zip(old, new, strict=False)]

    def _method(self, wish: Wish, heard: Heard) -> str:
        name = str(wish.facts.get("payment_method_id", ""))
        method: dict[str, Any] = self.retail.users[self.task.user]["payment_methods"].get(name, {})
        marks = [method.get("last_four"), name[-4:] if method.get("source") == "gift_card" else None]
        marks += ["paypal"] if method.get("source") == "paypal" else []
        fitting = [o for o in heard.options if any(mark and mark in o.casefold() for mark in marks)]
        return fitting[0] if len(fitting) == 1 else name or "the original one"


def _holding(options: tuple[str, ...], words: str) -> str | None:
    return next((option for option in options if words and words in option), None)


def _is(option: str, variant: Any) -> bool:
    """Whether an option is this item: ``2 × Desk Lamp (black, AC adapter)``."""
    name, _, values = option.partition(" (")
    return bool(variant) and name.rpartition("× ")[2] == variant["name"] and _same(values.rstrip(")"), variant)


def _same(listed: str, variant: Any) -> bool:
    """Whether the listed values are those of the variant, in any order."""
    return sorted(listed.split(", ")) == sorted(map(str, variant["options"].values()))
