"""What a shopper may ask for: everything that is kept about them, and that it be gone."""

from contextlib import suppress
from typing import Any

from bot.conversations import codec, keys
from bot.conversations.connection import Script, Wire
from bot.conversations.files import Files
from bot.conversations.keys import ConversationKeys
from bot.conversations.queue import OUTBOX_GROUP, READY_GROUP
from bot.conversations.reading import Page
from bot.conversations.store import Conversations
from bot.errors import StoreUnavailable
from bot.records import ConversationId, Entry, LogId

_PAGE = 1000

_erase = Script("erase")


async def conversations_of(wire: Wire, shopper: str) -> list[ConversationId]:
    """Every conversation of a shopper, on all channels.

    Each shard has its own index, so that accepting a message stays one script; asking all of them is one round trip.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    found = await wire.ask_all(("SMEMBERS", keys.shopper(shard, shopper)) for shard in range(keys.SHARDS))
    return sorted(ConversationId(member.decode()) for members in found for member in members)


async def export(conversations: Conversations, shopper: str, files: Files | None = None) -> dict[str, Any]:
    """All that is kept about ``shopper``, as JSON can hold it; no conversations when they are not known.

    With ``files``, also what the shopper sent: what each file is, and where its bytes lie.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    exported = []
    for conversation in await _all_of(conversations.wire, shopper):
        found = await conversations.load(conversation)
        sent = await files.of(conversation) if files else []
        told: dict[str, Any] = {"id": conversation}
        if found is not None:
            told |= {
                "floor": found.floor,
                "state": codec.plain(found.state),
                "log": [codec.plain(entry) for entry in (await _whole_log(conversations, conversation)).entries],
            }
        if files and sent:
            told["files"] = [codec.plain(file) | {"path": str(files.path(conversation, file))} for file in sent]
        if len(told) > 1:
            exported.append(told)
    return {"shopper": shopper, "conversations": exported}


async def erase(conversations: Conversations, shopper: str, files: Files | None = None) -> int:
    """Delete every key of every conversation of ``shopper``, and their ``files``; returns how many conversations.

    Redis is asked to write its append-only file anew, which takes what was deleted off the disk.

    Raises:
        StoreUnavailable: Redis does not answer, or a file cannot be deleted; ask again.
    """
    wire = conversations.wire
    # Files go first, while Redis still says where they may be: whoever asks again after an error finds them.
    with_files = [each for each in await _all_of(wire, shopper) if files and await files.erase(each)]
    found = await conversations_of(wire, shopper)
    for conversation in found:
        await _erase_one(conversations, conversation, shopper)
    if found:
        # Hosted servers forbid it, and one under way is as good: deleted is deleted, the file follows later.
        with suppress(StoreUnavailable):
            await wire.ask_each("BGREWRITEAOF")
    return len({*found, *with_files})


async def _all_of(wire: Wire, shopper: str) -> list[ConversationId]:
    """`conversations_of`, and the widget's: a shopper may have sent a file there, and no message after it."""
    return sorted({*await conversations_of(wire, shopper), ConversationId(f"web:{shopper}")})


async def _erase_one(conversations: Conversations, conversation: ConversationId, shopper: str) -> None:
    key = ConversationKeys.of(conversation)
    erased = 0
    while not erased:
        log = await _whole_log(conversations, conversation)
        seen = [key.seen(entry.message.id) for entry in log.entries if entry.message is not None]
        erased = await _erase(
            conversations.wire,
            [key.hash, key.mail, key.said, key.log, key.post, key.ready, key.outbox, key.shopper(shopper), *seen],
            [key.id, log.end or "", READY_GROUP, OUTBOX_GROUP],
        )


async def _whole_log(conversations: Conversations, conversation: ConversationId) -> Page:
    entries: list[Entry] = []
    end: LogId | None = None
    while (page := await conversations.page(conversation, end, _PAGE)).end is not None:
        entries += page.entries
        end = page.end
    return Page(tuple(entries), end, len(entries))
