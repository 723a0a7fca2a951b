"""A conversation, and pages of its log, out of what Redis holds, also where some of that cannot be read."""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.conversations import codec
from bot.records import Conversation, ConversationId, Entry, Floor, LogId, Message, MessageId, State, Utterance

_log = logging.getLogger(__name__)

_LOG_ID = re.compile(rb"[0-9]{1,13}-[0-9]{1,20}")

_NOWHERE = b"0-0"
"""Stands for a log id that cannot be read. Redis gives it to no entry."""

_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of a log."""

    entries: tuple[Entry, ...]
    """Oldest first; what cannot be read is left out."""
    end: LogId | None
    """The last entry that was there, readable or not; None where there was none."""
    count: int
    """Entries that were there, readable or not."""


def read_page(conversation: ConversationId, found: Sequence[Any], *, traced: bool = True) -> Page:
    """The stretch of the log that Redis gave, without traces where they are not wanted.

    One entry that nobody can read must not hide those behind it.
    """
    entries = []
    for log_id, (_, line) in found:
        place = LogId(log_id.decode())
        try:
            entries.append(codec.decode_entry(place, line, traced=traced))
        except codec.UNREADABLE as exc:
            _log.error("entry %s of the log of %s cannot be read: %s", place, conversation, type(exc).__name__)
    return Page(tuple(entries), LogId(found[-1][0].decode()) if found else None, len(found))


def read_floor(conversation: ConversationId, floor: bytes | None) -> Floor:
    """Who may speak, as it is stored; the assistant where nothing is, or nothing that can be read."""
    return _part(_floor, floor, "floor", conversation) or Floor.ASSISTANT


def read_conversation(conversation: ConversationId, found: Sequence[Any]) -> Conversation:
    """The conversation as ``found`` has it.

    Whatever stands there, this gives a conversation whose turn can be committed: one that nobody could load would
    wait for ever, with all mail that comes after. A state that cannot be read is forgotten. Where mail, utterances or
    the floor cannot, others stand in their place and the conversation is not ``readable``.
    """
    version, epoch, floor, state, mail, said, deliveries, shopper, begun = found
    floors = [_part(_floor, floor, "floor", conversation)]
    messages = [_part(codec.decode_mail, item, "a message", conversation) for item in mail]
    utterances = [_part(codec.decode_said, item, "an utterance", conversation) for item in said]
    remembered = _part(codec.decode_state, state, "state", conversation)
    return Conversation(
        id=conversation,
        version=version,
        epoch=epoch,
        floor=floors[0] or Floor.ASSISTANT,
        state=State() if remembered is None else remembered,
        mail=tuple(
            _stand_in(conversation, item, shopper) if message is None else message
            for message, item in zip(messages, mail, strict=True)
        ),
        said=tuple(utterance or Utterance() for utterance in utterances),
        tries=deliveries - 1,
        begun=bool(begun),
        readable=None not in [*floors, *messages, *utterances],
    )


def _part(decode: Callable[[Any], _Part], stored: Any, what: str, conversation: ConversationId) -> _Part | None:
    try:
        return decode(stored)
    except codec.UNREADABLE as exc:
        # Not what the error says: it can quote what is stored, and that is the shopper's.
        _log.error("%s of %s cannot be read: %s", what, conversation, type(exc).__name__)
        return None


def _floor(floor: bytes | None) -> Floor:
    return Floor(floor.decode()) if floor else Floor.ASSISTANT


def _stand_in(conversation: ConversationId, item: bytes, shopper: bytes) -> Message:
    """For a message that cannot be read: what a commit needs of it, and no text."""
    log_id = item.partition(b" ")[0]
    place = LogId((log_id if _LOG_ID.fullmatch(log_id) else _NOWHERE).decode())
    return Message(
        id=MessageId(place),
        conversation=conversation,
        channel=conversation.partition(":")[0],
        sender=shopper.decode(errors="replace"),
        text="",
        received_at=codec.time_of(place),
        log_id=place,
    )
