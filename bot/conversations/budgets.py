"""What may be spent in a day, counted over all servers: by names that say nothing of whom they count."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from bot.conversations import keys
from bot.conversations.connection import Script, Wire
from bot.errors import StoreUnavailable

ELSEWHERE = timedelta(milliseconds=500)
"""Longest wait for a budget that lies beside no conversation: its server is away, perhaps, and the shopper's is not."""

_take = Script("take")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A share of a budget."""

    name: str
    shard: int | None
    """Where it lies; None where its name says so."""
    share: int
    limit: int
    """What may be spent in a day."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of asking for a share."""

    share: int
    """How much was granted; 0 when all is spent."""
    left: timedelta
    """Until all can be spent again."""


async def take(wire: Wire, wanted: Iterable[Wanted]) -> list[Taken | StoreUnavailable]:
    """Take shares of budgets; all of them travel in one round trip.

    Each is a script on its own key, so they may lie on different nodes of a Redis Cluster. A share that was taken
    beside one that was refused stays taken. In place of one whose node does not answer stands why; what was taken of it
    all the same is lost for the day.
    """
    return await asyncio.gather(*(_take_one(wire, one) for one in wanted))


async def _take_one(wire: Wire, wanted: Wanted) -> Taken | StoreUnavailable:
    day = round(keys.DAY.total_seconds() * 1000)
    key = keys.spent(wanted.name, wanted.shard)
    try:
        async with asyncio.timeout(ELSEWHERE.total_seconds() if wanted.shard is None else None):
            share, left = await _take(wire, [key], [wanted.share, wanted.limit, day])
    except StoreUnavailable as exc:
        return exc
    except TimeoutError:
        return StoreUnavailable(f"Redis does not answer within {ELSEWHERE.total_seconds():g} s")
    return Taken(share, timedelta(milliseconds=max(0, left)))
