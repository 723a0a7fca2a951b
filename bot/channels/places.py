"""How many of something one shopper, or one address, may have at the same time in this process."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from bot.errors import RateLimited

Item = TypeVar("Item")

_SOON = 2.0
"""Seconds after which one may have ended: an upload takes about so long."""


class Places:
    """So many for each; who has them all is refused, and nobody else."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: Counter[str] = Counter()

    @contextmanager
    def one_for(self, holder: str | None) -> Iterator[None]:
        """Hold a place inside the block. ``holder`` is None where it is not known, and then not counted.

        Raises:
            RateLimited: it has as many as it may.
        """
        if holder is None:
            yield
            return
        if self._held[holder] >= self._most:
            raise RateLimited(f"Only {self._most} of these at the same time. Wait for one to end.", _SOON)
        self._held[holder] += 1
        try:
            yield
        finally:
            self._held[holder] -= 1
            if not self._held[holder]:
                del self._held[holder]


class Newest(Generic[Item]):
    """The newest so many of each: a further one takes the place of the oldest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[str, tuple[Item, ...]] = {}

    def enter(self, holder: str, item: Item) -> Item | None:
        """Take a place; returns whose it was, where there was none left."""
        held = (*self._held.get(holder, ()), item)
        self._held[holder] = held[-self._most :]
        return held[0] if len(held) > self._most else None

    def leave(self, holder: str, item: Item) -> None:
        """Free the place, if it is held still."""
        left = tuple(other for other in self._held.pop(holder, ()) if other is not item)
        if left:
            self._held[holder] = left
