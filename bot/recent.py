"""What pure work brought lately, for the next who brings the same: shoppers ask the same things all day."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from bot.masking import mask

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

LONGEST = 200
"""Characters of a text that may be somebody else's too; longer ones are letters, and hardly ever come again."""


class Recent(Generic[K, V]):
    """At most ``most`` results by what they were made of; those not asked for the longest go first.

    It holds results, never decisions: whoever asks must get from the work itself what it gets here. Belongs to one
    thread.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """What was kept under ``key``, or None."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def keep(self, key: K, value: V) -> V:
        """Keep ``value``, and give it back."""
        self._kept[key] = value
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return value


def is_anybodys(text: str) -> bool:
    """Whether a text may be kept beyond its turn: short, and without what masking finds personal."""
    return len(text) <= LONGEST and mask(text) == text
