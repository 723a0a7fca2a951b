"""How much waits for a worker, over all servers: what tells a server to take nothing more on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bot.conversations import keys
from bot.conversations.connection import Command, Wire
from bot.conversations.queue import READY_GROUP
from bot.errors import StoreUnavailable

_STREAMS = tuple(keys.ready(shard) for shard in range(keys.SHARDS))
_LOOK: tuple[Command, ...] = tuple(("XINFO", "GROUPS", stream) for stream in _STREAMS)
_GROUP = READY_GROUP.encode()


@dataclass(frozen=True, slots=True)
class Backlog:
    """Conversations with mail that no turn has covered."""

    waiting: int
    """That no worker has taken."""
    under_way: int
    """That a worker has: their turn is made, waits for the shopper's next words, or for another try."""
    age: timedelta
    """How long the oldest of those ``waiting`` waits; zero where none does.

    One turn that hangs is not counted, lest a single conversation close the shop.
    """


async def measure(wire: Wire) -> Backlog:
    """Look at every shard's ready stream, all in one batch; only those where something waits are asked once more.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    seconds, microseconds = await wire.ask("TIME")
    try:
        groups = [_group(found) for found in await wire.ask_all(_LOOK)]
    except StoreUnavailable as exc:
        if "no such key" not in str(exc):
            raise
        return Backlog(0, 0, timedelta())  # Before the first worker of all has opened its queue.
    under_way = sum(int(group[b"pending"]) for group in groups if group)
    behind = [
        (stream, group)
        for stream, group in zip(_STREAMS, groups, strict=True)
        # No lag is told where an entry was deleted that nobody had read, by erasing a shopper.
        if group and group[b"lag"] != 0
    ]
    if not behind:
        return Backlog(0, under_way, timedelta())
    lengths = await wire.ask_all([("XLEN", stream) for stream, _ in behind])
    firsts = await wire.ask_all(
        [("XRANGE", stream, f"({group[b'last-delivered-id'].decode()}", "+", "COUNT", 1) for stream, group in behind]
    )
    # What is done with is deleted, so a stream holds what waits and what is under way, and nothing else.
    waiting = sum(
        max(0, int(length) - int(group[b"pending"])) for length, (_, group) in zip(lengths, behind, strict=True)
    )
    now = int(seconds) * 1000 + int(microseconds) // 1000
    oldest = min((int(entries[0][0].partition(b"-")[0]) for entries in firsts if entries), default=now)
    return Backlog(waiting, under_way, timedelta(milliseconds=max(0, now - oldest)))


def _group(found: Any) -> Mapping[bytes, Any] | None:
    """The workers' group among a stream's groups; None before the first worker has made it."""
    return next((group for group in found if group[b"name"] == _GROUP), None)
