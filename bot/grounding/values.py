"""Comparing amounts: when a sentence's amount is the one that stands in a source."""

from bot.grounding.claims import QUANTITIES
from bot.grounding.found import Found
from bot.grounding.quantities import Quantity
from bot.grounding.words import concepts

_ALIKE = {
    "": {"", "within", "max"},
    "within": {"within", "max", "under", ""},
    "min": {"min", "over"},
    "over": {"over"},
    "max": {"max", "under", "until", "within"},
    "under": {"under"},
    "before": {"before", "until"},
    "until": {"until", "before", "max"},
    "after": {"after"},
}
"""A source's bound to the bounds that a sentence may give the same amount: never wider than the source's."""


def same_quantity(said: Found, source: Found) -> bool:
    """Whether two claims give the same amount: by value and unit, an end of a range for a bounded amount."""
    if said.kind not in QUANTITIES or source.kind not in QUANTITIES:
        return False
    a, b = said.value, source.value
    if not isinstance(a, Quantity) or not isinstance(b, Quantity):
        return False
    if a.unit != b.unit and not (said.kind == "number" and a.head in _PRICELESS and source.kind == "price"):
        return False
    if (a.low, a.high) == (b.low, b.high):
        return a.unit != "" or b.unit != "" or not a.head or not b.head or _same_head(a.head, b.head)
    if b.is_range and not a.is_range:
        return (a.low == b.high and said.bound in {"max", "within", "until", "before"}) or (
            a.low == b.low and (said.bound == "min" or (a.unit == "clock" and said.bound in {"", "after"}))
        )
    return False


_PRICELESS = frozenset({"", "in", "to", "for", "from", "and"})
"""What follows a price that is said without its currency: "shipping costs 3.95"."""


def _same_head(said: str, source: str) -> bool:
    return bool(concepts(said) & concepts(source)) or said in _PRICELESS or source in _PRICELESS


def bounded_alike(said: Found, source: Found) -> bool:
    """Whether the sentence bounds the amount no wider than the source does."""
    a, b = said.value, source.value
    if isinstance(a, Quantity) and isinstance(b, Quantity) and b.is_range and not a.is_range:
        return True
    if source.bound == "" and said.bound == "min" and said.kind == "time":
        return True
    return said.bound in _ALIKE.get(source.bound, set())
