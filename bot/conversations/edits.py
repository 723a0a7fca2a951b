"""Writing into a conversation from outside of any turn: what a program appends, and the state it leaves."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.conversations import codec
from bot.conversations.connection import Script
from bot.conversations.keys import ConversationKeys
from bot.conversations.store import Conversations
from bot.records import ConversationId, EntryKind, LogId, Receipt, State, Utterance

_edit = Script("edit")


@dataclass(frozen=True, slots=True)
class Edit:
    """What is appended to a log, in this order, and the state that the next turn begins with."""

    state: State
    events: Sequence[Mapping[str, Any]] = ()
    """For the record only: no shopper sees them."""
    receipt: Receipt | None = None
    utterances: Sequence[Utterance] = ()
    """Said to the shopper, as the assistant."""


async def edit(
    conversations: Conversations,
    conversation: ConversationId,
    shopper: str,
    version: int,
    edit: Edit,
    token: str | None = None,
) -> LogId:
    """Write ``edit`` into a conversation that was read at ``version`` (0 for one that there is not yet).

    All of it happens, or nothing; a turn under way is made again with it. Returns the log id of the last entry; there
    has to be one. Where the conversation's last edit had the same ``token``, nothing is written, whatever the version.

    Raises:
        TurnStale: the conversation went on since it was read; read it again.
        FloorLost: something was to be said, and an agent has the floor.
        BadRequest: an event cannot be stored as JSON.
        StoreUnavailable: Redis does not answer; it may have happened.
    """
    key = ConversationKeys.of(conversation)
    token = token or secrets.token_hex(16)
    entries = [codec.encode_entry(EntryKind.EVENT, event=event) for event in edit.events]
    if edit.receipt is not None:
        entries.append(codec.encode_entry(EntryKind.RECEIPT, receipt=edit.receipt))
    entries += [codec.encode_entry(EntryKind.ASSISTANT, utterance=said) for said in edit.utterances]
    assert entries, "an edit writes something"
    place = await _edit(
        conversations.wire,
        [key.hash, key.log, key.shopper(shopper), key.post, key.outbox],
        [
            version,
            token,
            codec.encode(edit.state),
            conversations.retention_ms,
            key.live,
            key.id,
            shopper,
            token if conversations.pushes(conversation.partition(":")[0]) else "",
            len(edit.utterances),
            *entries,
        ],
    )
    return LogId(place.decode())
