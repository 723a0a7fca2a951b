"""Finds every conversation that is kept, a stretch at a time: for what a shop does now and then, not for a turn."""

from collections.abc import AsyncIterator

from bot.conversations.connection import Wire, translated
from bot.records import ConversationId

_AT_ONCE = 1000


async def all_conversations(wire: Wire) -> AsyncIterator[ConversationId]:
    """Every conversation with a log, on every server, in no order; one that begins meanwhile may be missed.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    told: set[str] = set()  # A scan may give a key twice, and a slot that moves is on two servers for a while.
    for node in wire.nodes:
        cursor = b"0"
        while True:
            with translated():
                cursor, found = await node.send(("SCAN", cursor, "MATCH", "{s*}:log:*", "COUNT", _AT_ONCE))
            for key in found:
                name = key.decode().partition(":log:")[2]
                if name not in told:
                    told.add(name)
                    yield ConversationId(name)
            if int(cursor) == 0:
                break
