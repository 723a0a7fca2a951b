"""A claim as it was found in a text."""

from dataclasses import dataclass

from bot.grounding.quantities import Quantity

Value = Quantity | str | frozenset[int]


@dataclass(frozen=True, slots=True)
class Found:
    """A claim at ``text[start:end]``. Equal values are equal claims, whatever their spelling."""

    kind: str
    """``number``, ``price``, ``percentage``, ``date``, ``time``, ``duration``, ``measure``, ``code``, ``link``,
    ``email``, ``phone``, ``country`` or ``name``."""
    text: str
    value: Value
    start: int
    end: int
    bound: str = ""
    """How a quantity is bounded: ``min`` (from), ``over``, ``max`` (up to), ``under``, ``before``, ``after`` or ''."""
