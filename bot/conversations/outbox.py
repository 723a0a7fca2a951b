"""Replies that a platform's API must deliver: in order within a conversation, each with its idempotency key."""

from dataclasses import dataclass

from bot.conversations import codec
from bot.conversations.connection import Script, Wire
from bot.conversations.keys import ConversationKeys
from bot.conversations.queue import OUTBOX_GROUP
from bot.records import ConversationId, LogId, Utterance

_delivered = Script("delivered")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One utterance that a platform must get."""

    conversation: ConversationId
    log_id: LogId
    key: str
    """``<turn>:<n>``, the same whenever it is tried again."""
    utterance: Utterance


class Outbox:
    """What is still to be delivered. A `Queue` over the stream ``outbox`` says for which conversations."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def load(self, conversation: ConversationId) -> list[Delivery]:
        """What ``conversation`` is still owed, in order.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        key = ConversationKeys.of(conversation)
        items = [item.decode().partition(" ") for item in await self._wire.ask("LRANGE", key.post, 0, -1)]
        found = await self._wire.ask_all(("XRANGE", key.log, log_id, log_id) for log_id, _, _ in items)
        deliveries = []
        for (log_id, _, name), entries in zip(items, found, strict=True):
            # The text stands in the log only. Past its retention it is gone, and so is what was owed.
            said = codec.decode_entry(LogId(log_id), entries[0][1][1]).utterance if entries else None
            deliveries.append(Delivery(conversation, LogId(log_id), name, said or Utterance()))
        return deliveries

    async def delivered(self, delivery: Delivery) -> int:
        """The platform has it: cross it off. Returns how many this conversation is still owed.

        Raises:
            StoreUnavailable: Redis does not answer; do not deliver again under another key.
        """
        key = ConversationKeys.of(delivery.conversation)
        left: int = await _delivered(
            self._wire, [key.hash, key.post, key.outbox], [f"{delivery.log_id} {delivery.key}", OUTBOX_GROUP]
        )
        return left

    async def settle(self, conversation: ConversationId) -> None:
        """Take ``conversation`` out of the outbox where it is owed nothing: what it was may be past its retention.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        await self.delivered(Delivery(conversation, LogId(""), "", Utterance()))
