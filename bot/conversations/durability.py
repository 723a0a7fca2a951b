"""What of a Redis's own settings breaks the promise that nothing accepted is lost."""

import re
from collections.abc import Iterable

from bot.conversations.connection import Wire
from bot.errors import StoreRefused


async def weaknesses(wire: Wire) -> list[str]:
    """What is wrong with the servers' settings, in words; [] where accepted messages survive whatever happens to them.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    found: dict[str, None] = {}
    for persistence in await wire.ask_each("INFO", "persistence"):
        if b"aof_enabled:1" not in persistence:
            found["keeps no append-only file; set `appendonly yes`, `appendfsync always`"] = None
    for memory in await wire.ask_each("INFO", "memory"):
        policy = re.search(rb"maxmemory_policy:(\S+)", memory)
        if b"maxmemory:0\r" not in memory and policy and policy[1] != b"noeviction":
            found[f"may drop conversations ({policy[1].decode()}); set `maxmemory-policy noeviction`"] = None
    if not found and not await _syncs_always(wire):
        found["may lose the last second when its machine dies; set `appendfsync always`"] = None
    return list(found)


async def _syncs_always(wire: Wire) -> bool:
    """Whether every server syncs before it answers; taken for granted where it does not tell, as hosted ones do."""
    try:
        told: Iterable[object] = await wire.ask_each("CONFIG", "GET", "appendfsync")
    except StoreRefused:
        return True
    return all(answer == {b"appendfsync": b"always"} for answer in told)
