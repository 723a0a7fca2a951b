"""What may be spent in a day, counted over all servers: by names that say nothing of whom they count."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from bot.conversations import keys
from bot.conversations.connection import Script, Wire

_take = Script("take")


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of asking for a share."""

    share: int
    """How much was granted; 0 when all is spent."""
    left: timedelta
    """Until all can be spent again."""


async def take(wire: Wire, wanted: Iterable[tuple[str, int, int]]) -> list[Taken]:
    """Take shares of budgets, each ``(name, share, limit)``; all of them travel in one round trip.

    Each is a script on its own key, so they may lie on different nodes of a Redis Cluster. A share that was taken
    beside one that was refused stays taken.

    Raises:
        StoreUnavailable: Redis does not answer; what was taken is lost for the day.
    """
    day = round(keys.DAY.total_seconds() * 1000)
    answers = await asyncio.gather(
        *(_take(wire, [keys.spent(name)], [share, limit, day]) for name, share, limit in wanted)
    )
    return [Taken(share, timedelta(milliseconds=max(0, left))) for share, left in answers]
